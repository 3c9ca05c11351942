"""The engine: the one loop of a loaded model. Plan, run, commit, react; over and over."""

import asyncio
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import structlog

from service.batch import Batch, InputSpec, Row
from service.decoding import scheduler_for
from service.errors import Code, Reason, ServiceError, draining, expired, internal
from service.intake import Intake
from service.interludes import Interludes
from service.lanes import ENCODER_LANE, Decoding
from service.metrics import EngineCounters, EngineGauges
from service.pace import Pace
from service.reactions import Reactions
from service.roster import Roster
from service.runner import Runnable, Runner
from service.scheduler import Limits, Plan
from service.session import Session
from service.state import Array, StateSpec
from service.stream import Message, Standing, Stream
from service.tasks.task import Task
from service.turns import Turns

log = structlog.get_logger()

T = TypeVar("T")


class Engine:
    """Serves the sessions of one model. All methods belong to one event loop."""

    def __init__(
        self,
        name: str,
        model: Runnable,
        *,
        inputs: Sequence[InputSpec],
        states: Sequence[StateSpec],
        decoding: Decoding | None = None,
        limits: Limits | None = None,
        pace: Pace | None = None,
        clock: Callable[[], float] = time.monotonic,
        on_device: bool = False,
        turns: Turns | None = None,
    ) -> None:
        """`on_device`: see `Runner`; `turns`: those of the other engines of the loop."""
        self.name = name
        self.counters = EngineCounters()
        self.limits = limits or Limits()
        self._pace = pace or Pace()
        run_time = self.counters.run_time
        self._runner = Runner(model, inputs, self._pace.inline_limit, run_time, on_device=on_device)
        self._turns = turns or Turns()
        self._clock = clock
        self.states = tuple(states)
        self._table, self._scheduler = scheduler_for(states, self.limits, decoding)
        self._roster = Roster(self._scheduler, self.counters)
        self._wake: asyncio.Future[None] | None = None
        self._intake = Intake(
            name, self._scheduler, self.limits, clock, wake_up=self._wake_up, break_off=self._break_off
        )
        self._reactions = Reactions(
            name, self._scheduler, self._roster, self._intake, self.counters, self.limits, self._pace, clock
        )
        self._admitting = True
        self._interludes = Interludes()

    @property
    def gauges(self) -> EngineGauges:
        """How things stand now."""
        return EngineGauges(
            len(self._roster),
            self.limits.max_sessions,
            self._scheduler.backlog_steps,
            self._table.row_bytes,
            self._scheduler.context_bytes,
        )

    def open(
        self,
        task: Task[Any],
        options: Any,
        session_id: str,
        patience: float | None = None,
        state: Mapping[str, Array] | None = None,
        idle_timeout: float = math.inf,
    ) -> Stream:
        """Admit a session. Where its client said so: how long its chunks may wait (`patience`, in seconds), the state
        that it begins with, and how long it may be silent (seconds).

        Raises what the task raises for its options, SESSION_ID_IN_USE, SESSIONS_EXHAUSTED, SERVER_DRAINING.
        """
        if not self._admitting:
            raise draining()
        progress = task.begin(options)
        session = self._scheduler.open(session_id, self._clock(), patience or self._pace.patience, idle_timeout)
        if state:
            self._table.write(session.tenancy, self._table.read(session.tenancy) | dict(state))
        return self._joined(Stream(task, options, progress, session, self._on_taken))

    def snapshot(self, stream: Stream) -> Standing:
        """All of a session as plain data. Raises RuntimeError while it is in flight: between ticks it never is."""
        return stream.standing(self._scheduler.snapshot(stream.session))

    def resume(self, task: Task[Any], standing: Standing) -> Stream:
        """Admit a session that goes on where it stood. Raises what `open` raises, and CONTEXTS_EXHAUSTED."""
        session = self._readmitted(standing)
        return self._joined(Stream.going_on(task, standing, session, self._on_taken))

    def park(self, stream: Stream) -> None:
        """Free the slot of a session that has nothing to run, and of which all stands in a snapshot."""
        self._roster.park(stream)

    def come_back(self, stream: Stream, standing: Standing) -> None:
        """Give a session that was parked a slot again, and what came for it meanwhile. Raises what `resume` raises."""
        self._roster.come_back(stream, standing, self._readmitted(standing))
        self._wake_up()
        self._intake.feed(stream)

    def silence(self, stream: Stream) -> float:
        """Seconds since a session last ran or was sent something."""
        return self._clock() - stream.session.touched

    def submit(self, stream: Stream, message: Message | ServiceError) -> None:
        """Queue a message, or an error that ends the stream once all before it is answered.

        A transport awaits `stream.has_room()` before the next one.
        """
        if not stream.finished:
            stream.inbox.append(message)
            self._intake.feed(stream)

    def close(self, stream: Stream, cause: str = "cancelled") -> None:
        """The client is gone: end the session at once. Does nothing when it has ended already."""
        self._roster.finish(stream, None, cause)

    def end(self, stream: Stream, error: ServiceError, cause: str) -> None:
        """End a session at once, with an error for its client."""
        self._roster.finish(stream, error, cause)

    def between_ticks(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """Do something while nothing is in flight."""
        waiting = self._interludes.add(work)
        self._wake_up()
        return waiting

    def stop_admitting(self) -> None:
        """Refuse new sessions from now on."""
        self._admitting = False

    async def drained(self, timeout: float) -> bool:
        """Wait until all sessions have ended; after `timeout` seconds end the rest with SERVER_DRAINING."""
        return await self._roster.drained(timeout)

    async def run(self) -> None:
        """The loop; runs until it is cancelled."""
        try:
            while True:
                self._interludes.run()
                if self._scheduler.has_ready:
                    await self._intake.settled(self._pace.gather_time)
                    await self._turns.next()
                    await self.tick()
                else:
                    self._wake = asyncio.get_running_loop().create_future()
                    await self._wake
        finally:
            self._runner.close()

    def expire(self) -> None:
        """End the sessions that were silent for too long; called now and then."""
        for session in self._scheduler.expired(self._clock()):
            stream = self._roster.of(session)
            if stream is not None and not (stream.inbox or stream.progress.busy):
                error = expired(session.id, session.idle_timeout, session.steps_done)
                self._roster.finish(stream, error, "expired")

    def _readmitted(self, standing: Standing) -> Session:
        if not self._admitting:
            raise draining()
        return self._scheduler.resume(standing.session, self._clock())

    def _joined(self, stream: Stream) -> Stream:
        self._roster.join(stream)
        self._wake_up()
        return stream

    def _break_off(self, stream: Stream, error: ServiceError) -> None:
        """End a stream because of what its client sent; a session that can be resumed stays where it was before."""
        if stream.resumable:
            stream.refuse(error)
        else:
            self._roster.finish(stream, error, "failed")

    def _wake_up(self) -> None:
        """There is something to run."""
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    async def tick(self) -> None:
        """Run all that is ready; called by `run`."""
        now = self._clock()
        plan = self._scheduler.plan(now)
        if plan is None:
            return
        try:
            await self._carry_out(plan, now)
        except Exception as error:
            # Whatever it is, it may end the sessions of this tick, never the loop that serves all others.
            log.exception("a tick failed", model=self.name)
            for row in (*plan.marks, *(plan.batch.rows if plan.batch else ())):
                if (stream := self._roster.of(row.session)) is not None:
                    self._roster.finish(stream, internal(error), "failed")

    async def _carry_out(self, plan: Plan, now: float) -> None:
        if plan.marks:
            self._reactions.follow(self._scheduler.pass_marks(plan.marks), {})
        if plan.batch is not None:
            self._observe(plan.batch, now)
            await self._run_batch(plan.batch)

    async def _run_batch(self, batch: Batch) -> None:
        """Run a batch; one that raises is split until the guilty row is alone, and only that session ends."""
        try:
            outcome = await self._runner.run(batch, self._table.gather(batch.slots))
        except Exception as error:
            if len(batch.rows) > 1:
                for half in batch.halves():
                    await self._run_batch(half)
            else:
                self._fail(batch.rows[0], error)
            return
        self._reactions.follow(self._scheduler.commit(batch, outcome), outcome.outputs)

    def _on_taken(self, stream: Stream) -> None:
        """The client reads again: a session that was held for that goes on."""
        if stream.session.held and not stream.finished and stream.unread < self.limits.max_outbox_items:
            self._scheduler.release(stream.session)
            self._wake_up()

    def _fail(self, row: Row, error: Exception) -> None:
        """End the one session whose row makes the model raise."""
        self.counters.failed_rows += 1
        log.warning("a row failed", model=self.name, session=row.session.id, error=str(error))
        if (stream := self._roster.of(row.session)) is not None:
            message = f"the model cannot run this input: {str(error).splitlines()[0] if str(error) else repr(error)}"
            self._roster.finish(stream, ServiceError(Code.INTERNAL, Reason.MODEL_RUN_FAILED, message), "failed")

    def _observe(self, batch: Batch, now: float) -> None:
        counters = self.counters
        counters.rows.add(len(batch.rows))
        counters.tick_steps.add(batch.steps)
        counters.steps += batch.valid_steps
        counters.padding_steps += len(batch.lengths) * batch.steps - batch.valid_steps
        counters.encoder_runs += batch.lane == ENCODER_LANE
        counters.queue_wait.add(max(now - row.segments[0].chunk.arrived for row in batch.rows))
