"""Music: notes to go on from, or a melody to harmonise, in; notes out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from hiddenstate.answers import broken_off
from hiddenstate.options import SessionOptions
from hiddenstate.protocol import Rpc, StreamProtocol
from hiddenstate.v1 import music_pb2, token_pb2
from hiddenstate.wire import session_config

COMPOSE_MUSIC = Rpc(
    "/hiddenstate.v1.MusicService/ComposeMusic", music_pb2.ComposeMusicRequest, music_pb2.ComposeMusicResponse
)
VOICE_NAMES = ("soprano", "alto", "tenor", "bass")
PITCH_NAMES = ("C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B")
_LETTERS = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
_KEY = re.compile(r"([a-g])\s*(#|♯|sharp|b|♭|flat)?\s*(major|maj|minor|min|m)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Note:
    """A note of a voice, 0 the highest; `pitch` is a MIDI note number, times are in quarter notes.

    log_probability: of a note that was made, in nats, if it was asked for.
    """

    voice: int
    pitch: int
    start: float
    length: float
    velocity: int = 80
    log_probability: float | None = None
    answer_number: int = 0

    @property
    def end(self) -> float:
        """Where it ends, in quarter notes."""
        return self.start + self.length

    @property
    def name(self) -> str:
        """As musicians write it: 60 is C4."""
        return f"{PITCH_NAMES[self.pitch % 12]}{self.pitch // 12 - 1}"


class ComposeOptions(SessionOptions, total=False):
    """Options of a session that makes music.

    model: name; may be left out where one model alone serves the task.
    quarters: how long, in quarter notes. Default: 32. Of no meaning with a melody.
    key: such as "G major" or "c# minor". Default: C major, or that of the notes given.
    tempo: quarter notes per minute. Default: 80. It changes no note.
    seed: the same seed gives the same music. Default: the server draws one.
    temperature: 0 (always the likeliest) to 100. Default: 1.
    top_k, top_p: choose among so many likeliest notes, or the fewest that reach a probability together.
    prime: notes to go on from. melody: notes of voice 0 to which the other voices are added.
    log_probabilities: tell that of each note. Default: False.
    """

    model: str | None
    quarters: float | None
    key: str | None
    tempo: float | None
    seed: int | None
    temperature: float | None
    top_k: int | None
    top_p: float | None
    prime: Sequence[Note] | None
    melody: Sequence[Note] | None
    log_probabilities: bool | None


@dataclass(frozen=True, slots=True)
class Composition:
    """Music that is complete. `end`: in quarter notes from the begin; `tempo`: quarter notes per minute."""

    stop_reason: str
    note_count: int
    end: float
    seed: int
    tempo: float


@dataclass(frozen=True, slots=True)
class ComposeScript:
    """Notes, one wish for music, end."""

    protocol: StreamProtocol
    options: ComposeOptions

    def begin(self) -> Any:
        """The config. Raises ValueError for a key that is none."""
        options = self.options
        key = options.get("key")
        config = music_pb2.ComposeMusicConfig(
            session=session_config(options, options.get("model")),
            options=music_pb2.ComposeMusicOptions(
                quarter_count=options.get("quarters") or 0,
                temperature=options.get("temperature"),
                top_k=options.get("top_k") or 0,
                top_p=options.get("top_p"),
                log_probabilities=bool(options.get("log_probabilities")),
            ),
            seed=options.get("seed"),
            key=musical_key(key) if key else None,
            tempo=options.get("tempo") or 0,
        )
        return self.protocol.config(config)

    def piece(self, piece: object) -> Iterator[Any]:
        """Nothing: all is in the options."""
        yield from ()

    def end(self) -> Iterable[Any]:
        """The notes; the wish for music; no more input."""
        if prime := self.options.get("prime"):
            yield self.protocol.message(prime=_notes(prime))
        if melody := self.options.get("melody"):
            yield self.protocol.message(melody=_notes(melody))
        yield self.protocol.message(compose=music_pb2.Compose())
        yield self.protocol.end()


@dataclass(slots=True)
class MusicAnswers:
    """The answers of a stream: notes as they end, and at last what was made."""

    protocol: StreamProtocol
    composition: Composition | None = None

    def take(self, content: str, response: Any) -> Iterator[Note]:
        """The notes in an answer."""
        if content == "notes":
            yield from map(_made, self.protocol.new(response.notes.notes))
        if content == "composition" and self.protocol.is_new(response.composition.answer_number):
            done = response.composition
            reason = token_pb2.StopReason.Name(done.stop_reason).removeprefix("STOP_REASON_").lower()
            self.composition = Composition(reason, done.note_count, done.end_quarter, done.seed, done.tempo)

    def check(self) -> None:
        """Raise ServerError when the stream ended before the music did; its end may have been told before."""
        if self.composition is None and not self.protocol.had_all:
            raise broken_off("the music was complete")


def musical_key(name: str) -> music_pb2.MusicalKey:
    """The key of a name such as "G major", "Bb" or "f# minor". Raises ValueError."""
    match = _KEY.fullmatch(name.strip())
    if match is None:
        raise ValueError(f"{name!r} is no key; give one such as 'G major', 'Bb major' or 'f# minor'")
    letter, accidental, mode = match.groups()
    sharp = {"#": 1, "♯": 1, "sharp": 1, "b": -1, "♭": -1, "flat": -1}.get((accidental or "").lower(), 0)
    minor = mode is not None and mode.lower() in ("minor", "min", "m")
    return music_pb2.MusicalKey(
        tonic=(_LETTERS[letter.lower()] + sharp) % 12,
        mode=music_pb2.MUSICAL_MODE_MINOR if minor else music_pb2.MUSICAL_MODE_MAJOR,
    )


def _notes(notes: Sequence[Note]) -> music_pb2.Notes:
    return music_pb2.Notes(
        notes=[
            music_pb2.Note(
                voice=each.voice,
                pitch=each.pitch,
                start_quarter=each.start,
                quarter_count=each.length,
                velocity=each.velocity,
            )
            for each in notes
        ]
    )


def _made(message: music_pb2.ComposedNote) -> Note:
    note = message.note
    told = message.log_probability if message.HasField("log_probability") else None
    return Note(
        note.voice, note.pitch, note.start_quarter, note.quarter_count, note.velocity, told, message.answer_number
    )
