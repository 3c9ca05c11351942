"""Speech on the wire."""

from collections.abc import Iterator, Sequence
from typing import Any

from google.protobuf import duration_pb2

from hiddenstate.v1 import session_pb2, transcription_pb2
from service.bundle import Manifest
from service.errors import Reason, invalid
from service.frontends.audio import SAMPLE_RATE, Encoding
from service.tasks.listening import SpeechEvent, Transcript
from service.tasks.readings import Reading
from service.tasks.task import Answer, Finish
from service.tasks.transcription import Audio, Pauses, TranscriptionOptions

_ENCODINGS = {
    transcription_pb2.AUDIO_ENCODING_UNSPECIFIED: Encoding.LINEAR16,
    transcription_pb2.AUDIO_ENCODING_LINEAR16: Encoding.LINEAR16,
    transcription_pb2.AUDIO_ENCODING_FLOAT32: Encoding.FLOAT32,
    transcription_pb2.AUDIO_ENCODING_MULAW: Encoding.MULAW,
    transcription_pb2.AUDIO_ENCODING_ALAW: Encoding.ALAW,
}
_EVENTS = {
    "started": transcription_pb2.SPEECH_EVENT_KIND_SPEECH_STARTED,
    "ended": transcription_pb2.SPEECH_EVENT_KIND_SPEECH_ENDED,
    "clipped": transcription_pb2.SPEECH_EVENT_KIND_CLIPPED,
}
_NANOSECONDS = 1_000_000_000 // SAMPLE_RATE
"""Of one sample; a whole number."""


class TranscriptionCodec:
    """Reads audio, writes transcripts and events."""

    task = "transcription"
    request_type = transcription_pb2.TranscribeRequest

    def options(self, config: transcription_pb2.TranscribeConfig) -> TranscriptionOptions:
        """The options as they are. Raises AUDIO_FORMAT_UNSUPPORTED for an encoding that is not known here."""
        told = config.audio_format
        if told.encoding not in _ENCODINGS:
            problem = f"audio encoding {told.encoding} is none that this server knows"
            raise invalid(Reason.AUDIO_FORMAT_UNSUPPORTED, problem, "config.audio_format.encoding")
        return TranscriptionOptions(
            rate=told.sample_rate_hertz if config.HasField("audio_format") else None,
            encoding=_ENCODINGS[told.encoding],
            channels=told.channel_count,
            interim=config.interim_results if config.HasField("interim_results") else True,
            words=config.word_times,
            alternatives=config.alternative_count,
            pauses=_pauses(config.endpointing) if config.HasField("endpointing") else None,
            phrases=tuple(config.phrases),
        )

    def payload(self, request: transcription_pb2.TranscribeRequest, manifest: Manifest) -> Audio | Finish:
        """Audio, or the end of an utterance."""
        return Finish() if request.WhichOneof("content") == "finish" else Audio(request.audio.samples)

    def opened(self, opened: session_pb2.Opened, options: TranscriptionOptions) -> Any:
        """The first response."""
        return transcription_pb2.TranscribeResponse(opened=opened)

    def responses(self, answers: Sequence[Answer]) -> Iterator[transcription_pb2.TranscribeResponse]:
        """One response for each transcript and each event."""
        for number, sequence_number, item in answers:
            response = transcription_pb2.TranscribeResponse()
            if isinstance(item, SpeechEvent):
                _write_event(response.event, number, sequence_number, item)
            else:
                _write_transcript(response.transcript, number, sequence_number, item)
            yield response


def _pauses(message: transcription_pb2.Endpointing) -> Pauses:
    default = Pauses()
    told = message.HasField
    return Pauses(
        _seconds(message.silence_duration) if told("silence_duration") else default.silence,
        _seconds(message.max_utterance_duration) if told("max_utterance_duration") else default.longest,
    )


def _seconds(duration: duration_pb2.Duration) -> float:
    return duration.seconds + duration.nanos / 1e9


def _write_event(message: transcription_pb2.SpeechEvent, number: int, sequence_number: int, event: SpeechEvent) -> None:
    message.answer_number = number
    message.sequence_number = sequence_number
    message.kind = _EVENTS[event.kind]
    message.offset.FromNanoseconds(event.offset * _NANOSECONDS)


def _write_transcript(
    message: transcription_pb2.Transcript, number: int, sequence_number: int, transcript: Transcript
) -> None:
    message.answer_number = number
    message.sequence_number = sequence_number
    message.is_final = transcript.final
    message.stability = transcript.stability
    message.start_offset.FromNanoseconds(transcript.start * _NANOSECONDS)
    message.end_offset.FromNanoseconds(transcript.stop * _NANOSECONDS)
    for reading in transcript.readings:
        _write_reading(message.alternatives.add(), reading)


def _write_reading(message: transcription_pb2.TranscriptAlternative, reading: Reading) -> None:
    message.text = reading.text
    message.confidence = reading.confidence
    for word in reading.words:
        spoken = message.words.add(text=word.text, confidence=word.confidence)
        spoken.start_offset.FromNanoseconds(word.start * _NANOSECONDS)
        spoken.end_offset.FromNanoseconds(word.stop * _NANOSECONDS)
