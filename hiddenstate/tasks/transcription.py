"""Speech: audio in, running and final transcripts and events out."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from hiddenstate.options import SessionOptions
from hiddenstate.protocol import Rpc, StreamProtocol
from hiddenstate.requests import finish
from hiddenstate.v1 import transcription_pb2
from hiddenstate.wire import session_config

TRANSCRIBE = Rpc(
    "/hiddenstate.v1.TranscriptionService/Transcribe",
    transcription_pb2.TranscribeRequest,
    transcription_pb2.TranscribeResponse,
)
MAX_PIECE_BYTES = 65_536
"""Bytes in one message; larger pieces are sent in several, which makes no difference to any numbered answer."""

Samples: TypeAlias = bytes | NDArray[Any]
"""Bytes as the encoding has them, or samples [n]: floats in -1..1, or integers as they are encoded."""
EncodingName: TypeAlias = Literal["linear16", "float32", "mulaw", "alaw"]
Pieces = TypeVar("Pieces", bound="Iterable[Samples] | AsyncIterable[Samples]")
EventKind: TypeAlias = Literal["started", "ended", "clipped"]


class TranscribeOptions(SessionOptions, total=False):
    """Options of a session that listens.

    model: name; may be left out where one model alone serves the task.
    sample_rate: samples per second, 8000 or 16000. Default 16000.
    encoding: what bytes mean. Default `linear16`, signed 16-bit integers, little-endian.
    interim_results: results that may still change, while audio comes in. Default True.
    word_times: tell the time of each word, and how sure it is. Default False.
    alternatives: tell so many possible texts, 1 to 16. Default 1.
    endpointing: pauses end utterances. Default False, unless one of the next two is given.
    silence: seconds of silence that end an utterance, 0.1 to 10. Default 0.8.
    max_utterance: seconds of speech that end it in any case, 1 to 600. Default 60.
    phrases: only these can be recognised, at most 1,000 of 1 to 100 characters. Default: all that the model knows.
    """

    model: str | None
    sample_rate: int | None
    encoding: EncodingName | None
    interim_results: bool | None
    word_times: bool | None
    alternatives: int | None
    endpointing: bool | None
    silence: float | None
    max_utterance: float | None
    phrases: Sequence[str] | None


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """A word, where it begins and ends, in seconds from the begin of the session's audio, and how sure it is."""

    text: str
    start: float
    end: float
    confidence: float


@dataclass(frozen=True, slots=True)
class TranscriptAlternative:
    """A possible text and how sure it is, 0 to 1. `words`: when their times were asked for."""

    text: str
    confidence: float
    words: tuple[SpokenWord, ...] = ()


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said in an utterance, so far or finally.

    alternatives: possible texts, most likely first.
    stability: probability that an interim text will not change, only go on; 1 for a final one.
    start, end: where the utterance begins, and where the audio ends that it was made from; in seconds from the begin
    of the session's audio.
    """

    alternatives: tuple[TranscriptAlternative, ...]
    is_final: bool
    stability: float
    start: float
    end: float
    sequence_number: int

    @property
    def text(self) -> str:
        """The most likely text."""
        return self.alternatives[0].text

    @property
    def confidence(self) -> float:
        """How sure it is, 0 to 1."""
        return self.alternatives[0].confidence

    @property
    def words(self) -> tuple[SpokenWord, ...]:
        """Its words, when their times were asked for."""
        return self.alternatives[0].words


@dataclass(frozen=True, slots=True)
class SpeechEvent:
    """Speech has `started` or `ended`, or the audio is `clipped`; `seconds` from the begin of the session's audio."""

    kind: EventKind
    seconds: float


@dataclass(frozen=True, slots=True)
class TranscribeScript:
    """Audio of one stream that comes in pieces; when `whole`, pieces that are an utterance each."""

    protocol: StreamProtocol
    options: TranscribeOptions
    whole: bool = False

    def begin(self) -> Any:
        """The config."""
        options = self.options
        name = f"AUDIO_ENCODING_{(options.get('encoding') or 'linear16').upper()}"
        return self.protocol.config(
            transcription_pb2.TranscribeConfig(
                session=session_config(options, options.get("model")),
                audio_format=transcription_pb2.AudioFormat(
                    encoding=name,
                    sample_rate_hertz=options.get("sample_rate") or 16_000,
                ),
                interim_results=False if self.whole else options.get("interim_results"),
                word_times=bool(options.get("word_times")),
                alternative_count=options.get("alternatives") or 0,
                endpointing=None if self.whole else _endpointing(options),
                phrases=options.get("phrases") or (),
            )
        )

    def piece(self, samples: Samples) -> Iterator[Any]:
        """The requests for some audio, or for an utterance."""
        data = samples if isinstance(samples, bytes) else _encoded(samples, self.options.get("encoding"))
        for start in range(0, len(data), MAX_PIECE_BYTES):
            audio = transcription_pb2.Audio(samples=data[start : start + MAX_PIECE_BYTES])
            yield self.protocol.message(audio=audio)
        if self.whole:
            yield finish(self.protocol)

    def end(self) -> Iterable[Any]:
        """No more input."""
        yield self.protocol.end()


def pieces_of(audio: Samples | Pieces) -> tuple[Samples] | Pieces:
    """Audio that is there as a whole is one piece."""
    return (audio,) if isinstance(audio, bytes | np.ndarray) else audio


def heard(protocol: StreamProtocol, content: str, response: Any) -> list[Transcript | SpeechEvent]:
    """The transcript or the event in an answer."""
    if content == "event" and protocol.is_new(response.event.answer_number):
        return [_event(response.event)]
    if content == "transcript" and protocol.is_new(response.transcript.answer_number):
        return [_transcript(response.transcript)]
    return []


def utterances(protocol: StreamProtocol, content: str, response: Any) -> list[Transcript]:
    """The final transcript in an answer."""
    return [each for each in heard(protocol, content, response) if isinstance(each, Transcript) and each.is_final]


def _endpointing(options: TranscribeOptions) -> transcription_pb2.Endpointing | None:
    silence, longest = options.get("silence"), options.get("max_utterance")
    if not options.get("endpointing") and silence is None and longest is None:
        return None
    message = transcription_pb2.Endpointing()
    if silence is not None:
        message.silence_duration.FromNanoseconds(round(silence * 1e9))
    if longest is not None:
        message.max_utterance_duration.FromNanoseconds(round(longest * 1e9))
    return message


def _encoded(samples: NDArray[Any], encoding: EncodingName | None) -> bytes:
    """Samples as the encoding has them. Raises ValueError for floats where it takes bytes alone."""
    if encoding in ("mulaw", "alaw"):
        if samples.dtype != np.uint8:
            raise ValueError(f"{encoding} takes bytes, or an array of uint8, not {samples.dtype}")
        return samples.tobytes()
    floats = np.issubdtype(samples.dtype, np.floating)
    if encoding == "float32":
        return (samples if floats else samples / 32768).astype("<f4").tobytes()
    return (np.clip(np.round(samples * 32768.0), -32768, 32767) if floats else samples).astype("<i2").tobytes()


def _transcript(message: transcription_pb2.Transcript) -> Transcript:
    return Transcript(
        alternatives=tuple(
            TranscriptAlternative(each.text, each.confidence, tuple(map(_word, each.words)))
            for each in message.alternatives
        ),
        is_final=message.is_final,
        stability=message.stability,
        start=_seconds(message.start_offset),
        end=_seconds(message.end_offset),
        sequence_number=message.sequence_number,
    )


def _word(message: transcription_pb2.SpokenWord) -> SpokenWord:
    return SpokenWord(message.text, _seconds(message.start_offset), _seconds(message.end_offset), message.confidence)


def _event(message: transcription_pb2.SpeechEvent) -> SpeechEvent:
    name = transcription_pb2.SpeechEventKind.Name(message.kind)
    kind = name.removeprefix("SPEECH_EVENT_KIND_").removeprefix("SPEECH_").lower()
    return SpeechEvent(cast(EventKind, kind), _seconds(message.offset))


def _seconds(duration: Any) -> float:
    return float(duration.ToNanoseconds() / 1e9)
