"""A stream: what joins one client to its session. Messages go in, answers come out, in order."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from service.errors import ServiceError
from service.scheduler import Snapshot
from service.session import Session
from service.tasks.task import Answer, Task


class Message(NamedTuple):
    """One message of the client after its config, decoded for the task."""

    sequence_number: int
    payload: Any


class Standing(NamedTuple):
    """A session as plain data, with its task's share: what its stream needs to go on elsewhere.

    `accepted`: the last message that the task took; `answers`: numbered ones that are not known to have arrived.
    """

    session: Snapshot
    progress: Any
    options: Any
    accepted: int
    next_answer_number: int
    answers: tuple[Answer, ...]
    branch_number: int = 0


@dataclass(slots=True, eq=False)
class Stream:
    """Belongs to one engine, which alone changes it; a transport submits to the engine and awaits `answers`.

    The inbox holds messages the session cannot take yet, so that a transport can stop reading: this is how a slow
    session slows its client down instead of losing anything. A ServiceError in the inbox ends the stream once all
    before it is answered. In the same way a client that does not read its answers stops its session; `on_taken` is
    called when it has read.
    """

    task: Task[Any]
    options: Any
    progress: Any
    session: Session
    on_taken: Callable[["Stream"], None]
    inbox: deque[Message | ServiceError] = field(default_factory=deque)
    outbox: list[Answer] = field(default_factory=list)
    next_answer_number: int = 1
    next_delivery: float = 0.0
    finished: bool = False
    error: ServiceError | None = None
    accepted: int = 0
    branch_number: int = 0
    _interim_last: bool = False
    _answers_due: bool = False
    _reader: asyncio.Future[None] | None = None
    _writer: asyncio.Future[None] | None = None

    @classmethod
    def going_on(
        cls, task: Task[Any], standing: Standing, session: Session, on_taken: Callable[["Stream"], None]
    ) -> "Stream":
        """The stream of a session that was resumed."""
        stream = cls(task, standing.options, standing.progress, session, on_taken)
        stream.accepted, stream.next_answer_number = standing.accepted, standing.next_answer_number
        stream.branch_number = standing.branch_number
        stream.outbox = list(standing.answers)
        return stream

    def standing(self, session: Snapshot) -> Standing:
        """All of it as plain data, `session` being that of its session."""
        answers = tuple(answer for answer in self.outbox if answer.number)
        return Standing(
            session, self.progress, self.options, self.accepted, self.next_answer_number, answers, self.branch_number
        )

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
