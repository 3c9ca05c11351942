"""Closed lists are written word by word, other texts letter by letter; hints tell when."""

from dataclasses import replace

import numpy as np

from training.data.spoken import Clip, made_up
from training.data.stretches import Said
from training.tasks.speech_spelling import Spelling


def heard(spelling, said, steps=30):
    placed = spelling.hinted([said], steps)
    return [(int(step), spelling.tokens[placed[step]]) for step in np.flatnonzero(placed)]


def phrases():
    """Speech in which no word is said alone."""
    speech = made_up()
    (speaker,) = speech.train
    return replace(speech, train=(replace(speaker, clips=(Clip(speaker.clips[0].samples, "low mid"),)),))


def test_a_word_of_a_closed_list_is_opened_by_a_space_and_then_said():
    spelling = Spelling(made_up())
    assert spelling.tokens == ("", " ", "low", "mid", "top")
    assert spelling.spelled("mid low") == [1, 3, 1, 2]


def test_other_words_are_letters_and_end_with_a_space():
    spelling = Spelling(replace(made_up(), words=()))
    assert spelling.tokens == ("", " ", *sorted(set("lowmidtop")))
    assert "".join(spelling.tokens[token] for token in spelling.spelled("low mid")) == "low mid "


def test_hints_open_a_word_soon_and_say_it_right_behind_its_end():
    assert heard(Spelling(made_up()), Said("low", 480 * 10, 480 * 17)) == [(13, " "), (19, "low")]


def test_of_phrases_nothing_is_told_unless_no_word_is_said_alone():
    said = Said("low mid", 480 * 10, 480 * 16)
    assert heard(Spelling(made_up()), said) == []
    # The second word is opened at the same time as the first one is over, a step later.
    assert heard(Spelling(phrases()), said) == [(13, " "), (15, "low"), (16, " "), (18, "mid")]


def test_hints_spread_letters_over_their_time_and_end_them_with_a_space():
    spelling = Spelling(replace(made_up(), words=()))
    assert heard(spelling, Said("low", 480 * 10, 480 * 17)) == [(13, "l"), (15, "o"), (17, "w"), (19, " ")]
