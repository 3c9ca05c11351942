"""What a client says when it wants music, and what it makes of the answers."""

import pytest

from hiddenstate.errors import ServerError
from hiddenstate.protocol import StreamProtocol
from hiddenstate.requests import requests_of
from hiddenstate.tasks.music import COMPOSE_MUSIC, ComposeScript, Composition, MusicAnswers, Note, musical_key
from hiddenstate.v1 import music_pb2, token_pb2


def said(**options):
    protocol = StreamProtocol.of(COMPOSE_MUSIC, options)
    return list(requests_of(ComposeScript(protocol, options), ()))


def test_options_travel_in_the_config_and_notes_before_the_wish():
    note = Note(0, 60, 1.0, 0.5, velocity=90)
    config, prime, melody, wish, end = said(
        model="m", quarters=8, key="f# minor", tempo=90, seed=0, temperature=0.0, top_k=3, prime=[note], melody=[note]
    )
    assert (config.config.session.model, config.config.tempo, config.config.HasField("seed")) == ("m", 90, True)
    assert (config.config.options.quarter_count, config.config.options.HasField("temperature")) == (8, True)
    assert config.config.key == music_pb2.MusicalKey(tonic=6, mode=music_pb2.MUSICAL_MODE_MINOR)
    sent = music_pb2.Note(pitch=60, start_quarter=1.0, quarter_count=0.5, velocity=90)
    assert list(prime.prime.notes) == list(melody.melody.notes) == [sent]
    assert [wish.WhichOneof("content"), end.WhichOneof("content")] == ["compose", "end"]


def test_without_options_the_server_decides():
    config, _, _ = said()
    assert not config.config.HasField("seed")
    assert not config.config.HasField("key")
    assert not config.config.options.HasField("temperature")


@pytest.mark.parametrize(
    ("name", "tonic", "minor"),
    [
        ("C", 0, False),
        ("G major", 7, False),
        ("Bb", 10, False),
        ("e♭ minor", 3, True),
        ("am", 9, True),
        ("Cb", 11, False),
    ],
)
def test_a_key_is_called_by_its_name(name, tonic, minor):
    key = musical_key(name)
    assert (key.tonic, key.mode == music_pb2.MUSICAL_MODE_MINOR) == (tonic, minor)


def test_what_is_no_key_is_refused_before_it_is_sent():
    with pytest.raises(ValueError, match="'H major' is no key"):
        said(key="H major")


def test_notes_and_the_composition_arrive_once():
    answers = MusicAnswers(StreamProtocol.of(COMPOSE_MUSIC, {}))
    made = music_pb2.ComposedNote(answer_number=1, note=music_pb2.Note(voice=3, pitch=48, quarter_count=2.0))
    message = music_pb2.ComposeMusicResponse(notes=music_pb2.ComposedNotes(notes=[made]))
    with pytest.raises(ServerError):
        answers.check()
    (note,) = answers.take("notes", message)
    assert (note.name, note.end, note.log_probability) == ("C3", 2.0, None)
    assert list(answers.take("notes", message)) == []
    done = music_pb2.Composition(
        answer_number=2, stop_reason=token_pb2.STOP_REASON_MAX_COUNT, note_count=1, end_quarter=2.0, seed=4, tempo=80
    )
    assert not list(answers.take("composition", music_pb2.ComposeMusicResponse(composition=done)))
    answers.check()
    assert answers.composition == Composition("max_count", 1, 2.0, 4, 80.0)
