"""Music on the wire."""

import secrets
from collections.abc import Iterator, Sequence
from typing import Any

from hiddenstate.v1 import music_pb2, session_pb2, token_pb2
from service.bundle import Manifest
from service.errors import Reason, invalid
from service.frontends.music import Key
from service.tasks.composing import (
    VELOCITY,
    Compose,
    ComposedNote,
    ComposingOptions,
    Composition,
    Melody,
    MusicOptions,
    Note,
    Prime,
    StopReason,
)
from service.tasks.sampling import Sampling
from service.tasks.task import Answer

_STOP_REASONS = {
    StopReason.MAX_COUNT: token_pb2.STOP_REASON_MAX_COUNT,
    StopReason.END_OF_MELODY: token_pb2.STOP_REASON_END_OF_SEQUENCE,
}


class MusicCodec:
    """Reads notes and options, writes notes; notes that wait together go out in one message."""

    task = "music"
    request_type = music_pb2.ComposeMusicRequest

    def options(self, config: music_pb2.ComposeMusicConfig) -> MusicOptions:
        """The options and the seed, drawn when the client has none. Raises OPTION_OUT_OF_RANGE."""
        return MusicOptions(
            composing=_options(config.options),
            seed=config.seed if config.HasField("seed") else secrets.randbits(64),
            key=_key(config.key) if config.HasField("key") else None,
            tempo=config.tempo or 80.0,
        )

    def payload(self, request: music_pb2.ComposeMusicRequest, manifest: Manifest) -> Prime | Melody | Compose:
        """Notes, or the wish for music."""
        kind = request.WhichOneof("content")
        if kind == "prime":
            return Prime(_notes(request.prime))
        if kind == "melody":
            return Melody(_notes(request.melody))
        message = request.compose
        return Compose(_options(message.options) if message.HasField("options") else None, message.tempo or None)

    def opened(self, opened: session_pb2.Opened, options: MusicOptions) -> Any:
        """The first response, with the seed."""
        opened.seed = options.seed
        return music_pb2.ComposeMusicResponse(opened=opened)

    def responses(self, answers: Sequence[Answer]) -> Iterator[music_pb2.ComposeMusicResponse]:
        """Notes gathered up to each end of music."""
        gathered: music_pb2.ComposeMusicResponse | None = None
        for number, sequence_number, item in answers:
            if isinstance(item, ComposedNote):
                gathered = gathered or music_pb2.ComposeMusicResponse()
                gathered.notes.sequence_number = sequence_number
                _write_note(gathered.notes.notes.add(), number, item)
                continue
            if gathered is not None:
                yield gathered
                gathered = None
            yield music_pb2.ComposeMusicResponse(composition=_composition(number, sequence_number, item))
        if gathered is not None:
            yield gathered


def _options(options: music_pb2.ComposeMusicOptions) -> ComposingOptions:
    sampling = Sampling(
        temperature=options.temperature if options.HasField("temperature") else 1.0,
        top_k=options.top_k,
        top_p=options.top_p if options.HasField("top_p") else 1.0,
    )
    return ComposingOptions(options.quarter_count or 32.0, sampling, options.log_probabilities)


def _key(key: music_pb2.MusicalKey) -> Key:
    if key.mode not in music_pb2.MusicalMode.values():
        raise invalid(Reason.OPTION_OUT_OF_RANGE, f"mode {key.mode} is none that this server knows", "config.key.mode")
    return Key(key.tonic, minor=key.mode == music_pb2.MUSICAL_MODE_MINOR)


def _notes(notes: music_pb2.Notes) -> tuple[Note, ...]:
    return tuple(
        Note(each.voice, each.pitch, each.start_quarter, each.quarter_count, each.velocity or VELOCITY)
        for each in notes.notes
    )


def _write_note(message: music_pb2.ComposedNote, number: int, composed: ComposedNote) -> None:
    note = composed.note
    message.answer_number = number
    message.note.voice = note.voice
    message.note.pitch = note.pitch
    message.note.start_quarter = note.start
    message.note.quarter_count = note.length
    message.note.velocity = note.velocity
    if composed.log_probability is not None:
        message.log_probability = composed.log_probability


def _composition(number: int, sequence_number: int, done: Composition) -> music_pb2.Composition:
    return music_pb2.Composition(
        answer_number=number,
        sequence_number=sequence_number,
        stop_reason=_STOP_REASONS[done.stop_reason],
        note_count=done.note_count,
        end_quarter=done.end,
        seed=done.seed,
        tempo=done.tempo,
    )
