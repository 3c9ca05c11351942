"""Text is cut into the same words and lines wherever its pieces were cut."""

import time

from hypothesis import given
from hypothesis import strategies as st

from hiddenstate.command.generate import without_last_newline
from hiddenstate.command.words import Remembered, paced, split_lines, split_words

PIECES = st.lists(st.text("ab \n", max_size=6), max_size=6)


@given(PIECES)
def test_words_do_not_depend_on_the_cut_and_lose_nothing(pieces):
    whole = "".join(pieces)
    assert list(split_words(pieces)) == list(split_words([whole]))
    assert "".join(split_words(pieces)) == whole


@given(PIECES)
def test_lines_do_not_depend_on_the_cut(pieces):
    whole = "".join(pieces)
    assert list(split_lines(pieces)) == [line.strip() for line in whole.split("\n") if line.strip()]


@given(PIECES)
def test_only_the_newline_at_the_very_end_is_left_out(pieces):
    assert "".join(without_last_newline(pieces)) == "".join(pieces).removesuffix("\n")


def test_a_word_is_sent_with_the_space_behind_it():
    assert list(split_words(["a  good", " film"])) == ["a ", " good ", "film"]


def test_what_was_taken_is_remembered_and_answered_in_order():
    items = Remembered(["a", "b"])
    assert list(items) == ["a", "b"] == items.taken
    assert [items.next_answered(), items.next_answered()] == ["a", "b"]


def test_a_pace_makes_the_words_wait():
    started = time.monotonic()
    assert list(paced(["a", "b", "c"], 100.0)) == ["a", "b", "c"]
    assert time.monotonic() - started >= 0.025
