"""What the client says when it listens, and what it makes of the answers."""

import numpy as np
import pytest

from hiddenstate.protocol import StreamProtocol
from hiddenstate.requests import requests_of
from hiddenstate.tasks.transcription import (
    MAX_PIECE_BYTES,
    TRANSCRIBE,
    SpeechEvent,
    SpokenWord,
    TranscribeScript,
    heard,
    pieces_of,
    utterances,
)
from hiddenstate.v1 import transcription_pb2


def said(audio, whole=False, **options):
    protocol = StreamProtocol.of(TRANSCRIBE, options)
    return list(requests_of(TranscribeScript(protocol, options, whole), pieces_of(audio)))


def config_of(whole=False, **options):
    return said((), whole, **options)[0].config


def test_options_travel_in_the_config():
    config = config_of(
        model="m", sample_rate=8000, encoding="mulaw", word_times=True, alternatives=2, phrases=["yes"], silence=0.5
    )
    assert (config.session.model, config.audio_format.sample_rate_hertz) == ("m", 8000)
    assert config.audio_format.encoding == transcription_pb2.AUDIO_ENCODING_MULAW
    assert (config.word_times, config.alternative_count, list(config.phrases)) == (True, 2, ["yes"])
    assert config.endpointing.silence_duration.ToMilliseconds() == 500
    assert not config.endpointing.HasField("max_utterance_duration")


def test_what_is_left_out_is_left_to_the_server_but_for_the_format():
    config = config_of()
    assert (config.audio_format.encoding, config.audio_format.sample_rate_hertz) == (1, 16000)
    assert not config.HasField("interim_results")
    assert not config.HasField("endpointing")
    assert config_of(endpointing=True).HasField("endpointing")
    assert config_of(max_utterance=5.0).endpointing.max_utterance_duration.seconds == 5


def test_a_recording_is_cut_into_messages_and_pieces_travel_as_they_come():
    data = bytes(MAX_PIECE_BYTES + 2)
    assert [len(each.audio.samples) for each in said(data)[1:-1]] == [MAX_PIECE_BYTES, 2]
    assert [len(each.audio.samples) for each in said([b"ab", b"cdef"])[1:-1]] == [2, 4]


def test_whole_utterances_are_finished_each_and_bring_no_interim_results():
    messages = said([b"ab", b""], whole=True, silence=0.5)
    assert [each.WhichOneof("content") for each in messages] == ["config", "audio", "finish", "finish", "end"]
    assert messages[0].config.interim_results is False
    assert not messages[0].config.HasField("endpointing")


@pytest.mark.parametrize(
    ("samples", "encoding", "sent"),
    [
        (np.array([0.5, -2.0, 2.0]), None, np.array([16384, -32768, 32767], "<i2").tobytes()),
        (np.array([1, -2], np.int16), "linear16", b"\x01\x00\xfe\xff"),
        (np.array([0.5]), "float32", np.array([0.5], "<f4").tobytes()),
        (np.array([-32768], np.int16), "float32", np.array([-1.0], "<f4").tobytes()),
        (np.array([7, 255], np.uint8), "mulaw", b"\x07\xff"),
    ],
)
def test_arrays_are_sent_as_the_encoding_has_them(samples, encoding, sent):
    assert said(samples, encoding=encoding)[1].audio.samples == sent


def test_samples_are_not_compressed_here():
    with pytest.raises(ValueError, match="mulaw takes bytes"):
        said(np.zeros(3), encoding="mulaw")


def transcript(number, text="yes no"):
    message = transcription_pb2.Transcript(
        answer_number=number, sequence_number=3, is_final=number > 0, stability=0.5, start_offset={"seconds": 1}
    )
    message.end_offset.FromMilliseconds(2500)
    words = [{"text": "yes", "start_offset": {"seconds": 1}, "end_offset": {"seconds": 2}, "confidence": 0.25}]
    message.alternatives.add(text=text, confidence=0.75, words=words)
    message.alternatives.add(text="yes", confidence=0.25)
    return transcription_pb2.TranscribeResponse(transcript=message)


def test_a_transcript_is_read_once_and_whole():
    protocol = StreamProtocol.of(TRANSCRIBE, {})
    (found,) = heard(protocol, "transcript", transcript(1))
    assert (found.text, found.confidence, found.is_final) == ("yes no", 0.75, True)
    assert (found.start, found.end, found.sequence_number) == (1.0, 2.5, 3)
    assert found.words == (SpokenWord("yes", 1.0, 2.0, 0.25),)
    assert [each.text for each in found.alternatives] == ["yes no", "yes"]
    assert heard(protocol, "transcript", transcript(1)) == []
    assert [each.is_final for each in heard(protocol, "transcript", transcript(0))] == [False]
    assert utterances(protocol, "transcript", transcript(0)) == []
    assert [each.text for each in utterances(protocol, "transcript", transcript(2, "no"))] == ["no"]


@pytest.mark.parametrize(("kind", "name"), [(1, "started"), (2, "ended"), (3, "clipped")])
def test_an_event_is_read_once(kind, name):
    protocol = StreamProtocol.of(TRANSCRIBE, {})
    event = transcription_pb2.TranscribeResponse(event={"answer_number": 1, "kind": kind, "offset": {"seconds": 2}})
    assert heard(protocol, "event", event) == [SpeechEvent(name, 2.0)]
    assert heard(protocol, "event", event) == []
