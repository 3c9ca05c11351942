"""The scheduler: which sessions run in the next tick, and what the outcome of a tick changes. No clock, no I/O."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from heapq import nsmallest

from service.agenda import Agenda
from service.batch import Batch, Outcome, Row, tick_steps
from service.context import Context
from service.errors import Code, Reason, ServiceError, exhausted
from service.session import Chunk, Session
from service.state import Array, StateTable


@dataclass(frozen=True)
class Limits:
    """Bounds of one loaded model; see `config` for the settings they come from.

    `max_outbox_items` is how many answers a client may leave unread before its session stops. `max_padding` is the
    share of a batch that may be padding, `tick_cost` the row-steps that an extra tick costs. `idle_timeout` (seconds)
    is how long a session may stay silent. `max_context_bytes` bounds the contexts of all sessions that decode.
    """

    max_sessions: int = 4096
    max_batch_rows: int = 256
    max_chunk_steps: int = 64
    max_backlog_steps: int = 131_072
    max_outbox_items: int = 1024
    max_padding: float = 0.25
    tick_cost: int = 32
    idle_timeout: float = 600.0
    whole_sequence: bool = False
    max_context_bytes: int = 512 << 20

    @cached_property
    def max_message_steps(self) -> int:
        """Steps of one message: half a backlog, so that one more fits while one is worked on."""
        return self.max_backlog_steps // 2


@dataclass(frozen=True)
class Plan:
    """The next tick: the batch for the model, if any, and the rows that only carry marks."""

    batch: Batch | None
    marks: tuple[Row, ...]


@dataclass(frozen=True)
class Snapshot:
    """A session as plain data: its state tensors, the steps it has done and what is still waiting.

    `others`: the state of its further rows; `context`: both of a session that decodes alone.
    """

    session_id: str
    state: Mapping[str, Array]
    steps_done: int
    chunks: tuple[Chunk, ...]
    offset: int
    patience: float
    others: tuple[Mapping[str, Array], ...] = ()
    context: Context | None = None
    idle_timeout: float = math.inf


class Scheduler:
    """Holds the sessions of one loaded model and decides, tick by tick, what runs.

    Every tick takes all that is ready (up to `max_batch_rows`, the most urgent first) and at most `max_chunk_steps`
    of each session, so that nobody waits behind a long message.
    """

    def __init__(self, table: StateTable, limits: Limits) -> None:
        self._table = table
        self._limits = limits
        self._sessions: dict[str, Session] = {}
        # Insertion order is arrival order; values are unused.
        self._ready: dict[Session, None] = {}
        self._capacity = table.slot_count
        # When to look whether a session was silent for too long.
        self._looks: Agenda[Session] = Agenda(limits.idle_timeout / 32)

    @property
    def sessions(self) -> Mapping[str, Session]:
        """Live sessions by id."""
        return self._sessions

    @property
    def has_ready(self) -> bool:
        """Whether a tick would run anything."""
        return bool(self._ready)

    @property
    def backlog_steps(self) -> int:
        """Steps waiting over all sessions. May be asked by another thread: it counts over a copy."""
        return sum(session.pending_steps for session in list(self._sessions.values()))

    def open(self, session_id: str, now: float, patience: float, idle_timeout: float = math.inf) -> Session:
        """Admit a session in its initial state. `idle_timeout` (seconds): how long it may be silent, where that is less
        than all may. Raises SESSION_ID_IN_USE or SESSIONS_EXHAUSTED.
        """
        if session_id in self._sessions:
            raise ServiceError(
                Code.ALREADY_EXISTS,
                Reason.SESSION_ID_IN_USE,
                f"session {session_id!r} is live already: choose another id, or none to have one minted",
                field="config.session.session_id",
            )
        if len(self._sessions) == self._capacity:
            raise exhausted(
                Reason.SESSIONS_EXHAUSTED,
                f"all {self._capacity} sessions of this model are in use: try again when one has ended",
                retry_after=1.0,
            )
        idle_timeout = min(idle_timeout, self._limits.idle_timeout)
        tenancy, most = self._table.acquire(), self._limits.max_backlog_steps
        session = Session(session_id, tenancy, most, patience, touched=now, idle_timeout=idle_timeout)
        self._sessions[session_id] = session
        self._looks.put(session, now + idle_timeout)
        return session

    def submit(self, session: Session, chunk: Chunk) -> None:
        """Queue a chunk. Raises BACKLOG_EXHAUSTED, with the session unchanged, when it does not fit."""
        session.submit(chunk)
        if session.ready:
            self._ready[session] = None

    def plan(self, now: float) -> Plan | None:
        """The next tick, or None when nothing is ready. Its sessions are in flight until `commit` or `close`."""
        chosen = self._choose()
        if not chosen:
            return None
        wanted = [self._wants(session) for session in chosen]
        if self._limits.whole_sequence:
            chosen, steps = _similar(chosen, wanted, self._limits.max_padding)
        else:
            # Marks run no step, so they are no padding either.
            running = [count for count in wanted if count]
            steps = tick_steps(running, self._limits.max_padding, self._limits.tick_cost) if running else 0
        rows = [self._take(session, steps, now) for session in chosen]
        running_rows = tuple([row for row in rows if row.steps])
        marks = tuple([row for row in rows if not row.steps])
        return Plan(Batch(running_rows) if running_rows else None, marks)

    @property
    def context_bytes(self) -> int:
        """Bytes of all contexts, for models whose sessions have one."""
        return 0

    def commit(self, batch: Batch, outcome: Outcome) -> list[tuple[Row, int]]:
        """Carry the next states over; returns the rows whose session still lives, each with its place in the batch."""
        current = self._table.scatter(batch.tenancies, batch.slots, outcome.next_state)
        living = [(row, place) for place, row in enumerate(batch.rows) if current[place]]
        for row, _ in living:
            row.session.steps_done += row.steps
            self._land(row.session)
        return living

    def pass_marks(self, rows: Sequence[Row]) -> list[tuple[Row, int]]:
        """Take rows that only carried marks out of flight; returns those whose session still lives, and their place."""
        living = [(row, place) for place, row in enumerate(rows) if not row.session.closed]
        for row, _ in living:
            self._land(row.session)
        return living

    def reset(self, session: Session) -> None:
        """Set the state of a session back to the initial one: a new sequence in the same session."""
        self._table.reset(session.tenancy)

    def hold(self, session: Session) -> None:
        """Run nothing more of a session until it is released."""
        session.held = True
        self._ready.pop(session, None)

    def release(self, session: Session) -> None:
        """Let a session go on."""
        session.held = False
        if session.ready:
            self._ready[session] = None

    def close(self, session: Session) -> None:
        """End a session and free its slot; whatever is in flight for it will change nothing."""
        if session.closed:
            return
        session.closed = True
        session.clear()
        self._ready.pop(session, None)
        self._table.release(session.tenancy)
        self._looks.drop(session)
        del self._sessions[session.id]

    def expired(self, now: float) -> list[Session]:
        """Sessions that were silent, with nothing to run, for the idle time."""
        silent = []
        for session in self._looks.due(now):
            over = session.touched + session.idle_timeout
            if over <= now and not session.chunks and not session.in_flight:
                silent.append(session)
            # Whoever asks may let it live, and whoever is late for another reason is looked at again.
            self._looks.put(session, over if over > now else now + session.idle_timeout / 32)
        return silent

    def snapshot(self, session: Session) -> Snapshot:
        """The session as data, between ticks. Raises RuntimeError while it is in flight."""
        if session.in_flight or session.closed:
            raise RuntimeError(f"session {session.id} is in flight or closed: snapshots are taken between ticks")
        state = self._table.read(session.tenancy)
        return Snapshot(
            session.id,
            state,
            session.steps_done,
            tuple(session.chunks),
            session.offset,
            session.patience,
            idle_timeout=session.idle_timeout,
        )

    def resume(self, snapshot: Snapshot, now: float) -> Session:
        """Open a session that goes on where the snapshot was taken."""
        session = self.open(snapshot.session_id, now, snapshot.patience, snapshot.idle_timeout)
        self._table.write(session.tenancy, snapshot.state)
        session.restore(snapshot.chunks, snapshot.offset)
        session.steps_done = snapshot.steps_done
        if session.ready:
            self._ready[session] = None
        return session

    def check_integrity(self) -> None:
        """Assert what must hold between any two calls."""
        self._table.check_integrity()
        live = list(self._sessions.values())
        if self._table.slot_count - self._table.free_count != sum(1 + len(session.others) for session in live):
            raise AssertionError("slots in use and rows of live sessions differ")
        for session in live:
            if session.closed or not self._table.holds(session.tenancy):
                raise AssertionError(f"session {session.id} is listed but not live")
            if session.ready != (session in self._ready):
                raise AssertionError(f"session {session.id} is ready and not queued, or the other way round")
            if session.pending_steps != sum(chunk.steps for chunk in session.chunks) - session.offset:
                raise AssertionError(f"session {session.id} miscounts its backlog")
        if not set(self._ready) <= set(live):
            raise AssertionError("a closed session is queued")

    def _choose(self) -> list[Session]:
        if len(self._ready) <= self._limits.max_batch_rows:
            return list(self._ready)
        # Ties go to the one that is ready for longer: the order of the dictionary.
        return nsmallest(self._limits.max_batch_rows, self._ready, key=lambda session: session.deadline)

    def _wants(self, session: Session) -> int:
        if self._limits.whole_sequence:
            return session.chunks[0].steps
        return min(session.pending_steps, self._limits.max_chunk_steps)

    def _take(self, session: Session, steps: int, now: float) -> Row:
        del self._ready[session]
        session.in_flight = True
        session.touched = now
        if self._limits.whole_sequence:
            steps = session.chunks[0].steps
        segments = session.take(steps)
        return Row(session, session.tenancy, segments, sum([last - first for _, first, last in segments]))

    def _land(self, session: Session) -> None:
        session.in_flight = False
        if session.ready:
            self._ready[session] = None


def _similar(sessions: list[Session], wanted: list[int], max_padding: float) -> tuple[list[Session], int]:
    """Whole sequences can not be cut: take those nearly as long as the most urgent one, and the marks."""
    longest = wanted[min(range(len(sessions)), key=lambda index: sessions[index].deadline)]
    shortest = longest * (1.0 - max_padding)
    chosen = [s for s, steps in zip(sessions, wanted, strict=True) if steps == 0 or shortest <= steps <= longest]
    return chosen, longest
