"""The scheduler of encoders and decoders: lanes, branching rows, contexts within their bounds, nothing left behind."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from service.batch import InputSpec, Outcome
from service.context import Context, ContextPacker, ContextSpec, padded_places
from service.decoding import MAX_CONTEXT_BYTES, MAX_SOURCE_STEPS, DecodingScheduler, scheduler_for
from service.errors import Reason, ServiceError
from service.lanes import ENCODER_LANE, Decoding
from service.scheduler import Limits, Plan
from service.session import Chunk, Session
from service.state import StateSpec

TOKENS = InputSpec("tokens", (), "int64")
DECODING = Decoding(InputSpec("source", (), "int64"), ContextSpec("memory", "memory_lengths", 1), max_rows=4)
LIMITS = Limits(max_sessions=3, max_batch_rows=8, max_context_bytes=16 * 4 * 4, max_padding=0.25)


class Adder:
    """The encoder's context is the source, and the state to begin with its sum; a step multiplies the state by 31, adds
    its token, and gives the state and the sum of its context."""

    @staticmethod
    def run(inputs: Mapping[str, Any], lengths: Any, state: Mapping[str, Any]) -> Outcome:
        if "source" in inputs:
            valid = np.arange(inputs["source"].shape[1]) < lengths[:, None]
            memory = np.where(valid, inputs["source"], 666).astype(np.float32)[..., None]
            return Outcome({"memory": memory}, {"sum": (memory[..., 0] * valid).sum(1).astype(np.int64)})
        valid = np.arange(inputs["memory"].shape[1]) < inputs["memory_lengths"][:, None]
        assert not inputs["memory"][~valid].any(), "padding is zero"
        after = state["sum"] * 31 % 1_000_003 + inputs["tokens"][:, 0]
        return Outcome({"y": after[:, None], "seen": inputs["memory"].sum(axis=(1, 2))[:, None]}, {"sum": after})


class Bench:
    """A scheduler with an adder beside it, driven by hand."""

    def __init__(self, **changes: Any) -> None:
        limits = replace(LIMITS, **changes)
        self.table, scheduler = scheduler_for([StateSpec("sum", (), "int64")], limits, DECODING)
        assert isinstance(scheduler, DecodingScheduler)
        self.scheduler = scheduler

    def open(self, name: str) -> Session:
        return self.scheduler.open(name, 0.0, 1.0)

    def read(self, session: Session, *source: int, arrived: float = 0.0) -> None:
        self.scheduler.submit(session, Chunk(1, {"source": np.array(source)}, len(source), arrived))

    def write(self, session: Session, *tokens: int, parents: tuple[int, ...] | None = None, arrived: float = 0) -> None:
        self.scheduler.submit(session, Chunk(1, {"tokens": np.array(tokens)}, 1, arrived, None, parents))

    def run(self, plan: Plan) -> Outcome:
        assert plan.batch is not None
        inputs = plan.batch.inputs((TOKENS,))
        return Adder.run(inputs, plan.batch.lengths, self.table.gather(plan.batch.slots))

    def tick(self) -> dict[str, int]:
        """The place in the batch of each session of the next tick, which is carried out."""
        plan = self.scheduler.plan(0.0)
        assert plan is not None
        self.scheduler.pass_marks(plan.marks)
        living = [] if plan.batch is None else self.scheduler.commit(plan.batch, self.run(plan))
        self.scheduler.check_integrity()
        return {row.session.id: place for row, place in living}

    def sums(self, session: Session) -> list[int]:
        return [int(self.table.read(each)["sum"]) for each in (session.tenancy, *session.others)]

    def decoding(self, name: str, *source: int) -> Session:
        session = self.open(name)
        self.read(session, *source)
        self.tick()
        return session


def test_a_source_gives_the_context_and_the_state_to_begin_with():
    bench = Bench()
    session = bench.decoding("a", 1, 2, 3)
    assert session.context is not None
    assert (session.context.length, session.context.places, bench.sums(session)) == (3, 16, [6])
    assert session.context.memory[:4, 0].tolist() == [1, 2, 3, 0]


def test_rows_follow_their_parents_and_the_first_child_keeps_the_slot():
    bench = Bench()
    session = bench.decoding("a", 5)
    bench.write(session, 1, 2, 3, parents=(0, 0, 0))
    assert bench.tick() == {"a": 0}
    first, second, third = session.tenancy, *session.others
    assert bench.sums(session) == [156, 157, 158]
    bench.write(session, 7, 8, parents=(2, 1))
    assert (session.tenancy, session.others) == (third, (second,))
    assert not bench.table.holds(first), "a row without children gives its slot back at once"
    bench.tick()
    assert bench.sums(session) == [158 * 31 + 7, 157 * 31 + 8]


def test_beams_and_greedy_sessions_share_a_tick_and_each_knows_its_place():
    bench = Bench()
    sessions = [bench.open(name) for name in "abc"]
    for number, session in enumerate(sessions):
        bench.read(session, number)
    assert bench.tick() == {"a": 0, "b": 1, "c": 2}
    bench.write(sessions[0], 1)
    bench.write(sessions[1], 1, 2, 3, parents=(0, 0, 0))
    bench.write(sessions[2], 1)
    assert bench.tick() == {"a": 0, "b": 1, "c": 4}
    assert [bench.sums(session) for session in sessions] == [[1], [32, 33, 34], [63]]


def test_a_tick_decodes_on_contexts_of_one_size_and_the_longest_waiting_goes_first():
    bench = Bench(max_context_bytes=1 << 20)
    short, long = bench.decoding("short", 1), bench.decoding("long", *range(17))
    bench.write(short, 1, arrived=2.0)
    bench.write(long, 1, arrived=1.0)
    assert [list(bench.tick()), list(bench.tick())] == [["long"], ["short"]]


def test_sources_are_read_whole_with_those_nearly_as_long():
    bench = Bench(max_context_bytes=1 << 20)
    for name, length in (("a", 8), ("b", 7), ("c", 2)):
        bench.read(bench.open(name), *range(length))
    assert [sorted(bench.tick()), sorted(bench.tick())] == [["a", "b"], ["c"]]


def test_what_one_tick_reads_and_copies_is_bounded_but_for_a_single_session():
    length = MAX_SOURCE_STEPS // 2 + 1
    bench = Bench(max_context_bytes=1 << 30)
    for name in "ab":
        bench.read(bench.open(name), *range(length))
    assert [len(bench.tick()), len(bench.tick())] == [1, 1]
    huge = Context.of(np.zeros((MAX_CONTEXT_BYTES // 4, 1), np.float32))
    for session in bench.scheduler.sessions.values():
        session.context = huge
        bench.scheduler._reserved[session] = MAX_CONTEXT_BYTES
        bench.write(session, 1, 2, parents=(0, 0))
    assert [len(bench.tick()), len(bench.tick())] == [1, 1]


def test_a_context_without_room_is_refused_at_once_and_freed_by_the_end_of_another():
    bench = Bench()
    first, second = bench.open("first"), bench.open("second")
    bench.read(first, *range(48))
    with pytest.raises(ServiceError) as refused:
        bench.read(second, 1)
    assert (refused.value.reason, refused.value.retry_after) == (Reason.CONTEXTS_EXHAUSTED, 1.0)
    assert not second.chunks
    bench.scheduler.close(first)
    bench.read(second, 1)
    assert bench.scheduler.context_bytes == 64


def test_a_snapshot_whose_context_has_no_room_is_not_resumed():
    bench = Bench()
    moving = bench.decoding("moving", *range(33))
    snapshot = bench.scheduler.snapshot(moving)
    bench.scheduler.close(moving)
    bench.read(bench.open("other"), 1)
    with pytest.raises(ServiceError) as refused:
        bench.scheduler.resume(snapshot, 0.0)
    assert refused.value.reason is Reason.CONTEXTS_EXHAUSTED
    assert list(bench.scheduler.sessions) == ["other"]


def test_sessions_are_counted_not_their_rows():
    bench = Bench()
    session = bench.decoding("a", 1)
    bench.write(session, 1, 2, 3, 4, parents=(0, 0, 0, 0))
    bench.open("b"), bench.open("c")
    with pytest.raises(ServiceError) as refused:
        bench.open("d")
    assert refused.value.reason is Reason.SESSIONS_EXHAUSTED


def test_late_results_of_an_ended_session_change_nothing():
    """Law 4, for every row of it, and for a context that comes late."""
    bench = Bench()
    reading, writing = bench.open("reading"), bench.decoding("writing", 1)
    bench.read(reading, 3)
    plan = bench.scheduler.plan(0.0)
    assert plan is not None
    bench.scheduler.close(reading)
    assert bench.scheduler.commit(plan.batch, bench.run(plan)) == []
    assert reading.context is None
    bench.write(writing, 1, 2, parents=(0, 0))
    plan = bench.scheduler.plan(0.0)
    assert plan is not None
    outcome = bench.run(plan)
    bench.scheduler.close(writing)
    heirs = [bench.decoding(name, 9) for name in "ab"]
    assert bench.scheduler.commit(plan.batch, outcome) == []
    assert [bench.sums(heir) for heir in heirs] == [[9], [9]]


def test_a_session_stays_whole_when_a_batch_is_halved():
    bench = Bench()
    sessions = [bench.open(name) for name in "ab"]
    for session in sessions:
        bench.read(session, 1)
    bench.tick()
    for session in sessions:
        bench.write(session, 1, 2, parents=(0, 0))
    plan = bench.scheduler.plan(0.0)
    assert plan is not None
    assert plan.batch is not None
    assert [len(half.lengths) for half in plan.batch.halves()] == [2, 2]


@pytest.mark.parametrize(("length", "places"), [(1, 16), (16, 16), (17, 32), (33, 64), (64, 64)])
def test_padding_depends_on_the_length_alone(length: int, places: int):
    assert padded_places(length) == places


def test_the_contexts_of_the_last_batch_are_used_again_and_of_no_other():
    packer = ContextPacker(DECODING.context)
    one, two = (Context.of(np.full((3, 1), value, np.float32)) for value in (1, 2))
    packed = packer.pack((one, two))
    assert packer.pack((one, two)) is packed
    assert packer.pack((two, one))["memory"][:, 0, 0].tolist() == [2, 1]
    assert packer.pack((two, two))["memory_lengths"].tolist() == [3, 3]


class Reference(RuleBasedStateMachine):
    """Law 6: whatever happens in whatever order, every session has the rows that a plain list would have."""

    def __init__(self) -> None:
        super().__init__()
        self.bench = Bench(max_context_bytes=1 << 20)
        self.rows: dict[str, list[int]] = {}
        self.count = 0

    def session(self, name: str) -> Session:
        return self.bench.scheduler.sessions[name]

    @precondition(lambda self: len(self.rows) < LIMITS.max_sessions)
    @rule(source=st.lists(st.integers(0, 9), min_size=1, max_size=20))
    def begin(self, source: list[int]) -> None:
        self.count += 1
        self.bench.decoding(str(self.count), *source)
        self.rows[str(self.count)] = [sum(source)]

    @precondition(lambda self: self.rows)
    @rule(data=st.data())
    def step(self, data: st.DataObject) -> None:
        """Some sessions branch or go on as they are, together."""
        names = data.draw(st.sets(st.sampled_from(sorted(self.rows)), min_size=1))
        for name in sorted(names):
            rows = self.rows[name]
            places = st.lists(st.integers(0, len(rows) - 1), min_size=1, max_size=DECODING.max_rows)
            parents = tuple(data.draw(places))
            tokens = data.draw(st.lists(st.integers(0, 9), min_size=len(parents), max_size=len(parents)))
            self.bench.write(self.session(name), *tokens, parents=parents)
            self.rows[name] = [
                rows[parent] * 31 % 1_000_003 + token for parent, token in zip(parents, tokens, strict=True)
            ]
        while self.bench.scheduler.has_ready:
            self.bench.tick()

    @precondition(lambda self: self.rows)
    @rule(data=st.data(), again=st.booleans())
    def end(self, data: st.DataObject, again: bool) -> None:
        name = data.draw(st.sampled_from(sorted(self.rows)))
        if again:
            self.bench.scheduler.reset(self.session(name))
            assert self.bench.sums(self.session(name)) == [0]
        self.bench.scheduler.close(self.session(name))
        del self.rows[name]

    @precondition(lambda self: self.rows)
    @rule(data=st.data())
    def move(self, data: st.DataObject) -> None:
        """A session goes on from its snapshot, in whatever slots are free."""
        name = data.draw(st.sampled_from(sorted(self.rows)))
        snapshot = self.bench.scheduler.snapshot(self.session(name))
        self.bench.scheduler.close(self.session(name))
        assert self.bench.scheduler.resume(snapshot, 0.0).context is snapshot.context

    @invariant()
    def agrees(self) -> None:
        self.bench.scheduler.check_integrity()
        assert {name: self.bench.sums(self.session(name)) for name in self.rows} == self.rows
        assert len(self.bench.scheduler.sessions) == len(self.rows)


TestLaw6 = Reference.TestCase
TestLaw6.settings = settings(max_examples=20, stateful_step_count=15, deadline=None)


def test_the_encoder_has_a_lane_of_its_own():
    bench = Bench()
    bench.read(bench.open("a"), 1)
    plan = bench.scheduler.plan(0.0)
    assert plan is not None
    assert plan.batch is not None
    assert plan.batch.lane == ENCODER_LANE
