"""Stretches of speech of one length, joined from what speakers said: words, phrases, and the silence between."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from training.data.spoken import Clip, Speaker
from training.data.synthesizers import RATE

PACES = (0.82, 1.25)
"""How much higher and faster, or lower and slower, somebody may be heard than they spoke."""
LEADS = (0.0, 0.8)
"""Seconds before the first word."""
SHORT, LONG = (0.0, 0.35), (0.3, 2.0)
"""Seconds between two words, mostly, and where one stops."""
STOPS = 0.2
"""How often the longer pause is made."""
TAIL = 0.25
"""Seconds behind the last word, at the least: what it takes to be sure of it."""
QUIET = 0.04
"""How often nothing is said at all."""

Floats = NDArray[np.float32]


class Said(NamedTuple):
    """A word or a phrase, and the samples that it was said in."""

    text: str
    start: int
    stop: int


class Stretch(NamedTuple):
    """Samples [samples], and what is said in them."""

    sound: Floats
    said: tuple[Said, ...]


class Stretches:
    """Draws stretches. Speakers of every kind are heard equally often, or as often as their share says."""

    def __init__(self, speakers: Sequence[Speaker], samples: int) -> None:
        """samples: of a stretch."""
        self._samples = samples
        kinds = sorted({speaker.kind for speaker in speakers})
        self._kinds = [[speaker for speaker in speakers if speaker.kind == kind] for kind in kinds]
        shares = np.array([speakers[0].share for speakers in self._kinds])
        self._odds = shares / shares.sum()

    def draw(self, random: np.random.Generator) -> Stretch:
        """What one speaker says; whatever does not fit is not begun."""
        sound, said = np.zeros(self._samples, np.float32), list[Said]()
        if random.random() < QUIET:
            return Stretch(sound, ())
        kind = self._kinds[random.choice(len(self._kinds), p=self._odds)]
        speaker = kind[random.integers(len(kind))]
        pace = float(random.uniform(*PACES))
        place = int(random.uniform(*LEADS) * RATE)
        while True:
            clip = speaker.clips[random.integers(len(speaker.clips))]
            voice = spoken_at(clip, pace * float(random.uniform(0.95, 1.05)))
            stop = place + len(voice)
            if stop + TAIL * RATE > self._samples:
                return Stretch(sound, tuple(said))
            sound[place:stop] = voice * float(random.uniform(0.6, 1.0))
            said.append(Said(clip.text, place, stop))
            pause = random.uniform(*(LONG if random.random() < STOPS else SHORT))
            place = stop + int(pause * RATE)


def spoken_at(clip: Clip, pace: float) -> Floats:
    """A clip at another pace and pitch, its loudest sample 1."""
    places = np.arange(0, len(clip.samples) - 1, pace)
    sound = np.interp(places, np.arange(len(clip.samples)), clip.samples).astype(np.float32)
    loudest = float(np.abs(sound).max(initial=0.0))
    scaled: Floats = sound / max(loudest, 1.0)
    return scaled
