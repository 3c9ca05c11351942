"""Speech on the wire: options, audio and what was heard arrive as they were sent."""

import pytest

from hiddenstate.v1 import transcription_pb2
from service.bundle import load_bundle
from service.errors import Reason, ServiceError
from service.frontends.audio import Encoding
from service.rpc.transcription import TranscriptionCodec
from service.tasks.listening import SpeechEvent, Transcript
from service.tasks.readings import Reading, Word
from service.tasks.task import Answer, Finish
from service.tasks.transcription import Audio, Pauses, TranscriptionOptions
from tests.repositories import REPOSITORY, SPEECH

MANIFEST = load_bundle(REPOSITORY / SPEECH / "1").manifest
codec = TranscriptionCodec()


def test_options_that_are_left_out_have_the_defaults_of_the_contract():
    assert codec.options(transcription_pb2.TranscribeConfig()) == TranscriptionOptions(None, channels=0, alternatives=0)
    config = transcription_pb2.TranscribeConfig(endpointing=transcription_pb2.Endpointing())
    assert codec.options(config).pauses == Pauses(silence=0.8, longest=60.0)


def test_every_option_arrives():
    config = transcription_pb2.TranscribeConfig(
        audio_format=transcription_pb2.AudioFormat(encoding="AUDIO_ENCODING_ALAW", sample_rate_hertz=8000),
        interim_results=False,
        word_times=True,
        alternative_count=3,
        phrases=["yes", "no"],
    )
    config.endpointing.silence_duration.FromMilliseconds(1500)
    config.endpointing.max_utterance_duration.FromSeconds(20)
    assert codec.options(config) == TranscriptionOptions(
        8000, Encoding.ALAW, 0, False, True, 3, Pauses(1.5, 20.0), ("yes", "no")
    )


@pytest.mark.parametrize("encoding", transcription_pb2.AudioEncoding.values())
def test_every_encoding_of_the_contract_is_known(encoding):
    told = transcription_pb2.TranscribeConfig(audio_format=transcription_pb2.AudioFormat(encoding=encoding))
    assert codec.options(told).encoding in Encoding


def test_an_encoding_of_another_contract_is_refused():
    config = transcription_pb2.TranscribeConfig(audio_format=transcription_pb2.AudioFormat(encoding=77))
    with pytest.raises(ServiceError) as caught:
        codec.options(config)
    assert caught.value.reason == Reason.AUDIO_FORMAT_UNSUPPORTED


def test_audio_and_a_finish_arrive():
    request = transcription_pb2.TranscribeRequest(audio=transcription_pb2.Audio(samples=b"abcd"))
    assert codec.payload(request, MANIFEST) == Audio(b"abcd")
    assert codec.payload(transcription_pb2.TranscribeRequest(finish={}), MANIFEST) == Finish()


def test_a_transcript_is_written_with_exact_times():
    words = (Word("yes", 1, 480, 0.5),)
    transcript = Transcript((Reading("yes", 0.75, words), Reading("", 0.25)), 480, 16001, True)
    (response,) = codec.responses([Answer(2, 7, transcript)])
    told = response.transcript
    assert (told.answer_number, told.sequence_number, told.is_final, told.stability) == (2, 7, True, 1.0)
    assert (told.start_offset.ToNanoseconds(), told.end_offset.ToNanoseconds()) == (30_000_000, 1_000_062_500)
    assert [(each.text, each.confidence) for each in told.alternatives] == [("yes", 0.75), ("", 0.25)]
    (word,) = told.alternatives[0].words
    assert (word.text, word.confidence) == ("yes", 0.5)
    assert (word.start_offset.ToNanoseconds(), word.end_offset.ToNanoseconds()) == (62_500, 30_000_000)


@pytest.mark.parametrize(("kind", "number"), [("started", 1), ("ended", 2), ("clipped", 3)])
def test_an_event_is_written_with_its_kind(kind, number):
    (response,) = codec.responses([Answer(1, 4, SpeechEvent(kind, 800))])
    assert (response.event.answer_number, response.event.sequence_number, response.event.kind) == (1, 4, number)
    assert response.event.offset.ToMilliseconds() == 50
