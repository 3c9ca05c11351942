"""Who says what: parts without a voice in common, phrases of known words, and a cache that says it again."""

import numpy as np
import pytest

from training.data import spoken
from training.data.spoken import LETTERS, LONGEST, WORDS, Part, rendered, spoken_form, texts_of
from training.data.synthesizers import Voice


def names(parts):
    return {(voice.synthesizer, voice.name.partition("+")[2] or voice.name) for part in parts for voice in part.voices}


def test_no_voice_is_in_two_parts():
    train, valid, test = names(spoken.train_parts()), names(spoken.valid_parts()), names(spoken.test_parts())
    assert not train & valid
    assert not (train | valid) & test
    assert "piper" not in {synthesizer for synthesizer, _ in train | valid}


def test_a_voice_says_every_word_and_phrases_of_its_own():
    part = Part("two", (Voice("flite", "a"), Voice("flite", "b")), 5, 1)
    one, other = texts_of(part, 0), texts_of(part, 1)
    assert one[: len(WORDS)] == other[: len(WORDS)] == list(WORDS)
    assert one[len(WORDS) :] != other[len(WORDS) :]
    assert all(2 <= len(text.split()) <= LONGEST and set(text.split()) <= set(WORDS) for text in one[len(WORDS) :])
    assert len(texts_of(Part("few", part.voices, -5, 1), 0)) == 5


def test_no_word_sounds_like_a_letter():
    assert len(WORDS) == len(set(WORDS))
    assert not set(WORDS) - set(LETTERS) & {"oh", "you", "be", "see", "are", "why", "queue", "tea", "eye"}
    assert spoken_form("turn a z up") == "turn eigh zee up"


def test_what_was_said_is_said_once(tmp_path, monkeypatch):
    asked = []

    def speak(voice, texts):
        asked.append(voice.name)
        return [np.full(len(text), number, np.int16) for number, text in enumerate(texts, 1)]

    monkeypatch.setattr(spoken, "speak", speak)
    part = Part("two", (Voice("flite", "a"), Voice("flite", "b")), -2, 1)
    told = []
    first, again = rendered(part, tmp_path, told.append), rendered(part, tmp_path, told.append)
    assert (asked, len(told)) == (["a", "b"], 1)
    for speakers in (first, again):
        assert [speaker.kind for speaker in speakers] == ["two", "two"]
        for number, speaker in enumerate(speakers):
            assert [clip.text for clip in speaker.clips] == texts_of(part, number)
            assert [len(clip.samples) for clip in speaker.clips] == [
                len(spoken_form(clip.text)) for clip in speaker.clips
            ]
            assert [int(clip.samples[0]) for clip in speaker.clips] == [1, 2]


def test_made_up_speech_needs_no_synthesizer():
    speech = spoken.made_up()
    assert speech.words == ("low", "mid", "top")
    assert [clip.text for clip in speech.tests()["tones"]][-1] == "low mid top"
    assert all(np.abs(clip.samples).max() == pytest.approx(8000, rel=0.01) for clip in speech.valid)
