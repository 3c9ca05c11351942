"""Music in voices as steps: one step for each voice of each frame, in turn, and back to notes.

A frame is a sixteenth (or a quarter, see `Grid`). At each step the network reads what is known and says what its voice
does next: hold its note, be silent, or begin a note. Notes are moved into C before they are read, by what `shift_of`
says, so that the network knows one major and one minor key.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

FRAMES_OF_QUARTER = 4
VOICES = 4
ORDER = (0, 3, 1, 2)
"""The voices of a frame in the order in which they are decided: soprano, bass, alto, tenor."""
HOLD, REST, FIRST_PITCH = 0, 1, 2
LOOK_AHEAD = (1, 2)
"""Quarters by which the melody may be known ahead."""
COUNTDOWN = 8
"""Quarters before the end from which on a step is told how many are left."""
PLACES, METERS, GRIDS, MODES = 24, 3, 2, 2
_METERS = {16: 0, 12: 1}  # sixteenths of a bar; others are 2

# How well each pitch class fits a key (Krumhansl and Kessler, 1982, the probe-tone profiles).
_MAJOR = np.array([6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88])
_MINOR = np.array([6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17])


class Grid(IntEnum):
    """How long a frame is: notes are held over sixteenths; by quarters, every frame says what sounds."""

    SIXTEENTHS = 0
    QUARTERS = 1


class Key(NamedTuple):
    """A tonic's pitch class, 0 is C, and a mode."""

    tonic: int
    minor: bool


class SungNote(NamedTuple):
    """A note of a voice, 0 the highest; times in frames."""

    voice: int
    pitch: int
    start: int
    end: int


@dataclass(frozen=True)
class Range:
    """The pitches that the network knows, moved into C, both ends included."""

    low: int
    high: int

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> Range:
        """From a manifest. Raises KeyError, TypeError or ValueError."""
        return cls(int(parameters["low"]), int(parameters["high"]))

    @property
    def tokens(self) -> int:
        """How many things a voice can do: hold, be silent, begin one of the pitches."""
        return FIRST_PITCH + self.high - self.low + 1

    def pitch(self, token: int) -> int:
        """The pitch that a token begins."""
        return token - FIRST_PITCH + self.low

    def column_sizes(self) -> tuple[int, ...]:
        """How many ids each column of a step has."""
        unknown = 1
        ahead = [self.tokens + unknown] * len(LOOK_AHEAD)
        return (*[self.tokens] * VOICES, self.tokens, VOICES, PLACES, METERS, MODES, COUNTDOWN + 2, GRIDS, *ahead)


@dataclass(frozen=True)
class Setting:
    """What stays the same for all steps of a piece: its mode, the bar in sixteenths, and how long a frame is."""

    minor: bool = False
    bar: int = 16
    grid: Grid = Grid.SIXTEENTHS

    @property
    def sixteenths(self) -> int:
        """Of a frame."""
        return 1 if self.grid is Grid.SIXTEENTHS else FRAMES_OF_QUARTER

    @property
    def quarter(self) -> int:
        """Frames of a quarter."""
        return FRAMES_OF_QUARTER // self.sixteenths


@dataclass(slots=True)
class Choir:
    """Where the music stands: what each voice sounds (a token, never HOLD), and whose turn it is.

    `place` counts sixteenths since the bar line, `turn` the voices of the frame that are decided.
    """

    sounding: list[int] = field(default_factory=lambda: [REST] * VOICES)
    last: int = REST
    frame: int = 0
    place: int = 0
    turn: int = 0

    @property
    def voice(self) -> int:
        """The voice that is decided next."""
        return ORDER[self.turn]

    def step(self, setting: Setting, end: int | None, ahead: Sequence[int]) -> tuple[int, ...]:
        """The columns of the step that decides the next voice.

        end: the frame before which the music ends, where that is known. ahead: what the melody sounds LOOK_AHEAD
        quarters on, as tokens, or the number of tokens where that is not known.
        """
        left = 0
        if end is not None:
            left = min(COUNTDOWN + 1, max(1, math.ceil((end - self.frame) / setting.quarter)))
        facts = (ORDER[self.turn], self.place % PLACES, _METERS.get(setting.bar, 2), int(setting.minor))
        return (*self.sounding, self.last, *facts, left, int(setting.grid), *ahead)

    def take(self, token: int, setting: Setting) -> None:
        """The next voice does this."""
        if token != HOLD:
            self.sounding[ORDER[self.turn]] = token
        self.last = token
        self.turn += 1
        if self.turn == VOICES:
            self.turn = 0
            self.frame += 1
            self.place = (self.place + setting.sixteenths) % setting.bar


def steps_of(
    tokens: NDArray[np.int64],
    setting: Setting,
    size: int,
    *,
    place: int = 0,
    countdown: bool = False,
    look_ahead: bool = False,
) -> NDArray[np.int64]:
    """The steps [frames × VOICES, columns] of a piece that is known: tokens [frames, VOICES] in the order of voices.

    size: the number of tokens; place: sixteenths since the bar line at the begin. The network is told how long it goes
    on if `countdown`, and the melody ahead if `look_ahead`.
    """
    choir, rows = Choir(place=place), []
    melody = sounding_melody(tokens[:, 0])
    unknown = (size,) * len(LOOK_AHEAD)
    end = len(tokens) if countdown else None
    for frame, chosen in enumerate(tokens.tolist()):
        ahead = melody_ahead(melody, frame, setting.quarter) if look_ahead else unknown
        for voice in ORDER:
            rows.append(choir.step(setting, end, ahead))
            choir.take(chosen[voice], setting)
    return np.array(rows, np.int64).reshape(len(rows), -1)


def sounding_melody(tokens: Sequence[int] | NDArray[np.int64]) -> list[int]:
    """What sounds in each frame, as tokens that are never HOLD, from what one voice does."""
    sounding, last = [], REST
    for token in tokens:
        last = last if token == HOLD else int(token)
        sounding.append(last)
    return sounding


def melody_ahead(melody: Sequence[int], frame: int, quarter: int) -> tuple[int, ...]:
    """What the melody sounds LOOK_AHEAD quarters after a frame; silence after its end."""
    places = [frame + quarters * quarter for quarters in LOOK_AHEAD]
    return tuple(melody[place] if place < len(melody) else REST for place in places)


def tokens_of(notes: Sequence[SungNote], start: int, end: int, pitches: Range) -> NDArray[np.int64]:
    """What each voice does in the frames `start` to `end`, [frames, VOICES]; notes already moved into C.

    Where notes of one voice overlap, the later one cuts the earlier. Raises ValueError for a pitch out of range.
    """
    sounding = np.zeros((end - start, VOICES), np.int64)
    begins = np.zeros((end - start, VOICES), np.bool_)
    for note in sorted(notes, key=lambda note: note.start):
        sounding[note.start - start : note.end - start, note.voice] = note.pitch
        begins[note.start - start, note.voice] = True
    return tokens_of_frames(sounding, begins, pitches)


def tokens_of_frames(
    sounding: NDArray[np.int64], begins: NDArray[np.bool_] | None, pitches: Range
) -> NDArray[np.int64]:
    """What each voice does, [frames, VOICES], from the pitch that sounds, 0 for silence, and where notes begin; without
    `begins` nothing is held: every frame says what sounds. Raises ValueError for a pitch out of range.
    """
    known = (sounding == 0) | ((pitches.low <= sounding) & (sounding <= pitches.high))
    if not known.all():
        raise ValueError(f"the pitch {sounding[~known][0]} is not in {pitches.low}..{pitches.high}")
    tokens = np.where(sounding == 0, REST, sounding.astype(np.int64) - pitches.low + FIRST_PITCH)
    if begins is None:
        return tokens
    held = np.zeros_like(begins)
    held[1:] = (sounding[1:] == sounding[:-1]) & ~begins[1:]
    return np.where(held, HOLD, tokens)


def shift_of(key: Key) -> int:
    """By how many semitones music in this key lies above the same music in C: -5 to 6."""
    return (key.tonic + 5) % 12 - 5


def key_of(weights: NDArray[np.float64]) -> Key:
    """The key whose profile fits best to how long each pitch class sounds, weights [12] (Krumhansl, 1990)."""
    fits = [
        (float(np.corrcoef(np.roll(profile, tonic), weights)[0, 1]), Key(tonic, minor))
        for minor, profile in ((False, _MAJOR), (True, _MINOR))
        for tonic in range(12)
    ]
    return max(fits, key=lambda fit: fit[0])[1]
