"""The roster: the streams of one engine, from their admission to their end."""

import asyncio
import contextlib

from service.errors import ServiceError, draining
from service.metrics import EngineCounters
from service.scheduler import Scheduler
from service.session import Session
from service.stream import Standing, Stream


class Roster:
    """Belongs to one engine, whose sessions its scheduler holds."""

    def __init__(self, scheduler: Scheduler, counters: EngineCounters) -> None:
        self._scheduler = scheduler
        self._counters = counters
        self._streams: dict[Session, Stream] = {}
        self._empty = asyncio.Event()

    def __len__(self) -> int:
        return len(self._streams)

    def of(self, session: Session) -> Stream | None:
        """The stream of a session, if it has not ended."""
        return self._streams.get(session)

    def join(self, stream: Stream) -> None:
        """A session is admitted."""
        self._streams[stream.session] = stream
        self._counters.sessions_opened += 1

    def finish(self, stream: Stream, error: ServiceError | None, cause: str) -> None:
        """A session ends, with an error for its client or well. Does nothing when it has ended already."""
        if stream.finished:
            return
        stream.finished = True
        stream.error = error
        stream.inbox.clear()
        self._leave(stream)
        self._counters.ended(cause)
        stream.wake_reader()
        stream.wake_writer()
        if stream.on_end is not None:
            stream.on_end(stream)

    def park(self, stream: Stream) -> None:
        """A session gives its slot up; all of it stands in a snapshot."""
        self._leave(stream)
        stream.park()

    def come_back(self, stream: Stream, standing: Standing, session: Session) -> None:
        """A session that was parked has a slot again."""
        stream.come_back(standing, session)
        self._streams[session] = stream

    def _leave(self, stream: Stream) -> None:
        self._scheduler.close(stream.session)
        self._streams.pop(stream.session, None)
        if not self._streams:
            self._empty.set()

    async def drained(self, timeout: float) -> bool:
        """Wait until all sessions have ended; after `timeout` seconds end the rest with SERVER_DRAINING."""
        if self._streams:
            self._empty.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._empty.wait(), timeout)
        in_time = not self._streams
        for stream in list(self._streams.values()):
            self.finish(stream, draining(), "drained")
        return in_time
