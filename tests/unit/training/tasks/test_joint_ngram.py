"""Letters and sounds in pairs: aligned without being told how, and put together for words that were never seen."""

import pytest

from training.data.pairs import Pair
from training.tasks.joint_ngram import JointNgram, Word, align

SOUNDS = {"a": "AE", "b": "B", "k": "K", "x": "K S", "e": ""}
WORDS = ("ab", "ba", "axe", "kab", "bake", "baxe", "abake", "kaxa", "bab", "xa", "ke", "be")


def said(word: str) -> str:
    return " ".join(SOUNDS[letter] for letter in word if SOUNDS[letter])


@pytest.fixture(scope="module")
def model() -> JointNgram:
    return JointNgram([Pair(word, (said(word),)) for word in WORDS])


def test_each_letter_gets_its_own_sounds():
    found = list(align([Word(word, tuple(said(word).split())) for word in WORDS]))
    assert (("k", ("K",)), ("a", ("AE",)), ("b", ("B",))) in found
    assert (("b", ("B",)), ("a", ("AE",)), ("x", ("K", "S")), ("e", ())) in found


@pytest.mark.parametrize("word", ["kaxe", "bax", "abab"])
def test_new_words_are_said_by_what_was_learned_of_others(model, word):
    assert model.pronounce(word) == said(word)


def test_letters_that_were_never_seen_are_left_out(model):
    assert model.pronounce("k4ab") == said("kab")
    assert model.pronounce("444") == ""


def test_a_word_with_more_sounds_than_its_letters_can_bear_is_left_out():
    assert list(align([Word("a", ("B", "C", "D"))])) == []
    assert JointNgram([Pair("a", ("B C D",))]).pronounce("a") == ""
