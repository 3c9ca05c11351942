"""Sessions of an encoder-decoder model: which of them run next, each with its own context and rows of state.

A session without a context reads its source, as a whole; one with a context takes one step in each of its rows. A tick
runs one lane: sources of similar length, or steps on contexts of one size.
"""

from collections.abc import Sequence
from dataclasses import replace

from service.batch import Batch, Outcome, Row
from service.context import Context, ContextPacker
from service.errors import Reason, exhausted
from service.lanes import ENCODER_LANE, DecoderBatch, Decoding, EncoderBatch, context_of, lane_of
from service.scheduler import Limits, Plan, Scheduler, Snapshot
from service.session import Chunk, Session
from service.state import StateSpec, StateTable

MAX_SOURCE_STEPS = 2048
"""Steps of all sources of a tick, padding included, if there is more than one: all others wait for them."""
MAX_CONTEXT_BYTES = 32 << 20
"""Of all rows of a tick, if there is more than one session: they are copied together."""


class DecodingScheduler(Scheduler):
    """The scheduler of an encoder-decoder model."""

    def __init__(self, table: StateTable, limits: Limits, decoding: Decoding) -> None:
        """`table` has `decoding.max_rows` slots for each session."""
        super().__init__(table, limits)
        self._decoding = decoding
        self._packer = ContextPacker(decoding.context)
        self._capacity = limits.max_sessions
        # Bytes of the contexts that sessions have, or will have once their source is read.
        self._reserved: dict[Session, int] = {}

    @property
    def context_bytes(self) -> int:
        """Bytes of all contexts. May be asked by another thread."""
        return sum(list(self._reserved.values()))

    def submit(self, session: Session, chunk: Chunk) -> None:
        """Queue a chunk; one with `parents` branches the session first, so it is not in flight. Raises
        BACKLOG_EXHAUSTED, and CONTEXTS_EXHAUSTED for a source whose context has no room; the session is unchanged then.
        """
        if self._decoding.source.name in chunk.inputs:
            size = self._decoding.context.byte_count(chunk.steps)
            self._check_room(size)
            self._reserved[session] = size
        if chunk.parents is not None:
            self._branch(session, chunk.parents)
        super().submit(session, chunk)

    def plan(self, now: float) -> Plan | None:
        """The next tick: sources, or steps, of the lane of the most urgent session; and all marks."""
        if not self._ready:
            return None
        marking = [session for session in self._ready if not session.chunks[0].steps]
        marks = tuple([self._take(session, 0, now) for session in marking])
        if not self._ready:
            return Plan(None, marks)
        urgent = min(self._ready, key=_deadline)
        lane = sorted((each for each in self._ready if lane_of(each) == lane_of(urgent)), key=_deadline)
        if urgent.context is None:
            rows = tuple([self._take(each, each.chunks[0].steps, now) for each in self._similar_sources(lane)])
            return Plan(EncoderBatch(rows, self._decoding.source), marks)
        rows = tuple([self._take(each, 1, now)._replace(others=each.others) for each in self._fitting(lane)])
        return Plan(DecoderBatch(rows, self._packer), marks)

    def commit(self, batch: Batch, outcome: Outcome) -> list[tuple[Row, int]]:
        """Carry next states and new contexts over; returns the rows whose session still lives, each with its first
        place in the batch.
        """
        current = self._table.scatter(batch.tenancies, batch.slots, outcome.next_state)
        living, place = [], 0
        for row in batch.rows:
            if current[place]:
                living.append((row, place))
                row.session.steps_done += row.steps
                if batch.lane == ENCODER_LANE:
                    memory = outcome.outputs[self._decoding.context.name]  # [batch, time, width]
                    row.session.context = Context.of(memory[place, : row.steps])
                self._land(row.session)
            place += 1 + len(row.others)
        return living

    def reset(self, session: Session) -> None:
        """A new sequence in the same session: one row in its initial state, no context."""
        self._forget(session)
        super().reset(session)

    def close(self, session: Session) -> None:
        """End a session and free its slots and its context."""
        if not session.closed:
            self._forget(session)
        super().close(session)
        if not self._sessions:
            self._packer.clear()

    def snapshot(self, session: Session) -> Snapshot:
        """The session as data, with its context and all of its rows."""
        others = tuple(self._table.read(tenancy) for tenancy in session.others)
        return replace(super().snapshot(session), others=others, context=session.context)

    def resume(self, snapshot: Snapshot, now: float) -> Session:
        """Open a session that goes on where the snapshot was taken. Raises CONTEXTS_EXHAUSTED when there is no room."""
        sources = [chunk.steps for chunk in snapshot.chunks if self._decoding.source.name in chunk.inputs]
        lengths = sources + ([snapshot.context.length] if snapshot.context else [])
        size = sum(map(self._decoding.context.byte_count, lengths))
        self._check_room(size)
        session = super().resume(snapshot, now)
        session.context = snapshot.context
        session.others = tuple(self._table.acquire() for _ in snapshot.others)
        for tenancy, state in zip(session.others, snapshot.others, strict=True):
            self._table.write(tenancy, state)
        if size:
            self._reserved[session] = size
        return session

    def check_integrity(self) -> None:
        """Assert what must hold between any two calls."""
        super().check_integrity()
        for session in self._sessions.values():
            if not all(self._table.holds(tenancy) for tenancy in session.others):
                raise AssertionError(f"session {session.id} has lost a row")
            context = session.context
            if context is not None and self._reserved[session] != self._decoding.context.byte_count(context.length):
                raise AssertionError(f"session {session.id} miscounts its context")
        if not self._reserved.keys() <= set(self._sessions.values()):
            raise AssertionError("a closed session holds a context")

    def _check_room(self, size: int) -> None:
        if self.context_bytes + size > self._limits.max_context_bytes:
            problem = f"all {self._limits.max_context_bytes} bytes for sources that are being decoded are in use"
            raise exhausted(Reason.CONTEXTS_EXHAUSTED, f"{problem}: try again when one is done", retry_after=1.0)

    def _branch(self, session: Session, parents: tuple[int, ...]) -> None:
        """Let each next row of a session go on from one of its rows. The first child of a row takes over its slot,
        further ones get copies, and rows without children give their slot back.
        """
        held = (session.tenancy, *session.others)
        for index in set(range(len(held))) - set(parents):
            self._table.release(held[index])
        copied = [index for place, index in enumerate(parents) if index in parents[:place]]
        copies = [self._table.acquire() for _ in copied]
        if copies:
            self._table.copy([held[index] for index in copied], copies)
        spare = iter(copies)
        children = [next(spare) if index in parents[:place] else held[index] for place, index in enumerate(parents)]
        session.tenancy, session.others = children[0], tuple(children[1:])

    def _forget(self, session: Session) -> None:
        """Free all that a session has beyond its first row."""
        for tenancy in session.others:
            self._table.release(tenancy)
        session.others, session.context = (), None
        self._reserved.pop(session, None)

    def _similar_sources(self, sessions: Sequence[Session]) -> list[Session]:
        """Sources nearly as long as the first, few enough that nobody waits long for them."""
        longest = sessions[0].chunks[0].steps
        shortest = longest * (1.0 - self._limits.max_padding)
        chosen = [each for each in sessions if shortest <= each.chunks[0].steps <= longest]
        return chosen[: max(1, min(self._limits.max_batch_rows, MAX_SOURCE_STEPS // longest))]

    def _fitting(self, sessions: Sequence[Session]) -> Sequence[Session]:
        """The first sessions whose rows together are no more than a tick takes."""
        size = self._decoding.context.byte_count(context_of(sessions[0]).length)
        left = min(self._limits.max_batch_rows, MAX_CONTEXT_BYTES // size)
        for count, session in enumerate(sessions):
            left -= 1 + len(session.others)
            if left < 0:
                return sessions[: max(count, 1)]
        return sessions


def _deadline(session: Session) -> float:
    return session.deadline


def scheduler_for(
    states: Sequence[StateSpec], limits: Limits, decoding: Decoding | None
) -> tuple[StateTable, Scheduler]:
    """The state table and the scheduler of a model; `decoding`: how it runs if it has an encoder."""
    if decoding is None:
        table = StateTable(states, limits.max_sessions)
        return table, Scheduler(table, limits)
    # Pages of the table that no session ever came to take no memory.
    table = StateTable(states, limits.max_sessions * decoding.max_rows)
    return table, DecodingScheduler(table, limits, decoding)
