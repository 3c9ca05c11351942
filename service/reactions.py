"""Reactions: what tasks make of the rows of a tick, and what follows from it for their streams."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog

from service.batch import Row
from service.errors import internal
from service.intake import Intake
from service.metrics import EngineCounters
from service.pace import Pace
from service.roster import Roster
from service.scheduler import Limits, Scheduler
from service.state import Array
from service.stream import Stream
from service.tasks.task import Reaction, Task, Turn

log = structlog.get_logger()


class Reactions:
    """Belongs to one engine; `name` is that of its model."""

    def __init__(
        self,
        name: str,
        scheduler: Scheduler,
        roster: Roster,
        intake: Intake,
        counters: EngineCounters,
        limits: Limits,
        pace: Pace,
        clock: Callable[[], float],
    ) -> None:
        self._name = name
        self._scheduler = scheduler
        self._roster = roster
        self._intake = intake
        self._counters = counters
        self._limits = limits
        self._pace = pace
        self._clock = clock

    def follow(self, rows: Sequence[tuple[Row, int]], outputs: Mapping[str, Array]) -> None:
        """Let each task look at its rows of a tick, all at once, and carry out what follows."""
        by_task: dict[Task[Any], tuple[list[Stream], list[Turn[Any]]]] = {}
        for row, index in rows:
            stream = self._roster.of(row.session)
            assert stream is not None
            group = by_task.get(stream.task)
            if group is None:
                group = by_task[stream.task] = ([], [])
            group[0].append(stream)
            group[1].append(Turn(stream.progress, index, row.steps, row.segments))
        merge_time = self._pace.merge_time(len(rows))
        now = self._clock()
        for task, (streams, turns) in by_task.items():
            try:
                reactions = task.react(turns, outputs, now)
            except Exception as error:
                log.exception("a task failed", model=self._name, task=task.name)
                for stream in streams:
                    self._roster.finish(stream, internal(error), "failed")
                continue
            for stream, reaction in zip(streams, reactions, strict=True):
                self._apply(stream, reaction, now, merge_time)

    def _apply(self, stream: Stream, reaction: Reaction, now: float, merge_time: float) -> None:
        stream.changed()
        items, chunk, reset, done = reaction
        for sequence_number, value, interim, numbered in items:
            stream.give(sequence_number, value, interim, numbered)
        self._counters.items += len(items)
        if reset:
            self._scheduler.reset(stream.session)
        if done:
            self._roster.finish(stream, None, "completed")
            return
        if chunk is not None:
            self._scheduler.submit(stream.session, chunk)
        if stream.unread >= self._limits.max_outbox_items:
            self._scheduler.hold(stream.session)
        # A session that goes on by itself comes back here in the next tick, so its answers can be gathered.
        goes_on = chunk is not None and not stream.session.held
        if stream.outbox and (now >= stream.next_delivery or not goes_on):
            stream.next_delivery = now + merge_time
            stream.wake_writer()
        if stream.inbox:
            self._intake.feed(stream)
