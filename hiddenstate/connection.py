"""What both clients know of a connection: its channel, how long to resume over it, and who is told."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hiddenstate.errors import ServerError, server_error
from hiddenstate.protocol import StreamProtocol
from hiddenstate.resuming import Attempts, ResumeEvent, ResumeLimits

log = logging.getLogger("hiddenstate")

Watch = Callable[[ResumeEvent], object]

LIMITS = ResumeLimits()
CHANNEL_OPTIONS = (
    # A channel that could not connect refuses calls until it tries again, by default for up to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 5_000),  # also the time that an attempt to connect may take
    ("grpc.max_reconnect_backoff_ms", 1_000),
    # A network that is gone without a word is noticed by pings alone: those of gRPC's own, which hold back others until
    # they are answered, and those that are sent though nothing was said since the last one.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.ping_timeout_ms", 10_000),
    ("grpc.http2.max_pings_without_data", 0),
)


@dataclass
class Calling:
    """An open channel, the address it leads to, and what happens to the sessions that are lost on it.

    limits: None where no session is to be resumed. watch: called with every event, where the answers are read.
    """

    channel: Any
    address: str
    metadata: tuple[tuple[str, str], ...] = ()
    limits: ResumeLimits | None = None
    watch: Watch | None = None
    closed: bool = False

    def attempts(self) -> Attempts:
        """The attempts to resume one session."""
        return Attempts(self.limits or ResumeLimits(attempts=0))

    def wait(self, protocol: StreamProtocol, attempts: Attempts, error: ServerError) -> float:
        """Seconds until another call may go on with a session, told to the callback. Raises the error if none may."""
        now = time.monotonic()
        if not self.limits or not protocol.can_go_on(error):
            raise error from None
        wait = attempts.wait(error, now, protocol.reached, random.random())
        if wait is None:
            raise attempts.given_up(error, now) from None
        self._tell(ResumeEvent(protocol.session_id, attempts.count, wait, attempts.reason))
        return wait

    def opened(self, protocol: StreamProtocol, attempts: Attempts) -> None:
        """A session is open; when that took attempts, the callback is told."""
        if attempts.opened(time.monotonic()):
            changed = protocol.opened is not None and protocol.opened.kernels_changed
            self._tell(ResumeEvent(protocol.session_id, attempts.count, 0.0, attempts.reason, True, changed))

    def waits(self, protocol: StreamProtocol) -> None:
        """The caller is made to wait until the server has stored what it was sent."""
        if protocol.replay.keeping:
            log.info("session %s: the server stores more slowly than it is written to", protocol.session_id)

    def _tell(self, event: ResumeEvent) -> None:
        if self.watch is not None:
            self.watch(event)


def stream_ended() -> ServerError:
    """The error of using a stream that has ended without one."""
    return ServerError("FAILED_PRECONDITION", "STREAM_ENDED", "this stream has ended: open a new session")


def raised(error: Any, address: str, *, opened: bool) -> ServerError:
    """The ServerError of a call that failed; it carries its own code, details and trailers."""
    trailers = error.trailing_metadata() or ()
    return server_error(error.code(), error.details(), trailers, address=address, opened=opened)


def time_left(deadline: float | None) -> float | None:
    """Seconds until a time of the monotonic clock; None for none. Raises ServerError when it is over."""
    left = None if deadline is None else deadline - time.monotonic()
    if left is not None and left <= 0:
        raise ServerError("DEADLINE_EXCEEDED", "", "the time of this call was over before its session was resumed")
    return left
