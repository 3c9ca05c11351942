"""The intake: messages of clients become chunks of their sessions, as fast as these take them."""

import asyncio
import time
from collections.abc import Callable

import structlog

from service.errors import Reason, ServiceError, internal, invalid
from service.scheduler import Limits, Scheduler
from service.session import Chunk
from service.stream import Message, Stream

log = structlog.get_logger()


class Intake:
    """Belongs to one engine. `name` is that of its model; `wake_up` says that there is something to run, and
    `break_off` ends a stream with an error.
    """

    def __init__(
        self,
        name: str,
        scheduler: Scheduler,
        limits: Limits,
        clock: Callable[[], float],
        *,
        wake_up: Callable[[], None],
        break_off: Callable[[Stream, ServiceError], None],
    ) -> None:
        self._name = name
        self._scheduler = scheduler
        self._limits = limits
        self._clock = clock
        self._wake_up = wake_up
        self._break_off = break_off
        self._accepted = 0

    async def settled(self, seconds: float) -> None:
        """Let messages come in and answers go out, for as long as more messages come, and so many seconds at most: what
        comes at once runs at once.
        """
        until = time.monotonic() + seconds
        while True:
            before = self._accepted
            await asyncio.sleep(0)
            if self._accepted == before or time.monotonic() >= until:
                return

    def feed(self, stream: Stream) -> None:
        """Hand messages to the session as long as it takes them; one that is parked is called for."""
        if stream.parked:
            if stream.on_wanted is not None:
                stream.on_wanted()
            return
        session = stream.session
        while stream.inbox and self._takes_more(stream):
            message = stream.inbox[0]
            if isinstance(message, ServiceError):
                if session.chunks or session.in_flight:
                    break
                stream.inbox.clear()
                self._break_off(stream, message)
                return
            try:
                self._accept(stream, message)
                stream.inbox.popleft()
            except Exception as error:
                self._refuse(stream, error)
        if not stream.inbox:
            stream.wake_reader()

    def _takes_more(self, stream: Stream) -> bool:
        """Whether the session has room for one more message of any allowed size."""
        has_room = stream.session.accepts(self._limits.max_message_steps)
        return has_room and not stream.progress.busy and not stream.finished

    def _refuse(self, stream: Stream, error: Exception) -> None:
        """End the stream because of its next message, once all before it is answered."""
        if not isinstance(error, ServiceError):
            # A fault of ours: it may end this session, never the tick of others in which the message was accepted.
            log.exception("a message failed", model=self._name, task=stream.task.name)
            error = internal(error)
        # A session that was busy would not have been handed the message, and to this one no answer will come.
        stream.progress.busy = False
        stream.inbox.clear()
        stream.inbox.append(error)

    def _chunk(self, stream: Stream, message: Message) -> Chunk:
        try:
            return stream.task.accept(stream.progress, message.payload, message.sequence_number, self._clock())
        except ServiceError:
            raise
        except Exception:
            stream.resumable = False
            raise

    def _accept(self, stream: Stream, message: Message) -> None:
        chunk = self._chunk(stream, message)
        # From here on the task has taken the message: if there is no room for it, the session cannot go on.
        resumable, stream.resumable = stream.resumable, False
        if chunk.steps > self._limits.max_message_steps:
            limit = f"the limit of {self._limits.max_message_steps}: send it in pieces"
            raise invalid(Reason.MESSAGE_TOO_LARGE, f"a message of {chunk.steps} steps is over {limit}")
        self._scheduler.submit(stream.session, chunk)
        stream.resumable = resumable
        self._accepted += 1
        stream.accepted = message.sequence_number
        stream.changed()
        self._wake_up()
