"""A stream: what joins one client to its session. Messages go in, answers come out, in order."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from service.errors import ServiceError
from service.session import Session
from service.tasks.task import Answer, Task


class Message(NamedTuple):
    """One message of the client after its config, decoded for the task."""

    sequence_number: int
    payload: Any


@dataclass(slots=True, eq=False)
class Stream:
    """Belongs to one engine, which alone changes it; a transport submits to the engine and awaits `answers`.

    The inbox holds messages the session cannot take yet, so that a transport can stop reading: this is how a slow
    session slows its client down instead of losing anything. A ServiceError in the inbox ends the stream once all
    before it is answered. In the same way a client that does not read its answers stops its session; `on_taken` is
    called when it has read.
    """

    task: Task[Any]
    progress: Any
    session: Session
    on_taken: Callable[["Stream"], None]
    inbox: deque[Message | ServiceError] = field(default_factory=deque)
    outbox: list[Answer] = field(default_factory=list)
    next_answer_number: int = 1
    next_delivery: float = 0.0
    finished: bool = False
    error: ServiceError | None = None
    _interim_last: bool = False
    _answers_due: bool = False
    _reader: asyncio.Future[None] | None = None
    _writer: asyncio.Future[None] | None = None

    async def has_room(self) -> None:
        """Return once the inbox is empty or the stream has ended."""
        while self.inbox and not self.finished:
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader

    async def answers(self) -> list[Answer]:
        """The next answers, at least one; none once the stream has ended well. Raises its error once it has not.

        Whatever was answered before an error is returned before it is raised.
        """
        while not (self._answers_due and self.outbox):
            if self.finished and not self.outbox:
                if self.error is not None:
                    raise self.error
                return []
            self._writer = asyncio.get_running_loop().create_future()
            await self._writer
        answers, self.outbox = self.outbox, []
        self._answers_due = False
        self.on_taken(self)
        return answers

    def give(self, sequence_number: int, value: Any, interim: bool, numbered: bool = True) -> None:
        """Add an answer and number it; an interim one takes the place of an interim one that was not taken yet."""
        if interim:
            if self._interim_last and self.outbox:
                self.outbox.pop()
            self.outbox.append(Answer(0, sequence_number, value))
        elif numbered:
            self.outbox.append(Answer(self.next_answer_number, sequence_number, value))
            self.next_answer_number += 1
        else:
            self.outbox.append(Answer(0, sequence_number, value))
        self._interim_last = interim

    def wake_reader(self) -> None:
        """Tell the transport that there may be room."""
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def wake_writer(self) -> None:
        """Tell the transport that answers are due, or that the stream has ended."""
        self._answers_due = True
        if self._writer is not None and not self._writer.done():
            self._writer.set_result(None)
