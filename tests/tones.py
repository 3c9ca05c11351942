"""A language of tones, one for each letter: what the tiny model of speech understands. No torch needed."""

import base64
from typing import Any

import numpy as np
from numpy.typing import NDArray

TOKENS = ("", " ", "a", "b", "c", "d", "e")
SPACING = 200.0
"""Hertz between the tones of two tokens; every tone has whole waves in a step of 30 ms."""
LETTER_SECONDS, REST_SECONDS = 0.06, 0.03


def hertz(token: int) -> float:
    """The tone of a token."""
    return SPACING * (token + 1)


def spoken(text: str, loudness: float = 0.5, rate: int = 16_000) -> NDArray[np.float32]:
    """The samples of a text: for each letter its tone and a short rest, for each point 90 ms of silence."""
    rest = np.zeros(round(REST_SECONDS * rate))
    times = np.arange(round(LETTER_SECONDS * rate)) / rate
    parts = [np.zeros(0)]
    for letter in text:
        tone = np.zeros(len(times))
        if letter != ".":
            tone = loudness * np.sin(2 * np.pi * hertz(TOKENS.index(letter)) * times)
        parts += [tone, rest]
    return np.concatenate(parts).astype(np.float32)


def linear16(samples: NDArray[np.float32]) -> bytes:
    """Samples as signed 16-bit integers."""
    return np.clip(np.round(samples * 32768), -32768, 32767).astype("<i2").tobytes()


def audio_json(text: str, loudness: float = 0.5) -> dict[str, Any]:
    """A piece of audio as the JSON of a request."""
    return {"audio": {"samples": base64.b64encode(linear16(spoken(text, loudness))).decode()}}
