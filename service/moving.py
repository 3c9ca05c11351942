"""Moving: clients are asked to go on elsewhere, and the streams of those that stay are ended.

For sessions in a store, which any server of that store can resume: when this server shuts down, and when their stream
is old, which spreads streams over servers again.
"""

import asyncio
import random
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from service.agenda import Agenda
from service.errors import Code, Reason, ServiceError
from service.kept import Kept
from service.stream import Move, MoveCause

MAX_GRACE = 30.0
"""Seconds that a client gets at most to leave a stream that is too old."""
JITTER = 0.1
"""Share of the greatest age by which streams differ: those that were opened together should not leave together."""


class Visit(NamedTuple):
    """A client at a session: its attachment of this number. `asked`: whether it was asked to move."""

    kept: Kept
    attachment: int
    asked: bool = False

    @property
    def goes_on(self) -> bool:
        """Whether the client is still there."""
        return self.kept.attached and self.kept.stream.attachment == self.attachment and not self.kept.stream.finished


class Moving:
    """Asks, and waits. Belongs to the event loop of the engines."""

    def __init__(self, max_age: float = 0.0, clock: Callable[[], float] = time.monotonic) -> None:
        """`max_age`: seconds after which a stream is too old, 0 for never."""
        self._max_age = max_age
        self._grace = min(MAX_GRACE, max_age / 2)
        self._clock = clock
        self._looks: Agenda[Visit] = Agenda(max(max_age / 32, 1e-3))
        self._left = asyncio.Event()

    @property
    def interval(self) -> float:
        """Seconds between two looks that are enough."""
        return min(1.0, max(self._max_age / 16, 0.01)) if self._max_age else 1.0

    def watch(self, kept: Kept) -> None:
        """A client has come to a session."""
        if self._max_age and kept.stored:
            age = self._max_age * random.uniform(1 - JITTER, 1 + JITTER)
            self._looks.put(Visit(kept, kept.stream.attachment), self._clock() + age)

    def leave(self) -> None:
        """A client has left."""
        self._left.set()

    async def look(self) -> None:
        """Ask those whose stream is too old; end the streams of those that were asked and did not leave."""
        now = self._clock()
        for visit in self._looks.due(now):
            if not visit.goes_on:
                continue
            if visit.asked:
                visit.kept.stream.refuse(_too_old(self._max_age))
            else:
                visit.kept.stream.ask_to_move(Move(MoveCause.AGE, self._grace))
                self._looks.put(visit._replace(asked=True), now + self._grace)

    async def see_off(self, kepts: Iterable[Kept], seconds: float) -> None:
        """Ask clients to leave, and return once they have, or after so many seconds."""
        visits = [Visit(kept, kept.stream.attachment) for kept in kepts if kept.attached]
        for visit in visits:
            visit.kept.stream.ask_to_move(Move(MoveCause.DRAIN, seconds))
        over = self._clock() + seconds
        while (left := over - self._clock()) > 0 and any(visit.goes_on for visit in visits):
            self._left.clear()
            try:
                await asyncio.wait_for(self._left.wait(), left)
            except TimeoutError:
                return


def _too_old(seconds: float) -> ServiceError:
    message = f"this stream was open for about {seconds:g} s, the most that this server allows: resume its session"
    return ServiceError(Code.UNAVAILABLE, Reason.STREAM_TOO_OLD, message, retry_after=0.0)
