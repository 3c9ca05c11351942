"""Beam search finds what an exhaustive search finds, and no search knows of the others."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.tasks.beams import GROUP, Hypothesis, Search, Step, advance, likeliest

END, WORDS, LONGEST = 0, 4, 3
few = settings(max_examples=40, deadline=None)


def table(seed: int) -> dict[tuple[int, ...], np.ndarray]:
    """Logits [WORDS] after every target of up to LONGEST tokens."""
    random = np.random.default_rng(seed)
    targets = (each for length in range(LONGEST + 1) for each in itertools.product(range(1, WORDS), repeat=length))
    return {target: random.normal(size=WORDS).astype(np.float32) * 2 for target in targets}


def odds(logits: np.ndarray) -> np.ndarray:
    return logits.astype(np.float64) - math.log(np.exp(logits.astype(np.float64)).sum())


def search(width: int, **changes) -> Search:
    return Search(**({"width": width, "longest": LONGEST, "length_penalty": 1.0, "source_steps": 2} | changes))


def run(searches, tables) -> None:
    """Carry all searches to their end, those that are live together in one call."""
    while live := [(each, known) for each, known in zip(searches, tables, strict=True) if each.live]:
        prefixes = [(known, tuple(step.token for step in each.steps)) for found, known in live for each in found.live]
        logits = np.stack([known[prefix] for known, prefix in prefixes])
        attention = np.stack([np.full(5, len(prefix), np.float32) for _, prefix in prefixes])
        before = [found.live for found, _ in live]
        parents = advance([found for found, _ in live], logits, attention, END)
        for (found, _), old, chosen in zip(live, before, parents, strict=True):
            assert [each.steps[:-1] for each in found.live] == [old[parent].steps for parent in chosen]


def tokens(hypothesis: Hypothesis) -> tuple[int, ...]:
    return tuple(step.token for step in hypothesis.steps)


@few
@given(st.integers(0, 1000), st.sampled_from([0.0, 0.7, 1.0, 2.0]))
def test_a_search_wide_enough_finds_the_best_of_all_targets(seed, penalty):
    known = table(seed)
    wide = search(200, length_penalty=penalty)
    run([wide], [known])
    every = {}
    for target in known:
        total = sum(odds(known[target[:place]])[token] for place, token in enumerate(target))
        ended = total + odds(known[target])[END]
        if len(target) == LONGEST:
            every[target, False] = total / max(len(target), 1) ** penalty
        else:
            every[target, True] = ended / (len(target) + 1) ** penalty
    best = max(every, key=every.get)
    found = wide.ranked()[0]
    assert (tokens(found), found.ended) == best
    assert found.score(penalty) == pytest.approx(every[best], abs=1e-5)
    assert len(wide.done) == len(every)


@few
@given(st.integers(0, 1000))
def test_a_search_of_one_is_greedy(seed):
    known, greedy = table(seed), search(1)
    run([greedy], [known])
    target: tuple[int, ...] = ()
    while len(target) < LONGEST and (token := int(known[target].argmax())) != END:
        target += (token,)
    assert [tokens(each) for each in greedy.done] == [target]


@few
@given(st.lists(st.tuples(st.integers(0, 99), st.integers(1, 5), st.booleans()), min_size=1, max_size=5))
def test_what_a_search_finds_does_not_depend_on_the_searches_beside_it(cases):
    """Law 2: bit for bit, whatever their widths."""

    def searches():
        return [search(width, attention=told, alternatives=2 * told) for _, width, told in cases]

    tables = [table(seed) for seed, _, _ in cases]
    together, alone = searches(), searches()
    run(together, tables)
    for each, known in zip(alone, tables, strict=True):
        run([each], [known])
    assert [repr(each) for each in together] == [repr(each) for each in alone]


def test_a_hypothesis_that_ends_gives_its_place_up_for_good():
    narrow = search(3)
    narrow.take([(0, Step(1, -0.1)), (0, Step(END, -0.2)), (0, Step(2, -0.3))], END)
    assert (len(narrow.live), len(narrow.done)) == (2, 1)
    logits = np.zeros((2, WORDS), np.float32)
    logits[:, 3] = 9.0
    advance([narrow], logits, np.zeros((2, 2), np.float32), END)
    assert len(narrow.live) == 2


def test_tokens_are_settled_once_all_that_may_still_win_agree():
    two = search(2, longest=5)
    two.take([(0, Step(1, -0.1)), (0, Step(2, -0.2))], END)
    assert two.settled() == ()
    two.take([(0, Step(3, -0.1)), (0, Step(2, -0.2))], END)
    assert [step.token for step in two.settled()] == [1]
    two.take([(0, Step(END, -9.0)), (1, Step(2, -0.2))], END)
    assert [step.token for step in two.settled(1)] == [1], "the one that has ended may still be the best"


def test_what_is_forbidden_is_neither_followed_nor_told_even_where_nothing_else_is_left():
    wide = search(10, alternatives=4)
    logits = np.array([[1.0, -np.inf, 3.0, -np.inf]], np.float32)
    advance([wide], logits, np.zeros((1, 2), np.float32), END)
    assert [tokens(each) for each in (*wide.live, *wide.done)] == [(2,), ()]
    assert [token for token, _ in wide.live[0].steps[0].alternatives] == [2, 0]


def test_a_search_that_can_go_nowhere_ends_where_it_is():
    stuck = search(2)
    advance([stuck], np.full((1, WORDS), np.nan, np.float32), np.zeros((1, 2), np.float32), END)
    assert (stuck.live, [tokens(each) for each in stuck.ranked()]) == ((), [()])


def test_alternatives_are_the_likeliest_tokens_in_place_of_each():
    told = search(1, alternatives=3, attention=True)
    logits = np.array([[1.0, 5.0, 3.0, 4.0]], np.float32)
    advance([told], logits, np.array([[0.25, 0.75, 0.0]], np.float32), END)
    (step,) = told.live[0].steps
    assert [token for token, _ in step.alternatives] == [1, 3, 2]
    assert step.alternatives[0] == (step.token, step.log_probability)
    assert step.log_probability == pytest.approx(odds(logits[0])[1], abs=1e-6)
    assert step.attention.tolist() == [0.25, 0.75]


@few
@given(st.integers(0, 1000), st.integers(1, 8), st.sampled_from([5, GROUP, 20 * GROUP, 20 * GROUP + 7]))
def test_the_likeliest_tokens_are_those_of_a_full_sort(seed, count, size):
    logits = np.random.default_rng(seed).permutation(3 * size).reshape(3, size).astype(np.float32)
    expected = np.argsort(-logits, axis=1)[:, :count]
    assert likeliest(logits, count).tolist() == expected.tolist()
