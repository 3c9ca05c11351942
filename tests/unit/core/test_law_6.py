"""Law 6: over any order of calls, the core agrees with a dictionary of running sums that knows no batches."""

from collections import deque
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from service.batch import Batch, Outcome, Row
from service.errors import Reason, ServiceError
from service.scheduler import Limits, Plan, Scheduler, Snapshot
from service.session import Chunk, Session
from service.state import StateTable
from tests.fakes import RunningSum

STEPS = st.lists(st.integers(-9, 9), max_size=7)
NAMES = st.sampled_from("abcd")
END = "end of chunk"
Waiting = deque[tuple[int, int | str]]


@dataclass
class Expected:
    """One session as the reference knows it: its sum, and what waits as (sequence number, step or END)."""

    touched: float
    total: int = 0
    steps_done: int = 0
    waiting: Waiting = field(default_factory=deque)
    flying: Waiting = field(default_factory=deque)

    @property
    def waiting_steps(self) -> int:
        return sum(what != END for _, what in self.waiting)


@dataclass
class Saved:
    """A snapshot, and the reference at the same moment."""

    name: str
    snapshot: Snapshot
    total: int
    steps_done: int
    waiting: Waiting


def said(row: Row) -> Waiting:
    """What a row is about to run, in the words of the reference."""
    found: Waiting = deque()
    for segment in row.segments:
        number = segment.chunk.sequence_number
        steps = segment.chunk.inputs["x"][segment.start : segment.stop, 0]
        found.extend((number, int(step)) for step in steps)
        if segment.completes:
            found.append((number, END))
    return found


class CoreMachine(RuleBasedStateMachine):
    """Three slots, four names, ticks of two rows and four steps: everything is scarce."""

    snapshots = Bundle("snapshots")

    @initialize(padding=st.sampled_from([0.0, 0.25, 1.0]), tick_cost=st.sampled_from([0, 3]))
    def set_up(self, padding: float, tick_cost: int) -> None:
        self.limits = Limits(
            max_sessions=3,
            max_batch_rows=2,
            max_chunk_steps=4,
            max_backlog_steps=8,
            max_padding=padding,
            tick_cost=tick_cost,
            idle_timeout=10.0,
        )
        self.model = RunningSum()
        self.table = StateTable(self.model.states, self.limits.max_sessions)
        self.scheduler = Scheduler(self.table, self.limits)
        self.expected: dict[str, Expected] = {}
        self.plan: Plan | None = None
        self.now = 0.0
        self.number = 0

    def session(self, name: str) -> Session:
        return self.scheduler.sessions[name]

    def admits(self, name: str) -> Reason | None:
        """Why a session of this name can not be opened now, if so."""
        if name in self.expected:
            return Reason.SESSION_ID_IN_USE
        return Reason.SESSIONS_EXHAUSTED if len(self.expected) == self.limits.max_sessions else None

    @rule(name=NAMES, values=STEPS)
    def open(self, name: str, values: list[int]) -> None:
        """Open a session, and send its first chunk."""
        if reason := self.admits(name):
            with pytest.raises(ServiceError) as caught:
                self.scheduler.open(name, self.now, 1.0)
            assert caught.value.reason is reason
        else:
            self.scheduler.open(name, self.now, 1.0)
            self.expected[name] = Expected(self.now)
            self.queue(name, values)

    @precondition(lambda self: self.expected)
    @rule(data=st.data(), values=STEPS)
    def submit(self, data: st.DataObject, values: list[int]) -> None:
        self.queue(data.draw(st.sampled_from(sorted(self.expected))), values)

    def queue(self, name: str, values: list[int]) -> None:
        expected = self.expected[name]
        self.number += 1
        chunk = Chunk(self.number, {"x": np.array(values, np.float64).reshape(-1, 1)}, len(values), self.now)
        if expected.waiting_steps + len(values) > self.limits.max_backlog_steps:
            with pytest.raises(ServiceError) as caught:
                self.scheduler.submit(self.session(name), chunk)
            assert caught.value.reason is Reason.BACKLOG_EXHAUSTED
            return
        self.scheduler.submit(self.session(name), chunk)
        expected.waiting.extend((self.number, value) for value in values)
        expected.waiting.append((self.number, END))
        expected.touched = self.now

    @precondition(lambda self: self.plan is None)
    @rule()
    def take_off(self) -> None:
        """Plan a tick: it holds all that is ready, as far as rows reach, and the next steps of each session."""
        ready = {name for name, expected in self.expected.items() if expected.waiting}
        self.plan = self.scheduler.plan(self.now)
        rows = self.rows()
        assert len(rows) == min(len(ready), self.limits.max_batch_rows)
        assert {row.session.id for row in rows} <= ready
        for row in rows:
            expected = self.expected[row.session.id]
            expected.flying = said(row)
            assert expected.flying == deque(expected.waiting.popleft() for _ in expected.flying)
            assert row.steps == sum(what != END for _, what in expected.flying) <= self.limits.max_chunk_steps
            expected.touched = self.now

    def rows(self) -> tuple[Row, ...]:
        if self.plan is None:
            return ()
        return (*self.plan.marks, *(self.plan.batch.rows if self.plan.batch else ()))

    @precondition(lambda self: self.plan is not None)
    @rule()
    def land(self) -> None:
        """Run the tick and commit it."""
        marks, batch, self.plan = self.plan.marks, self.plan.batch, None
        living = self.scheduler.pass_marks(marks)
        assert living == [(row, index) for index, row in enumerate(marks) if not row.session.closed]
        for row, _ in living:
            self.landed(row)
        if batch is not None:
            self.commit(batch)

    @precondition(lambda self: self.plan is not None and self.plan.batch is not None)
    @rule(data=st.data())
    def fail(self, data: st.DataObject) -> None:
        """The model raises for one row: the halves run again until it is alone, and its session ends."""
        marks, batch, self.plan = self.plan.marks, self.plan.batch, None
        for row, _ in self.scheduler.pass_marks(marks):
            self.landed(row)
        self.split(batch, data.draw(st.sampled_from(batch.rows)))

    def split(self, batch: Batch, guilty: Row) -> None:
        if guilty not in batch.rows:
            self.commit(batch)
        elif len(batch.rows) > 1:
            for half in batch.halves():
                self.split(half, guilty)
        else:
            self.end(guilty.session)

    def commit(self, batch: Batch) -> None:
        outputs, next_state = self.model.run(
            batch.inputs(self.model.inputs), batch.lengths, self.table.gather(batch.slots)
        )
        living = self.scheduler.commit(batch, Outcome(outputs, next_state))
        assert living == [(row, index) for index, row in enumerate(batch.rows) if not row.session.closed]
        for row, index in living:
            expected = self.expected[row.session.id]
            steps = [what for _, what in expected.flying if isinstance(what, int)]
            sums = (expected.total + np.cumsum(steps)).tolist()
            assert outputs["y"][index, : row.steps, 0].tolist() == sums
            expected.total = sums[-1]
            expected.steps_done += len(steps)
            self.landed(row)

    def landed(self, row: Row) -> None:
        self.expected[row.session.id].flying.clear()

    def end(self, session: Session) -> None:
        if not session.closed:
            self.scheduler.close(session)
            del self.expected[session.id]

    @precondition(lambda self: self.expected)
    @rule(data=st.data())
    def close(self, data: st.DataObject) -> None:
        """At any moment, its row in flight or not."""
        self.end(self.session(data.draw(st.sampled_from(sorted(self.expected)))))

    @precondition(lambda self: self.plan is not None and len(self.expected) > 0)
    @rule(data=st.data(), values=STEPS)
    def hand_over(self, data: st.DataObject, values: list[int]) -> None:
        """While a tick is in flight a session ends and another one gets its slot."""
        name = data.draw(st.sampled_from(sorted(self.expected)))
        slot = self.session(name).tenancy.slot
        self.end(self.session(name))
        self.open(name, values)
        assert self.session(name).tenancy.slot == slot

    @rule(seconds=st.sampled_from([0.5, 4.0, 10.0]))
    def expire(self, seconds: float) -> None:
        self.now += seconds
        silent = {
            name
            for name, expected in self.expected.items()
            if not expected.waiting and not expected.flying and self.now - expected.touched >= 10.0
        }
        expired = self.scheduler.expired(self.now)
        assert {session.id for session in expired} == silent
        for session in expired:
            self.end(session)

    @precondition(lambda self: self.expected)
    @rule(target=snapshots, data=st.data())
    def snapshot(self, data: st.DataObject) -> object:
        name = data.draw(st.sampled_from(sorted(self.expected)))
        expected = self.expected[name]
        if expected.flying:
            with pytest.raises(RuntimeError):
                self.scheduler.snapshot(self.session(name))
            return multiple()
        snapshot = self.scheduler.snapshot(self.session(name))
        return Saved(name, snapshot, expected.total, expected.steps_done, deque(expected.waiting))

    @rule(saved=consumes(snapshots))
    def resume(self, saved: Saved) -> None:
        if reason := self.admits(saved.name):
            with pytest.raises(ServiceError) as caught:
                self.scheduler.resume(saved.snapshot, self.now)
            assert caught.value.reason is reason
        else:
            self.scheduler.resume(saved.snapshot, self.now)
            self.expected[saved.name] = Expected(self.now, saved.total, saved.steps_done, saved.waiting)

    @precondition(lambda self: self.idle())
    @rule(data=st.data())
    def move(self, data: st.DataObject) -> None:
        """Snapshot, end and resume at once, as from one server to another."""
        name = data.draw(st.sampled_from(self.idle()))
        snapshot = self.scheduler.snapshot(self.session(name))
        self.scheduler.close(self.session(name))
        self.scheduler.resume(snapshot, self.now)
        self.expected[name].touched = self.now

    @precondition(lambda self: self.idle())
    @rule(data=st.data())
    def reset(self, data: st.DataObject) -> None:
        """A new sequence begins in a session that is not in flight."""
        name = data.draw(st.sampled_from(self.idle()))
        self.scheduler.reset(self.session(name))
        self.expected[name].total = 0

    def idle(self) -> list[str]:
        return sorted(name for name, expected in self.expected.items() if not expected.flying)

    @invariant()
    def agrees(self) -> None:
        self.scheduler.check_integrity()
        assert set(self.scheduler.sessions) == set(self.expected)
        for name, expected in self.expected.items():
            session = self.session(name)
            assert self.table.read(session.tenancy)["sum"].tolist() == [expected.total]
            assert session.steps_done == expected.steps_done
            assert session.pending_steps == expected.waiting_steps
            assert session.in_flight == bool(expected.flying)


TestLaw6 = CoreMachine.TestCase
TestLaw6.settings = settings(max_examples=70, stateful_step_count=30, deadline=None)
