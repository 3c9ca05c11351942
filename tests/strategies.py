"""Hypothesis strategies: sequences, their cuts, crowds of sessions, and the limits they are served under."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from service.scheduler import Limits

few = settings(max_examples=25, deadline=None)
"""For tests that start an event loop in every example."""
many = settings(max_examples=100, deadline=None)

small_numbers = st.integers(-50, 50)


def sequences(max_steps: int = 40) -> st.SearchStrategy[NDArray[np.float64]]:
    """[steps, 1]: whole numbers, whose sums are exact."""
    numbers = st.lists(small_numbers, min_size=1, max_size=max_steps)
    return numbers.map(lambda values: np.array(values, np.float64)[:, None])


def token_sequences(vocabulary: int, max_steps: int = 40) -> st.SearchStrategy[NDArray[np.int64]]:
    """[steps]: token ids."""
    tokens = st.lists(st.integers(0, vocabulary - 1), min_size=1, max_size=max_steps)
    return tokens.map(lambda values: np.array(values, np.int64))


def cuts(length: int) -> st.SearchStrategy[list[int]]:
    """Places to cut a sequence of this length, none of them leaving an empty piece."""
    if length < 2:
        return st.just([])
    return st.sets(st.integers(1, length - 1), max_size=8).map(sorted)


@st.composite
def in_pieces(draw: st.DrawFn, whole: st.SearchStrategy[NDArray[np.generic]]) -> list[NDArray[np.generic]]:
    """A sequence, cut into chunks."""
    sequence = draw(whole)
    return np.split(sequence, draw(cuts(len(sequence))))


def crowds(whole: st.SearchStrategy[NDArray[np.generic]], most: int = 6) -> st.SearchStrategy[Sequence[Sequence]]:
    """What each of several sessions sends: its chunks."""
    return st.lists(in_pieces(whole), min_size=1, max_size=most)


@st.composite
def texts_in_pieces(draw: st.DrawFn, text: st.SearchStrategy[str]) -> list[str]:
    """A text, cut anywhere."""
    whole = draw(text)
    places = [0, *draw(cuts(len(whole))), len(whole)]
    return [whole[start:stop] for start, stop in pairwise(places)]


limits = st.builds(
    Limits,
    max_sessions=st.just(8),
    max_batch_rows=st.integers(1, 4),
    max_chunk_steps=st.integers(1, 9),
    max_backlog_steps=st.integers(100, 200),
    max_outbox_items=st.integers(1, 4),
    max_padding=st.sampled_from([0.0, 0.25, 1.0]),
    tick_cost=st.sampled_from([0, 4, 32]),
)
"""Tight limits, so that ticks are cut, rows wait for their turn and inboxes fill."""
