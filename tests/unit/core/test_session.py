"""A session's backlog is bounded, keeps order and is taken step by step."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import Code, Reason, ServiceError
from service.session import Chunk, Segment, Session
from service.state import Tenancy
from tests.strategies import many


def session(max_steps: int = 100) -> Session:
    return Session("s", Tenancy(0, 0), max_steps, patience=0.5, touched=0.0)


def chunk(number: int, steps: int, arrived: float = 0.0) -> Chunk:
    return Chunk(number, {"x": np.zeros((steps, 1))}, steps, arrived)


def spans(segments: tuple[Segment, ...]) -> list[tuple[int, int, int, bool]]:
    return [(s.chunk.sequence_number, s.start, s.stop, s.completes) for s in segments]


def test_steps_are_taken_across_chunks_in_order():
    one = session()
    one.submit(chunk(1, 3))
    one.submit(chunk(2, 4))
    assert spans(one.take(5)) == [(1, 0, 3, True), (2, 0, 2, False)]
    assert one.pending_steps == 2
    assert spans(one.take(5)) == [(2, 2, 4, True)]
    assert (one.pending_steps, len(one.chunks)) == (0, 0)


def test_a_mark_takes_its_turn_behind_the_steps_before_it():
    one = session()
    one.submit(chunk(1, 2))
    one.submit(chunk(2, 0))
    one.submit(chunk(3, 1))
    assert spans(one.take(1)) == [(1, 0, 1, False)]
    assert spans(one.take(1)) == [(1, 1, 2, True), (2, 0, 0, True)]
    assert spans(one.take(1)) == [(3, 0, 1, True)]


def test_marks_alone_are_taken_without_any_step():
    one = session()
    one.submit(chunk(1, 0))
    one.submit(chunk(2, 2))
    assert spans(one.take(0)) == [(1, 0, 0, True)]


def test_marks_are_bounded_too():
    """They have no steps, so their number counts."""
    one = session(max_steps=2)
    one.submit(chunk(1, 0))
    one.submit(chunk(2, 0))
    with pytest.raises(ServiceError) as caught:
        one.submit(chunk(3, 0))
    assert caught.value.reason is Reason.BACKLOG_EXHAUSTED


def test_a_chunk_over_the_backlog_is_refused_and_changes_nothing():
    one = session(max_steps=5)
    one.submit(chunk(1, 3, arrived=1.0))
    with pytest.raises(ServiceError, match="3 more steps do not fit") as caught:
        one.submit(chunk(2, 3, arrived=2.0))
    assert (caught.value.code, caught.value.reason) == (Code.RESOURCE_EXHAUSTED, Reason.BACKLOG_EXHAUSTED)
    assert caught.value.retry_after is not None
    assert (len(one.chunks), one.pending_steps, one.touched) == (1, 3, 1.0)
    one.submit(chunk(2, 2))


def test_an_ended_session_takes_no_chunk():
    one = session()
    one.closed = True
    with pytest.raises(ServiceError) as caught:
        one.submit(chunk(1, 1))
    assert caught.value.reason is Reason.SESSION_EXPIRED


def test_the_deadline_is_that_of_the_oldest_waiting_chunk():
    one = session()
    one.submit(chunk(1, 1, arrived=2.0))
    one.submit(chunk(2, 1, arrived=3.0))
    assert one.deadline == 2.5
    one.take(1)
    assert one.deadline == 3.5


def test_only_an_idle_session_with_chunks_is_ready():
    one = session()
    assert not one.ready
    one.submit(chunk(1, 1))
    assert one.ready
    one.in_flight = True
    assert not one.ready
    one.in_flight, one.closed = False, True
    assert not one.ready


@many
@given(sizes=st.lists(st.integers(0, 9), max_size=8), takes=st.lists(st.integers(1, 7)))
def test_however_it_is_taken_every_step_comes_once_and_in_order(sizes: list[int], takes: list[int]):
    one = session()
    for number, size in enumerate(sizes):
        one.submit(chunk(number, size))
    segments: list[Segment] = []
    for most in takes:
        taken = one.take(most)
        assert sum(s.stop - s.start for s in taken) <= most
        segments += taken
    segments += one.take(sum(sizes))
    steps = [(s.chunk.sequence_number, step) for s in segments for step in range(s.start, s.stop)]
    assert steps == [(number, step) for number, size in enumerate(sizes) for step in range(size)]
    assert [s.chunk.sequence_number for s in segments if s.completes] == list(range(len(sizes)))
    assert one.pending_steps == 0
