"""The search over texts is the sum over all alignments, where nothing is left out; else the best of it."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.tasks.ctc import DECIDE_AT, Candidates, Decoder, Spelling, candidates_of
from service.tasks.phrases import Phrases
from tests.strategies import many

TOKENS = ("", " ", "a", "b")
SPACE, A, B = 1, 2, 3


def summed(shares):
    """The probability of every text, summed over all ways to align it with the steps [steps, tokens]."""
    odds: dict[tuple[int, ...], float] = {}
    for alignment in itertools.product(range(shares.shape[1]), repeat=len(shares)):
        text = tuple(token for token, _ in itertools.groupby(alignment) if token)
        odds[text] = odds.get(text, 0.0) + math.prod(shares[range(len(shares)), alignment])
    return odds


def searched(shares, decoder):
    search = decoder.begin()
    for step, row in enumerate(shares):
        pairs = [(token, share) for token, share in enumerate(row.tolist()) if token]
        decoder.advance(search, Candidates(step, float(row[0]), pairs))
    return search


def spelled(text):
    return tuple(TOKENS.index(letter) for letter in text)


outputs = st.integers(1, 4).flatmap(
    lambda steps: st.lists(st.lists(st.integers(1, 50), min_size=4, max_size=4), min_size=steps, max_size=steps).map(
        lambda rows: np.array(rows, np.float64) / np.sum(rows, axis=1, keepdims=True)
    )
)


@many
@given(outputs)
def test_a_wide_search_is_the_sum_over_all_alignments(shares):
    decoder = Decoder(10_000)
    found = {each.spelling.tokens: each.share for each in decoder.hypotheses(searched(shares, decoder))}
    expected = summed(shares)
    assert found.keys() == expected.keys()
    assert all(found[text] == pytest.approx(expected[text]) for text in expected)


@many
@given(outputs, st.lists(st.text("ab ", min_size=1, max_size=3), min_size=1, max_size=4))
def test_a_limit_leaves_the_texts_it_allows_with_their_shares_among_each_other(shares, listed):
    phrases = {" ".join(phrase.split()) for phrase in listed} - {""}
    if not phrases:
        return
    sums = summed(shares)
    allowed = {text: odds for text, odds in sums.items() if made_of("".join(map(TOKENS.__getitem__, text)), phrases)}
    decoder = Decoder(10_000, SPACE, Phrases(phrases, TOKENS))
    found = {each.spelling.tokens: each.share for each in decoder.endings(searched(shares, decoder))}
    assert found.keys() == allowed.keys()
    assert all(found[text] == pytest.approx(allowed[text] / sum(allowed.values())) for text in allowed)


def made_of(text, phrases):
    """Whether a text is nothing, or phrases parted by spaces, which may stand at its ends as well."""
    if text in phrases or not text:
        return True
    return any(text.startswith(part + " ") and made_of(text[len(part) + 1 :], phrases) for part in ("", *phrases))


def test_a_text_that_no_phrase_ends_is_told_up_to_where_one_did():
    decoder = Decoder(8, SPACE, Phrases(["ab", "a bb"], TOKENS))
    search = searched(np.eye(4)[[A, B, SPACE, A, SPACE]] * 0.97 + 0.01, decoder)
    assert decoder.endings(search)[0].spelling.tokens == spelled("ab ")
    assert searched_text("aba", decoder) == "ab"


def searched_text(text, decoder):
    shares = np.full((len(text), 4), 0.0) + 1e-9
    shares[range(len(text)), spelled(text)] = 1.0
    return "".join(TOKENS[token] for token in decoder.endings(searched(shares, decoder))[0].spelling.tokens)


@many
@given(st.lists(st.sampled_from([0, 1, 2, 3]), min_size=1, max_size=60))
def test_the_best_path_alone_is_followed_when_the_width_is_1(alignment):
    shares = np.full((len(alignment), 4), 0.02)
    shares[range(len(alignment)), alignment] = 0.94
    decoder = Decoder(1, SPACE)
    search = searched(shares, decoder)
    (found,) = decoder.endings(search)
    assert found.spelling.tokens == tuple(token for token, _ in itertools.groupby(alignment) if token)


@many
@given(st.lists(st.sampled_from(["a b", "ab", "", "b a ", " "]), min_size=1, max_size=40))
def test_what_is_settled_changes_no_text(parts):
    """A long text, whose beginning is taken out of the paths, reads as it would have at once."""
    alignment = [token for letter in "".join(parts) for token in (TOKENS.index(letter), 0)]
    shares = np.full((len(alignment), 4), 0.05)
    shares[range(len(alignment)), alignment] = 0.85
    told = []
    for separator in (SPACE, None):
        decoder = Decoder(8, separator)
        search = searched(shares, decoder)
        best = decoder.endings(search)[0]
        assert best.spelling.tokens == spelled("".join(parts))
        assert search.settled.then(search.paths[0].spelling) == best.spelling
        told.append(best.spelling)
    assert told[0].steps == tuple(range(0, len(alignment), 2))


@pytest.mark.parametrize("text", ["a bb a " * 60, "ab" * 200])
@pytest.mark.parametrize("separator", [SPACE, None])
def test_what_is_followed_stays_short_in_a_text_without_end(text, separator):
    """Also where two beginnings stay as likely for ever: the first letter is there or, hardly less likely, is not."""
    alignment = [token for letter in text for token in (TOKENS.index(letter), 0)]
    shares = np.full((len(alignment), 4), 1e-9)
    shares[range(len(alignment)), alignment] = 1.0
    shares[0] = [0.49, 0.0, 0.51, 0.0]
    decoder = Decoder(8, separator)
    search = decoder.begin()
    for step, row in enumerate(shares.tolist()):
        decoder.advance(search, Candidates(step, row[0], [(token, odds) for token, odds in enumerate(row) if token]))
        assert len(search.paths[0].text) <= DECIDE_AT
    assert decoder.endings(search)[0].spelling.tokens == spelled(text)


def test_a_token_is_where_it_most_likely_began():
    decoder = Decoder(8)
    rows = [[0.85, 0, 0.15, 0], [0.05, 0, 0.95, 0], [0.3, 0, 0.7, 0], [1, 0, 0, 0], [0.1, 0, 0, 0.9]]
    best = decoder.hypotheses(searched(np.array(rows), decoder))[0].spelling
    assert best == Spelling((A, B), (1, 4), (0.95, 0.9))


def test_a_step_that_is_blank_alone_is_no_candidate_and_changes_no_share():
    shares = np.array([[0.5, 0.0, 0.5, 0.0], [0.9995, 0.0, 0.0005, 0.0], [0.4, 0.0, 0.6, 0.0], [0.1, 0.1, 0.1, 0.7]])
    first, second = candidates_of(shares, [(7, 3), (40, 1)])
    assert [each.step for each in first] == [7, 9]
    assert second == [Candidates(40, 0.1, [(1, 0.1), (2, 0.1), (3, 0.7)])]
    decoder = Decoder(8)
    left_out, taken = decoder.begin(), decoder.begin()
    for candidates in first:
        decoder.advance(left_out, candidates)
    for candidates in (first[0], Candidates(8, 1.0, []), first[1]):
        decoder.advance(taken, candidates)
    assert decoder.hypotheses(left_out) == decoder.hypotheses(taken)


def test_certainty_of_what_may_not_be_said_leaves_what_was_said():
    decoder = Decoder(4, SPACE, Phrases(["a"], TOKENS))
    sure = np.array([[0.0, 0.0, 0.0, 1.0]])
    search = decoder.begin()
    for step in range(50):
        ((candidates,),) = candidates_of(sure, [(step, 1)])
        decoder.advance(search, candidates)
    assert decoder.endings(search)[0].spelling.tokens == ()
