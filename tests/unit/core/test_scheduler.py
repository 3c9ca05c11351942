"""The scheduler admits, plans and commits; nobody waits behind a long message, nothing grows without bound."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest

from service.batch import Outcome
from service.errors import Code, Reason, ServiceError
from service.scheduler import Limits, Plan, Scheduler
from service.session import Chunk, Session
from service.state import StateTable
from tests.fakes import RunningSum

LIMITS = Limits(max_sessions=4, max_batch_rows=4, max_chunk_steps=4, max_backlog_steps=100, idle_timeout=10.0)


class Bench:
    """A scheduler with a running sum beside it, driven by hand."""

    def __init__(self, **changes: object) -> None:
        self.limits = replace(LIMITS, **changes)
        self.model = RunningSum()
        self.table = StateTable(self.model.states, self.limits.max_sessions)
        self.scheduler = Scheduler(self.table, self.limits)

    def open(self, name: str, now: float = 0.0, patience: float = 1.0) -> Session:
        return self.scheduler.open(name, now, patience)

    def submit(self, session: Session, values: Sequence[float], number: int = 1, arrived: float = 0.0) -> None:
        inputs = {"x": np.array(values, np.float64).reshape(-1, 1)}
        self.scheduler.submit(session, Chunk(number, inputs, len(values), arrived))

    def run(self, plan: Plan) -> Outcome:
        assert plan.batch is not None
        state = self.table.gather(plan.batch.slots)
        return Outcome(*self.model.run(plan.batch.inputs(self.model.inputs), plan.batch.lengths, state))

    def tick(self, now: float = 0.0) -> dict[str, int]:
        """Steps of each session in the next tick, which is carried out."""
        plan = self.scheduler.plan(now)
        if plan is None:
            return {}
        self.scheduler.pass_marks(plan.marks)
        if plan.batch is not None:
            self.scheduler.commit(plan.batch, self.run(plan))
        rows = (*plan.marks, *(plan.batch.rows if plan.batch else ()))
        return {row.session.id: row.steps for row in rows}

    def ticks(self) -> Iterator[dict[str, int]]:
        while steps := self.tick():
            yield steps

    def sum_of(self, session: Session) -> float:
        return float(self.table.read(session.tenancy)["sum"][0])


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_nothing_ready_is_no_tick(bench: Bench):
    bench.open("a")
    assert bench.scheduler.plan(0.0) is None


def test_an_id_is_live_once(bench: Bench):
    session = bench.open("a")
    with pytest.raises(ServiceError) as caught:
        bench.open("a")
    assert (caught.value.code, caught.value.reason) == (Code.ALREADY_EXISTS, Reason.SESSION_ID_IN_USE)
    bench.scheduler.close(session)
    assert bench.open("a") is not session


def test_a_full_table_refuses_at_once_and_says_when_to_come_back(bench: Bench):
    first, *_ = [bench.open(name) for name in "abcd"]
    with pytest.raises(ServiceError) as caught:
        bench.open("e")
    assert (caught.value.code, caught.value.reason) == (Code.RESOURCE_EXHAUSTED, Reason.SESSIONS_EXHAUSTED)
    assert caught.value.retry_after == 1.0
    bench.scheduler.close(first)
    bench.open("e")
    bench.scheduler.check_integrity()


def test_a_tick_takes_all_that_is_ready(bench: Bench):
    for name in "abc":
        bench.submit(bench.open(name), [1, 2])
    assert bench.tick() == {"a": 2, "b": 2, "c": 2}
    assert bench.tick() == {}


def test_a_session_with_10_000_steps_delays_nobody():
    """It runs at most max_chunk_steps at a time, and the others are in every tick meanwhile."""
    bench = Bench(max_backlog_steps=20_000)
    long, live = bench.open("long"), bench.open("live")
    bench.submit(long, [1] * 10_000)
    ticks = 0
    while long.pending_steps:
        bench.submit(live, [1], number=ticks)
        steps = bench.tick()
        assert steps["live"] == 1
        assert steps["long"] <= bench.limits.max_chunk_steps
        ticks += 1
    assert bench.sum_of(long) == 10_000
    assert bench.sum_of(live) == ticks == 2500


def test_the_most_urgent_go_first_when_not_all_fit():
    bench = Bench(max_batch_rows=2)
    for name, arrived, patience in [("late", 0.0, 9.0), ("soon", 1.0, 2.0), ("now", 2.0, 0.5), ("tie", 1.0, 2.0)]:
        bench.submit(bench.open(name, patience=patience), [1], arrived=arrived)
    assert list(bench.ticks()) == [{"now": 1, "soon": 1}, {"tie": 1, "late": 1}]


def test_nobody_starves_when_not_all_fit():
    """The head of a backlog keeps its arrival, so what waits becomes the most urgent."""
    bench = Bench(max_batch_rows=1)
    patient = bench.open("patient", patience=5.0)
    bench.submit(patient, [1], arrived=0.0)
    eager = bench.open("eager", patience=1.0)
    for second in range(10):
        bench.submit(eager, [1], arrived=float(second))
        if "patient" in bench.tick(float(second)):
            break
    assert second == 4


def test_a_session_in_flight_is_not_planned_again(bench: Bench):
    session = bench.open("a")
    bench.submit(session, [1])
    plan = bench.scheduler.plan(0.0)
    assert plan is not None
    bench.submit(session, [2], number=2)
    assert bench.scheduler.plan(0.0) is None
    bench.scheduler.commit(plan.batch, bench.run(plan))
    assert bench.tick() == {"a": 1}
    assert bench.sum_of(session) == 3
    assert session.steps_done == 2


def test_marks_alone_run_nothing(bench: Bench):
    session = bench.open("a")
    bench.submit(session, [])
    plan = bench.scheduler.plan(0.0)
    assert plan is not None
    assert plan.batch is None
    assert bench.scheduler.pass_marks(plan.marks) == [(plan.marks[0], 0)]
    assert bench.model.runs == []
    assert not session.in_flight


def test_marks_of_one_session_and_steps_of_another_share_a_tick(bench: Bench):
    bench.submit(bench.open("mark"), [])
    bench.submit(bench.open("steps"), [1, 2])
    assert bench.tick() == {"mark": 0, "steps": 2}
    assert bench.model.runs == [[2]]


def test_rows_outside_the_tick_and_padding_leave_state_bit_identical():
    """Law 3: the short row of a ragged tick stops at its length, the idle one is not touched."""
    bench = Bench(tick_cost=100)
    idle, short, long = (bench.open(name) for name in ("idle", "short", "long"))
    bench.submit(idle, [0.1])
    bench.tick()
    before = bench.table.read(idle.tenancy)["sum"].tobytes()
    bench.submit(short, [1])
    bench.submit(long, [1, 2, 3, 4])
    assert bench.tick() == {"short": 1, "long": 4}
    assert bench.model.runs[-1] == [1, 4]
    assert bench.table.read(idle.tenancy)["sum"].tobytes() == before
    assert (bench.sum_of(short), bench.sum_of(long)) == (1, 10)


def test_a_late_result_for_an_ended_session_changes_nothing(bench: Bench):
    """Law 4: the next tenant of the slot neither sees the result nor has its place in the answers."""
    old, other = bench.open("old"), bench.open("other")
    bench.submit(old, [5])
    bench.submit(other, [7])
    plan = bench.scheduler.plan(0.0)
    assert plan is not None
    outcome = bench.run(plan)
    bench.scheduler.close(old)
    new = bench.open("new")
    assert new.tenancy.slot == old.tenancy.slot
    assert [place for _, place in bench.scheduler.commit(plan.batch, outcome)] == [1]
    assert (bench.sum_of(new), bench.sum_of(other)) == (0, 7)
    assert old.steps_done == 0
    bench.scheduler.check_integrity()


def test_late_marks_of_an_ended_session_are_dropped(bench: Bench):
    session = bench.open("a")
    bench.submit(session, [])
    plan = bench.scheduler.plan(0.0)
    assert plan is not None
    bench.scheduler.close(session)
    assert bench.scheduler.pass_marks(plan.marks) == []


def test_a_session_ends_once(bench: Bench):
    session = bench.open("a")
    bench.scheduler.close(session)
    other = bench.open("b")
    bench.scheduler.close(session)
    assert list(bench.scheduler.sessions.values()) == [other]
    bench.scheduler.check_integrity()


def test_reset_begins_a_new_sequence_in_the_same_session(bench: Bench):
    session = bench.open("a")
    bench.submit(session, [3])
    bench.tick()
    bench.scheduler.reset(session)
    bench.submit(session, [4])
    bench.tick()
    assert bench.sum_of(session) == 4


def test_only_silent_sessions_expire(bench: Bench):
    silent, heard, waiting, flying = (bench.open(name) for name in ("silent", "heard", "waiting", "flying"))
    bench.submit(flying, [1])
    assert bench.scheduler.plan(0.0) is not None
    bench.submit(heard, [1], arrived=3.0)
    bench.tick(3.0)
    bench.submit(waiting, [1])
    assert bench.scheduler.expired(9.9) == []
    assert bench.scheduler.expired(10.0) == [silent]
    bench.scheduler.close(silent)
    assert bench.scheduler.expired(13.0) == [heard]


def test_a_snapshot_goes_on_where_it_was_taken(bench: Bench):
    session = bench.open("a", patience=0.3)
    bench.submit(session, [1, 2, 3, 4, 5, 6])
    bench.submit(session, [7], number=2)
    bench.tick()
    snapshot = bench.scheduler.snapshot(session)
    bench.scheduler.close(session)
    resumed = bench.scheduler.resume(snapshot, 5.0)
    bench.scheduler.check_integrity()
    assert (resumed.steps_done, resumed.pending_steps, resumed.patience) == (4, 3, 0.3)
    assert bench.tick(5.0) == {"a": 3}
    assert bench.sum_of(resumed) == 28


def test_a_snapshot_of_a_full_backlog_fits_again():
    """The steps of its first chunk that are done count no more than they did before."""
    bench = Bench(max_backlog_steps=6)
    session = bench.open("a")
    bench.submit(session, [1] * 6)
    bench.tick()
    bench.submit(session, [1] * 4, number=2)
    snapshot = bench.scheduler.snapshot(session)
    bench.scheduler.close(session)
    resumed = bench.scheduler.resume(snapshot, 0.0)
    bench.scheduler.check_integrity()
    assert resumed.pending_steps == 6


def test_a_snapshot_is_a_copy(bench: Bench):
    session = bench.open("a")
    bench.submit(session, [1])
    bench.tick()
    snapshot = bench.scheduler.snapshot(session)
    bench.submit(session, [1], number=2)
    bench.tick()
    assert snapshot.state["sum"].tolist() == [1]
    assert snapshot.chunks == ()


def test_no_snapshot_in_the_middle_of_a_tick(bench: Bench):
    session = bench.open("a")
    bench.submit(session, [1])
    bench.scheduler.plan(0.0)
    with pytest.raises(RuntimeError, match="between ticks"):
        bench.scheduler.snapshot(session)


def test_whole_sequences_run_in_one_tick_with_others_of_about_their_length():
    bench = Bench(whole_sequence=True, max_chunk_steps=2)
    for name, count in [("ten", 10), ("nine", 9), ("four", 4), ("eleven", 11)]:
        bench.submit(bench.open(name), [1] * count)
    assert list(bench.ticks()) == [{"ten": 10, "nine": 9}, {"four": 4}, {"eleven": 11}]


def test_whole_sequences_of_one_session_run_one_by_one():
    bench = Bench(whole_sequence=True)
    session = bench.open("a")
    for number, count in enumerate([3, 0, 3], start=1):
        bench.submit(session, [1] * count, number=number)
    assert list(bench.ticks()) == [{"a": 3}, {"a": 3}]


def test_a_mark_before_a_whole_sequence_runs_alone():
    bench = Bench(whole_sequence=True)
    bench.submit(bench.open("mark"), [])
    bench.submit(bench.open("steps"), [1])
    assert list(bench.ticks()) == [{"mark": 0}, {"steps": 1}]


def test_the_backlog_counts_over_all_sessions(bench: Bench):
    for name in "ab":
        bench.submit(bench.open(name), [1] * 6)
    bench.tick()
    assert bench.scheduler.backlog_steps == 4


def test_one_message_may_fill_half_a_backlog():
    assert Limits(max_backlog_steps=10).max_message_steps == 5
