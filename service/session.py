"""A session: the server-side life of one sequence, with its place in the state table and the steps still to run."""

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from service.context import Context
from service.errors import Code, Reason, ServiceError, exhausted
from service.state import Array, Tenancy


class Chunk(NamedTuple):
    """Consecutive steps of one message.

    `inputs` maps each input name to [steps, ...]. A chunk of no steps is a mark: it takes its turn behind the steps
    before it and runs nothing. `mark` is the task's own note to itself; the core never reads it. `arrived` is in
    seconds on the clock of the caller.

    `parents`: of a session that decodes in several rows of state, the rows that it goes on from, one for each of its
    next rows; the inputs of its one step are [rows, ...] then. None: as before.
    """

    sequence_number: int
    inputs: Mapping[str, Array]
    steps: int
    arrived: float = 0.0
    mark: Any = None
    parents: tuple[int, ...] | None = None


class Segment(NamedTuple):
    """The part of a chunk that one tick runs: steps `start` (included) to `stop` (not included)."""

    chunk: Chunk
    start: int
    stop: int

    @property
    def completes(self) -> bool:
        """Whether the chunk is done with this segment."""
        return self.stop == self.chunk.steps


@dataclass(slots=True, eq=False)
class Session:
    """One sequence on the server. Changed by the scheduler alone.

    `max_pending_steps` bounds what may wait, in steps, and in chunks too, since marks have none. `patience` (seconds)
    is how long a chunk may wait before it is late: the cadence of the client when it declared one; `idle_timeout`
    (seconds) how long it may be silent. `steps_done` counts the steps whose results are in the state. A session that is
    `held` runs nothing until it is released.

    A session that decodes has a `context` once its source was read, and `others`: its rows of state behind the first.
    """

    id: str
    tenancy: Tenancy
    max_pending_steps: int
    patience: float
    touched: float
    idle_timeout: float = math.inf
    chunks: deque[Chunk] = field(default_factory=deque)
    offset: int = 0
    pending_steps: int = 0
    steps_done: int = 0
    in_flight: bool = False
    held: bool = False
    closed: bool = False
    others: tuple[Tenancy, ...] = ()
    context: Context | None = None

    @property
    def ready(self) -> bool:
        """Whether there is something to run, and nothing against it."""
        return bool(self.chunks) and not (self.in_flight or self.held or self.closed)

    @property
    def deadline(self) -> float:
        """When the oldest waiting chunk becomes late, in seconds on the caller's clock."""
        return self.chunks[0].arrived + self.patience

    def accepts(self, steps: int) -> bool:
        """Whether a chunk of so many steps fits into the backlog now."""
        limit = self.max_pending_steps
        return self.pending_steps + steps <= limit and len(self.chunks) < limit

    def submit(self, chunk: Chunk) -> None:
        """Append a chunk. Raises BACKLOG_EXHAUSTED when it does not fit; the session is unchanged then."""
        if self.closed:
            raise ServiceError(Code.FAILED_PRECONDITION, Reason.SESSION_EXPIRED, f"session {self.id} has ended")
        if not self.accepts(chunk.steps):
            raise exhausted(
                Reason.BACKLOG_EXHAUSTED,
                f"{chunk.steps} more steps do not fit into the backlog of session {self.id}: {self.pending_steps} of "
                f"{self.max_pending_steps} are waiting; send smaller chunks, or wait for answers",
                retry_after=0.1,
            )
        self.chunks.append(chunk)
        self.pending_steps += chunk.steps
        self.touched = chunk.arrived

    def take(self, max_steps: int) -> tuple[Segment, ...]:
        """Take up to `max_steps` steps, with the marks between them, off the backlog."""
        segments = []
        left = max_steps
        while self.chunks:
            chunk = self.chunks[0]
            count = min(chunk.steps - self.offset, left)
            if count == 0 and chunk.steps > 0:
                break
            segments.append(Segment(chunk, self.offset, self.offset + count))
            left -= count
            self.offset += count
            self.pending_steps -= count
            if self.offset < chunk.steps:
                break
            self.chunks.popleft()
            self.offset = 0
        return tuple(segments)

    def restore(self, chunks: Sequence[Chunk], offset: int) -> None:
        """Put back a backlog, of whose first chunk `offset` steps are done. It fitted once, so it fits again."""
        self.chunks.extend(chunks)
        self.offset = offset
        self.pending_steps = sum(chunk.steps for chunk in chunks) - offset

    def clear(self) -> None:
        """Forget what is waiting."""
        self.chunks.clear()
        self.offset = self.pending_steps = 0
