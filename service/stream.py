"""A stream: what joins one client to its session. Messages go in, answers come out, in order."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple

from service.errors import Code, Reason, ServiceError, taken_over
from service.scheduler import Snapshot
from service.session import Session
from service.tasks.task import Answer, Task


class Message(NamedTuple):
    """One message of the client after its config, decoded for the task."""

    sequence_number: int
    payload: Any


class MoveCause(Enum):
    """Why a client should go on elsewhere."""

    DRAIN = "drain"
    AGE = "age"


class Move(NamedTuple):
    """A client should go on elsewhere within `grace` seconds."""

    cause: MoveCause
    grace: float


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

    @property
    def received(self) -> int:
        """The last answer that is known to have arrived, and is gone."""
        return (self.answers[0].number if self.answers else self.next_answer_number) - 1

    def check_received(self, received: int) -> None:
        """Raise ANSWERS_ACKNOWLEDGED for a client that lacks answers which are gone."""
        _check_received(received, self.received)


@dataclass(slots=True, eq=False)
class Stream:
    """Belongs to one engine, which alone changes it; a transport submits to the engine and awaits `answers`.

    The inbox holds messages the session cannot take yet, so that a transport can stop reading: this is how a slow
    session slows its client down instead of losing anything. A ServiceError in the inbox ends the stream once all
    before it is answered. In the same way a client that does not read its answers stops its session; `on_taken` is
    called when it has read.

    One that is `parked` has no slot: its session is in a store, and a message for it calls `on_wanted`. `on_change` is
    called when there is something new to be kept, `on_end` when the session has ended. A transport that does not await
    `answers` is called by `on_answers` to `take` them.

    `taken`: the last message that came from the client, `unconfirmed`: how many since it was last told anything,
    `accepted`: the last one that the task took, `durable`: that is safe. One that is `resumable` outlives its
    transport: answers wait in `unreceived` for their acknowledgement, and whoever attaches last is the one that gets
    them. `fault`: what the client of this attachment did wrong; `move`: what it is to be told.
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
    resumable: bool = False
    taken: int = 0
    unconfirmed: int = 0
    durable: int = 0
    received: int = 0
    unreceived: deque[Answer] = field(default_factory=deque)
    attachment: int = 0
    fault: ServiceError | None = None
    move: Move | None = None
    parked: bool = False
    on_answers: Callable[[], object] | None = None
    on_change: Callable[[], object] | None = None
    on_wanted: Callable[[], object] | None = None
    on_end: Callable[["Stream"], None] | None = None
    _receipt_due: bool = False
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
        stream.taken = stream.durable = standing.accepted
        stream.unreceived.extend(standing.answers)
        stream.received = standing.received
        stream.resumable = True
        # Somebody was attached before: closing its side ends the input of nobody who comes after.
        stream.attachment = 1
        return stream

    def park(self) -> None:
        """Let go of all that stands in the snapshot of its session."""
        self.parked = True
        self.progress = None
        self.outbox = []
        self.unreceived.clear()

    def come_back(self, standing: Standing, session: Session) -> None:
        """Go on where it was parked; what has been acknowledged meanwhile is not sent again."""
        self.parked = False
        self.session, self.progress = session, standing.progress
        self.unreceived.extend(answer for answer in standing.answers if answer.number > self.received)

    def changed(self) -> None:
        """There is something new to be kept."""
        if self.on_change is not None:
            self.on_change()

    def standing(self, session: Snapshot) -> Standing:
        """All of it as plain data, `session` being that of its session."""
        answers = (*self.unreceived, *(answer for answer in self.outbox if answer.number))
        return Standing(
            session, self.progress, self.options, self.accepted, self.next_answer_number, answers, self.branch_number
        )

    @property
    def unread(self) -> int:
        """Answers that are not known to have arrived."""
        return len(self.outbox) + len(self.unreceived)

    def attach(self, received: int) -> int:
        """A client that has all answers up to `received` takes the stream over; it is the attachment of this number.

        What was sent before and may not have arrived is sent again. Raises ANSWERS_ACKNOWLEDGED, and changes nothing,
        when what this client lacks is gone.
        """
        _check_received(received, self.received)
        self.attachment += 1
        self.fault = self.move = None
        # What an earlier client did wrong ends nobody else's stream.
        self.inbox = deque(message for message in self.inbox if isinstance(message, Message))
        self.acknowledge(received)
        self.outbox = [*self.unreceived, *self.outbox]
        self.unreceived.clear()
        self.wake_reader()
        self.wake_writer()
        return self.attachment

    def acknowledge(self, number: int) -> None:
        """All answers up to this one have arrived."""
        if number <= self.received:
            return
        self.received = number
        while self.unreceived and self.unreceived[0].number <= number:
            self.unreceived.popleft()
        self.changed()
        self.on_taken(self)

    def refuse(self, error: ServiceError) -> None:
        """End this attachment because of what its client sent; the stream stays as it was before that."""
        self.inbox.clear()
        self.taken, self.fault = self.accepted, error
        self.wake_reader()
        self.wake_writer()

    async def has_room(self) -> None:
        """Return once the inbox is empty or the stream has ended."""
        while self.inbox and not self.finished:
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader

    async def answers(self, attachment: int = 0) -> list[Answer]:
        """The next answers; none once the stream has ended well, or where its client is to be told something else.
        Raises its error once it has not, and SESSION_TAKEN_OVER when another client has attached.

        Whatever was answered before an error is returned before it is raised.
        """
        while attachment == self.attachment and not (self._answers_due and self.outbox):
            if not self.outbox and (error := self.error or self.fault) is not None:
                raise error  # Before a move is told: a stream that is over would end well behind it.
            if self.move is not None:
                break
            if self._receipt_due or (self.finished and not self.outbox):
                break
            self._writer = asyncio.get_running_loop().create_future()
            await self._writer
        if attachment != self.attachment:
            raise taken_over(self.session.id)
        return self.take()

    def take(self) -> list[Answer]:
        """The answers that wait; they are on their way now."""
        answers, self.outbox = self.outbox, []
        self.unconfirmed = 0
        self._answers_due = self._receipt_due = False
        if self.resumable:
            self.unreceived.extend(answer for answer in answers if answer.number > self.received)
        self.on_taken(self)
        return answers

    def give(self, sequence_number: int, value: Any, interim: bool, numbered: bool = True) -> None:
        """Add an answer and number it; an interim one takes the place of an interim one that was not taken yet."""
        if interim:
            if self._interim_last and self.outbox:
                self.outbox.pop()
            self.outbox.append(Answer(0, sequence_number, value))
        elif numbered:
            if self.next_answer_number > self.received:
                self.outbox.append(Answer(self.next_answer_number, sequence_number, value))
            self.next_answer_number += 1
        else:
            self.outbox.append(Answer(0, sequence_number, value))
        self._interim_last = interim

    def wake_reader(self) -> None:
        """Tell the transport that there may be room."""
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def wake_for_receipt(self) -> None:
        """Tell the transport to say how far the messages of its client have come."""
        self._receipt_due = True
        if self._writer is not None and not self._writer.done():
            self._writer.set_result(None)

    def ask_to_move(self, move: Move) -> None:
        """Tell the client to go on elsewhere."""
        self.move = move
        self.wake_for_receipt()

    def wake_writer(self) -> None:
        """Tell the transport that answers are due, or that the stream has ended."""
        self._answers_due = True
        if self.on_answers is not None:
            self.on_answers()
        if self._writer is not None and not self._writer.done():
            self._writer.set_result(None)


def _check_received(received: int, gone: int) -> None:
    if received < gone:
        field = "config.session.received_answer_number"
        message = (
            f"answers {received + 1} to {gone} are gone, since a client of this session has acknowledged them: "
            f"resume with received_answer_number {gone} to go on behind them"
        )
        raise ServiceError(Code.FAILED_PRECONDITION, Reason.ANSWERS_ACKNOWLEDGED, message, field=field)
