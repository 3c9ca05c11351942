"""Rows are packed without mixing, and the padding policy keeps what is computed in vain low."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.batch import Batch, InputSpec, Row, tick_steps
from service.session import Chunk, Segment, Session
from service.state import Tenancy
from tests.strategies import many

SPECS = (InputSpec("x", (2,), "float32"), InputSpec("token", (), "int64"))


def row(slot: int, *sizes: int, skip: int = 0) -> Row:
    """A row whose chunks hold the numbers 100 × slot, 100 × slot + 1, …; the first `skip` were run before."""
    session = Session(f"s{slot}", Tenancy(slot, 0), 1000, patience=1.0, touched=0.0)
    count = 100 * slot
    for number, size in enumerate(sizes):
        numbers = np.arange(count, count + size)
        inputs = {"x": np.stack([numbers, -numbers], axis=1).astype(np.float32), "token": numbers}
        session.submit(Chunk(number, inputs, size))
        count += size
    session.take(skip)
    segments = session.take(1000)
    return Row(session, session.tenancy, segments, sum(s.stop - s.start for s in segments))


def test_rows_of_one_length_are_packed_side_by_side():
    batch = Batch((row(1, 2, 1), row(2, 3)))
    packed = batch.inputs(SPECS)
    assert packed["token"].tolist() == [[100, 101, 102], [200, 201, 202]]
    assert packed["x"].shape == (2, 3, 2)
    assert packed["x"][1, 2].tolist() == [202, -202]


def test_short_rows_are_followed_by_zeros():
    batch = Batch((row(1, 1), row(2, 1, 2), row(3, 4, skip=2)))
    assert batch.inputs(SPECS)["token"].tolist() == [[100, 0, 0], [200, 201, 202], [302, 303, 0]]
    assert batch.lengths.tolist() == [1, 3, 2]
    assert batch.lengths.dtype == np.int32
    assert batch.slots.tolist() == [1, 2, 3]
    assert (batch.steps, batch.valid_steps) == (3, 6)


def test_marks_between_chunks_are_not_packed():
    assert Batch((row(1, 1, 0, 1),)).inputs(SPECS)["token"].tolist() == [[100, 101]]


@pytest.mark.parametrize("lengths", [(1, 1), (1, 2)], ids=["even", "ragged"])
def test_packed_inputs_have_the_dtype_of_the_model_whatever_the_rows_bring(lengths: tuple[int, int]):
    rows = []
    for slot, (steps, dtype) in enumerate(zip(lengths, ("int64", "int32"), strict=True)):
        chunk = Chunk(1, {"token": np.ones(steps, dtype)}, steps)
        session = Session(f"s{slot}", Tenancy(slot, 0), 9, patience=1.0, touched=0.0)
        rows.append(Row(session, session.tenancy, (Segment(chunk, 0, steps),), steps))
    assert Batch(tuple(rows)).inputs([InputSpec("token", (), "int32")])["token"].dtype == np.int32


def test_halves_share_all_rows_between_them():
    rows = tuple(row(slot, 1) for slot in range(5))
    left, right = Batch(rows).halves()
    assert left.rows + right.rows == rows
    assert len(left.rows) == 2


@pytest.mark.parametrize(
    ("wanted", "steps"),
    [
        ([1, 1, 1], 1),
        ([7, 7], 7),
        ([64, 64, 60], 64),  # 4 of 192 is little padding
        ([64, 1], 2),  # 1 of 4
        ([64, 1, 1, 1], 1),
        ([64, 33], 64),  # 31 of 128 is just under a quarter
        ([64, 32], 64),  # a quarter
        ([64, 31], 32),
    ],
)
def test_rows_run_as_far_together_as_padding_allows(wanted: list[int], steps: int):
    assert tick_steps(wanted, max_padding=0.25, tick_cost=0) == steps


def test_padding_below_the_price_of_another_tick_is_worth_it():
    assert tick_steps([33, 1], max_padding=0.0, tick_cost=32) == 33
    assert tick_steps([34, 1], max_padding=0.0, tick_cost=32) == 32
    assert tick_steps([64, 1], max_padding=0.0, tick_cost=0) == 1


@many
@given(
    wanted=st.lists(st.integers(1, 200), min_size=1, max_size=20),
    max_padding=st.floats(0, 1),
    tick_cost=st.integers(0, 64),
)
def test_padding_stays_within_its_bounds(wanted: list[int], max_padding: float, tick_cost: int):
    steps = tick_steps(wanted, max_padding, tick_cost)
    area = steps * len(wanted)
    padding = area - sum(min(steps, want) for want in wanted)
    assert 1 <= steps <= max(wanted)
    assert padding == 0 or padding <= max_padding * area or padding <= tick_cost
