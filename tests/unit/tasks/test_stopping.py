"""A stop sequence never reaches the client, wherever the tokens are cut; nothing else is held back for good."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.tasks.generation import Token
from service.tasks.stopping import StopWatch
from tests.strategies import many, texts_in_pieces

texts = st.text(alphabet="abc", max_size=30)
stops = st.lists(st.text(alphabet="abc", min_size=1, max_size=4), max_size=3).map(tuple)


def watch(parts: Sequence[str], *stops: str) -> tuple[list[str], bool]:
    """The text released for each part and at the end, and whether a stop sequence was met."""
    watch = StopWatch(stops)
    released = []
    for part in parts:
        pieces, stopped = watch.feed(Token(part, 0))
        released.append("".join(piece.text for piece in pieces))
        if stopped:
            return released, True
    return [*released, "".join(piece.text for piece in watch.flush())], False


def first_stop(text: str, stops: Sequence[str]) -> int | None:
    """Where the stop sequence begins that is the first to be complete; of several, the longest."""
    for end in range(len(text) + 1):
        if complete := [stop for stop in stops if text[:end].endswith(stop)]:
            return end - max(map(len, complete))
    return None


@many
@given(parts=texts_in_pieces(texts), stops=stops)
def test_the_text_before_the_first_stop_sequence_comes_through_whatever_the_cut(
    parts: list[str], stops: tuple[str, ...]
):
    text = "".join(parts)
    place = first_stop(text, stops)
    released, stopped = watch(parts, *stops)
    assert "".join(released) == text[:place]
    assert stopped == (place is not None)


@many
@given(parts=texts_in_pieces(texts), stops=stops)
def test_at_no_moment_has_any_of_the_stop_sequence_come_out(parts: list[str], stops: tuple[str, ...]):
    text = "".join(parts)
    place = first_stop(text, stops)
    released, _ = watch(parts, *stops)
    for count in range(len(released) + 1):
        sent = "".join(released[:count])
        assert text[:place].startswith(sent)


def test_without_stop_sequences_nothing_is_held():
    assert watch(["a", "b"]) == (["a", "b", ""], False)


def test_text_is_held_only_while_it_may_become_a_stop_sequence():
    assert watch(["x", "\n", "y"], "\n\n") == (["x", "", "\ny", ""], False)


def test_what_is_held_at_the_end_of_the_text_comes_out():
    assert watch(["x", "\n"], "\n\n") == (["x", "", "\n"], False)


def test_a_token_is_cut_where_the_stop_sequence_begins():
    assert watch(["one t", "wo END three"], "END") == (["one t", "wo "], True)


def test_the_end_of_a_failed_match_can_begin_the_next():
    assert watch(["a", "a", "a", "b"], "aab") == (["", "", "a", ""], True)


@pytest.mark.parametrize("parts", [["xabcd"], ["xab", "cd"], ["x", "a", "b", "c", "d"]])
def test_the_first_to_be_complete_stops_the_text_whatever_the_cut(parts: list[str]):
    watch = StopWatch(("abcd", "c"))
    text = ""
    for part in parts:
        pieces, stopped = watch.feed(Token(part, 0))
        text += "".join(piece.text for piece in pieces)
        if stopped:
            break
    assert (text, watch.matched) == ("xab", "c")


def test_each_released_piece_keeps_its_token():
    watch = StopWatch(("END",))
    released = [
        piece for token, text in enumerate(["a E", "N", "x", "b END c"]) for piece in watch.feed(Token(text, token))[0]
    ]
    assert released == [Token("a E", 0), Token("N", 1), Token("x", 2), Token("b ", 3)]


def test_tokens_without_text_take_their_place():
    """A token in the middle of a character has no text yet; it is told, in order, as any other."""
    watch = StopWatch(("ab",))
    released = [
        piece.token_id for token, text in enumerate(["", "a", "", "x"]) for piece in watch.feed(Token(text, token))[0]
    ]
    assert released == [0, 1, 2, 3]
