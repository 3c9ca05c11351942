"""Audio to steps: bytes to samples, 8 kHz to 16 kHz, samples to steps of 30 ms; incremental, shared with training.

Every sum runs term by term over whole arrays, never through a product whose order depends on the number of rows: the
steps are the same to the bit wherever the audio was cut.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.errors import Reason, invalid

Floats: TypeAlias = NDArray[np.float32]

SAMPLE_RATE: Final = 16_000
"""Samples per second of what a network reads."""
STEP_SAMPLES: Final = 480
"""Samples of a step: 30 ms."""
RATES: Final = (8_000, SAMPLE_RATE)
"""Samples per second of what is understood."""

REACH: Final = 16
"""Samples at 8 kHz on each side of a new one that it is made from."""
KAISER_BETA: Final = 8.0
"""Of the window over the sinc: images of what lies below 3.3 kHz stay about 80 dB below it."""


class Encoding(StrEnum):
    """How samples are stored."""

    LINEAR16 = "linear16"
    FLOAT32 = "float32"
    MULAW = "mulaw"
    ALAW = "alaw"

    @property
    def sample_bytes(self) -> int:
        """Bytes of one sample."""
        return {Encoding.LINEAR16: 2, Encoding.FLOAT32: 4}.get(self, 1)

    @property
    def full_scale(self) -> float:
        """The magnitude, after decoding, from which on a sample may be clipped."""
        tables = {Encoding.MULAW: _MULAW, Encoding.ALAW: _ALAW}
        if self in tables:
            return float(tables[self].max())
        return 32767 / 32768 if self is Encoding.LINEAR16 else 1.0


@dataclass(slots=True)
class AudioMemory:
    """What a stream of audio carries: `seen`, samples at 8 kHz that new ones are still made from, and `waiting`,
    samples at 16 kHz of a step that is not complete.
    """

    seen: Floats
    waiting: Floats


class AudioFrontend:
    """Samples at one of the known rates to steps [steps, 480]; both float32 in -1..1."""

    def __init__(self, rate: int) -> None:
        """`rate`: 8000 or 16000 samples per second. Raises ValueError for any other."""
        if rate not in RATES:
            raise ValueError(f"{rate} samples per second is none of {', '.join(map(str, RATES))}")
        self.rate = rate

    @property
    def stride(self) -> int:
        """Samples at 16 kHz for each one that comes in; the first of them is that sample itself."""
        return SAMPLE_RATE // self.rate

    def begin(self) -> AudioMemory:
        """Before the first sample: silence."""
        return AudioMemory(np.zeros(REACH - 1, np.float32), np.zeros(0, np.float32))

    def encode(self, memory: AudioMemory, samples: Floats) -> Floats:
        """The steps that these samples [n] complete."""
        return self._steps(memory, samples if self.stride == 1 else _doubled(memory, samples))

    def flush(self, memory: AudioMemory) -> Floats:
        """The last steps: what was waiting, filled up with zeros; none where nothing was. Begin anew after it."""
        rest = np.zeros(0, np.float32)
        if self.stride > 1 and len(memory.seen) >= REACH:
            rest = _doubled(memory, np.zeros(REACH, np.float32))
        missing = -(len(memory.waiting) + len(rest)) % STEP_SAMPLES
        return self._steps(memory, np.concatenate([rest, np.zeros(missing, np.float32)]))

    @staticmethod
    def _steps(memory: AudioMemory, samples: Floats) -> Floats:
        joined = np.concatenate([memory.waiting, samples])
        whole = len(joined) - len(joined) % STEP_SAMPLES
        memory.waiting = joined[whole:].copy()
        return joined[:whole].reshape(-1, STEP_SAMPLES)


def steps_of(samples: Floats, rate: int) -> Floats:
    """The steps [steps, 480] of a whole recording [n], the last one filled up with zeros."""
    frontend = AudioFrontend(rate)
    memory = frontend.begin()
    return np.concatenate([frontend.encode(memory, samples), frontend.flush(memory)])


def samples_of(data: bytes, encoding: Encoding) -> Floats:
    """Bytes as they travel to samples [n] in -1..1; floats beyond are cut off there.

    Raises CHUNK_EMPTY, AUDIO_SIZE_MISMATCH for bytes that are no whole number of samples, VALUE_NOT_FINITE.
    """
    if not data:
        raise invalid(Reason.CHUNK_EMPTY, "there is no sample in this message: send one or more", "audio.samples")
    if len(data) % encoding.sample_bytes:
        problem = f"{len(data)} bytes are no whole number of samples: one has {encoding.sample_bytes}"
        raise invalid(Reason.AUDIO_SIZE_MISMATCH, f"{problem}; cut audio between samples", "audio.samples")
    match encoding:
        case Encoding.LINEAR16:
            return np.frombuffer(data, "<i2").astype(np.float32) / np.float32(32768)
        case Encoding.MULAW:
            return _MULAW[np.frombuffer(data, np.uint8)]
        case Encoding.ALAW:
            return _ALAW[np.frombuffer(data, np.uint8)]
    floats = np.frombuffer(data, "<f4").astype(np.float32)
    if not np.isfinite(floats).all():
        place = int(np.flatnonzero(~np.isfinite(floats))[0])
        problem = f"sample {place} is {floats[place]}; it must be a number in -1..1"
        raise invalid(Reason.VALUE_NOT_FINITE, problem, "audio.samples")
    return np.clip(floats, -1.0, 1.0)


def clipped_steps(steps: Floats, stride: int, full_scale: float) -> list[int]:
    """Which of the steps [steps, 480] hold three samples in a row at the same end of the scale.

    `stride`: samples of a step for each one that was recorded, which is the first of them.
    """
    if not len(steps) or float(np.abs(steps).max()) < full_scale:
        return []
    recorded = steps[:, ::stride]
    ends = (recorded >= full_scale).astype(np.int8) - (recorded <= -full_scale).astype(np.int8)
    runs = ends[:, :-2] + ends[:, 1:-1] + ends[:, 2:]
    places: list[int] = np.flatnonzero((np.abs(runs) == 3).any(axis=1)).tolist()
    return places


def _doubled(memory: AudioMemory, samples: Floats) -> Floats:
    """Twice as many samples a second: between each two of them a new one, the sum of its neighbours, nearest last.

    What comes out lags by `REACH` samples, until those are known.
    """
    known = np.concatenate([memory.seen, samples]).astype(np.float64)
    count = max(len(known) - (2 * REACH - 1), 0)
    between = np.zeros(count)
    for distance in range(REACH, 0, -1):
        before, after = REACH - distance, REACH - 1 + distance
        between += _WEIGHTS[distance - 1] * (known[before : before + count] + known[after : after + count])
    memory.seen = known[count:].astype(np.float32)
    doubled = np.empty((count, 2), np.float32)
    doubled[:, 0] = known[REACH - 1 : REACH - 1 + count]
    doubled[:, 1] = np.clip(between, -1.0, 1.0)
    return doubled.ravel()


def _halfway_weights() -> NDArray[np.float64]:
    """What a sample 1, 2, … places from a point halfway between two counts for there: a sinc under a Kaiser window."""
    places = np.arange(1, REACH + 1) - 0.5
    weights = np.sinc(places) * np.i0(KAISER_BETA * np.sqrt(1 - (places / REACH) ** 2))
    exact: NDArray[np.float64] = weights / (2 * weights.sum())
    return exact


def _mulaw_table() -> Floats:
    """The value of each byte (ITU-T G.711, mu-law)."""
    code = ~np.arange(256) & 0xFF
    magnitude = ((((code & 0x0F) << 3) + 0x84) << ((code >> 4) & 7)) - 0x84
    return (np.where(code & 0x80, -magnitude, magnitude) / 32768).astype(np.float32)


def _alaw_table() -> Floats:
    """The value of each byte (ITU-T G.711, A-law)."""
    code = np.arange(256) ^ 0x55
    segment, mantissa = (code >> 4) & 7, (code & 0x0F) << 4
    magnitude = np.where(segment == 0, mantissa + 8, (mantissa + 0x108) << np.maximum(segment - 1, 0))
    return (np.where(code & 0x80, magnitude, -magnitude) / 32768).astype(np.float32)


_WEIGHTS = _halfway_weights()
_MULAW, _ALAW = _mulaw_table(), _alaw_table()
