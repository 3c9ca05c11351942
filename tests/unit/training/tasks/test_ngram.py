"""The n-gram baseline against counts made by hand and a slow reference."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.tasks.ngram import CharacterNgram


def slow_probability(texts: list[str], order: int, before: str, character: str) -> float:
    """Witten-Bell straight from its formula."""
    probability = 1 / (len(set("".join(texts))) + 1)
    for length in range(order):
        context = ("\0" * order + before)[len(before) + order - length :]
        after = [
            padded[place]
            for padded in ("\0" * order + text for text in texts)
            for place in range(order, len(padded))
            if padded[place - length : place] == context
        ]
        if after:
            kinds = len(set(after))
            probability = (after.count(character) + kinds * probability) / (len(after) + kinds)
    return probability


@given(
    texts=st.lists(st.text("abc ", min_size=1, max_size=30), min_size=1, max_size=3),
    text=st.text("abcx ", min_size=1, max_size=20),
    order=st.integers(1, 6),
)
def test_bits_are_those_of_the_formula(texts, text, order):
    expected = -sum(
        math.log2(slow_probability(texts, order, text[:place], character)) for place, character in enumerate(text)
    )
    assert CharacterNgram(texts, order).bits(text) == pytest.approx(expected)


def test_one_character_that_was_seen_once_costs_what_the_formula_says():
    # Order 1 after "ab": p(a) = (1 + 2 × 1/3) / (2 + 2).
    assert CharacterNgram(["ab"], order=1).bits("a") == pytest.approx(-math.log2(5 / 12))


def test_a_longer_order_codes_repeated_text_in_fewer_bits():
    text = "the cat sat on the mat. " * 20
    bits = [CharacterNgram([text], order).bits_per_character([text]) for order in range(1, 7)]
    assert bits == sorted(bits, reverse=True)


def test_an_order_it_cannot_count_is_refused():
    with pytest.raises(ValueError, match="order 7"):
        CharacterNgram(["a"], order=7)
