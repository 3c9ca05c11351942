"""What is said about music that is made: notes, options, the messages that ask for it, and where a session stands."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

import numpy as np

from service.errors import Reason, invalid
from service.frontends.music import VOICES, Choir, Key, SungNote, key_of
from service.tasks.sampling import Dice, Sampling

MAX_QUARTERS = 4096
MAX_QUARTERS_AHEAD = 512
"""Notes may be sent as far ahead of the music: it bounds what one `Compose` has to read."""
MIN_TEMPO, MAX_TEMPO = 20.0, 400.0
VELOCITY = 80


class Note(NamedTuple):
    """A note of a voice, 0 the highest; times in quarter notes, `pitch` a MIDI note number."""

    voice: int
    pitch: int
    start: float
    length: float
    velocity: int = VELOCITY


@dataclass(frozen=True, slots=True)
class Prime:
    """Notes to go on from."""

    notes: tuple[Note, ...]


@dataclass(frozen=True, slots=True)
class Melody:
    """A melody that the next music adds the other voices to."""

    notes: tuple[Note, ...]


@dataclass(frozen=True, slots=True)
class ComposingOptions:
    """How one piece of music is made. `quarters`: how long; of no meaning where a melody says it."""

    quarters: float = 32.0
    sampling: Sampling = field(default_factory=Sampling)
    log_probabilities: bool = False

    def check(self, tokens: int, where: str) -> None:
        """Raise OPTION_OUT_OF_RANGE for the first option out of range; `where` is the field they stand in."""
        self.sampling.check(tokens, where)
        if not 0 < self.quarters <= MAX_QUARTERS:
            problem = f"quarter_count is {self.quarters:g}, not above 0 and at most {MAX_QUARTERS}"
            raise invalid(Reason.OPTION_OUT_OF_RANGE, problem, f"{where}.quarter_count")


@dataclass(frozen=True, slots=True)
class MusicOptions:
    """The options of a session. `key`: None is that of the notes sent, C major where there are none."""

    composing: ComposingOptions
    seed: int
    key: Key | None = None
    tempo: float = 80.0


@dataclass(frozen=True, slots=True)
class Compose:
    """Make music from here; None: as the session says, at the tempo it had."""

    options: ComposingOptions | None = None
    tempo: float | None = None


class ComposedNote(NamedTuple):
    """A note that was made. `log_probability`: of its begin and of every frame it was held on, in nats."""

    note: Note
    log_probability: float | None


class StopReason(Enum):
    """Why music ended: as long as was asked for, or with its melody."""

    MAX_COUNT = "max_count"
    END_OF_MELODY = "end_of_melody"


class Composition(NamedTuple):
    """Music is complete. `end`: in quarter notes from the begin of the session's music."""

    stop_reason: StopReason
    note_count: int
    end: float
    seed: int
    tempo: float


@dataclass(slots=True)
class OpenNote:
    """A note that sounds: where it began, what began it, and how likely it was so far."""

    token: int
    start: int
    log_probability: float


@dataclass(slots=True)
class Run:
    """Music that is being made, frames `start` to `end`. `melody`: what its first voice does, if that is given, and
    what then sounds; `last`: the session ends with it.
    """

    sequence_number: int
    options: ComposingOptions
    start: int
    end: int
    last: bool
    melody: list[int] | None = None
    sounding: list[int] = field(default_factory=list)
    note_count: int = 0


@dataclass(slots=True)
class Composing:
    """The progress of a session: where its music stands, the notes that wait for it to go on, what sounds."""

    options: MusicOptions
    dice: Dice
    tempo: float
    key: Key | None
    choir: Choir = field(default_factory=Choir)
    primes: list[SungNote] = field(default_factory=list)
    melody: list[SungNote] = field(default_factory=list)
    sounding: list[OpenNote | None] = field(default_factory=lambda: [None] * VOICES)
    run: Run | None = None
    unanswered: bool = False
    busy: bool = False


RECORDS = (
    Composing,
    MusicOptions,
    ComposingOptions,
    Sampling,
    Key,
    Choir,
    SungNote,
    OpenNote,
    Run,
    Note,
    ComposedNote,
    Composition,
    StopReason,
)


def check_tempo(tempo: float, where: str) -> None:
    """Raise OPTION_OUT_OF_RANGE for quarter notes per minute that no server takes."""
    if not MIN_TEMPO <= tempo <= MAX_TEMPO:
        problem = f"the tempo is {tempo:g} quarter notes per minute, not in {MIN_TEMPO:g}..{MAX_TEMPO:g}"
        raise invalid(Reason.OPTION_OUT_OF_RANGE, problem, where)


def key_of_notes(notes: Sequence[SungNote]) -> Key:
    """The key of notes by how long each pitch class sounds; C major where there are none, or all sound alike."""
    weights = np.zeros(12)
    for note in notes:
        weights[note.pitch % 12] += note.end - note.start
    return key_of(weights) if np.ptp(weights) else Key(0, minor=False)
