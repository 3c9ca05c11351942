"""When a client goes on after its stream was lost: how often it tries, how long it waits, and what it tells of it."""

from __future__ import annotations

from dataclasses import dataclass

from hiddenstate.errors import ServerError

_LOST_WITHOUT_REASON = ("CANCELLED", "INTERNAL", "UNKNOWN")
"""What a proxy or a reset connection may be reported as; from the server itself such a status has a reason."""


@dataclass(frozen=True, slots=True)
class ResumeLimits:
    """How long a client tries to resume a session before it raises what went wrong.

    attempts, seconds: at most so many in a row, for so long; both begin anew once the session has gone on.
    first_wait: seconds before the first attempt, at most; doubled with each, up to `longest_wait`. The wait is drawn
        evenly between nothing and that, so that the clients of a server that was lost do not all come back at once.
    """

    attempts: int = 100
    seconds: float = 60.0
    first_wait: float = 0.05
    longest_wait: float = 2.0


@dataclass(frozen=True, slots=True)
class ResumeEvent:
    """A client is about to resume a session or, if `resumed`, has done so.

    attempt: how many it takes so far, from 1.
    wait: seconds until this attempt; 0 once it is resumed.
    reason: why the stream before was lost, such as `CONNECTION_LOST`, `SERVER_DRAINING` or `SESSION_MOVES`.
    kernels_changed: it went on at a server whose results may differ in their last bits.
    """

    session_id: str
    attempt: int
    wait: float
    reason: str
    resumed: bool = False
    kernels_changed: bool = False


@dataclass(slots=True)
class Attempts:
    """The attempts to resume one session. `now` is in seconds of any clock, `chance` is drawn from 0 to 1."""

    limits: ResumeLimits
    count: int = 0
    reason: str = ""
    _since: float = 0.0
    _opened_at: float | None = None
    _reached: tuple[int, ...] = ()

    def opened(self, now: float) -> bool:
        """The session is open, and whether an attempt was needed; whether it goes on from here will be seen."""
        self._opened_at = now
        return self.count > 0

    def wait(self, error: ServerError, now: float, reached: tuple[int, ...], chance: float) -> float | None:
        """Seconds to wait before the next attempt; None when there were enough. `reached`: numbers that only grow
        while the session goes on.
        """
        if self._went_on(now, reached):
            self.count, self._since = 0, now
        self._opened_at, self._reached = None, reached
        if self.count >= self.limits.attempts or now - self._since >= self.limits.seconds:
            return None
        # The exponent is bounded because a float is.
        wait = chance * min(self.limits.longest_wait, self.limits.first_wait * 2.0 ** min(self.count, 60))
        self.count += 1
        self.reason = error.reason or error.code
        # A server that drains says when it will be back; another one may be there at once.
        return wait if error.reason == "SERVER_DRAINING" else max(wait, error.retry_after or 0.0)

    def given_up(self, error: ServerError, now: float) -> ServerError:
        """The error, saying also how often it was tried to resume the session."""
        if self.count == 0:
            return error
        times = f"{self.count} attempt{'s' if self.count > 1 else ''} in {now - self._since:.0f} s"
        message = f"{error.message}; the session could not be resumed: {times}"
        return ServerError(
            error.code,
            error.reason,
            message,
            violations=error.violations,
            facts=error.facts,
            retry_after=error.retry_after,
        )

    def _went_on(self, now: float, reached: tuple[int, ...]) -> bool:
        if not self._reached or any(new > old for new, old in zip(reached, self._reached, strict=True)):
            return True
        return self._opened_at is not None and now - self._opened_at >= self.limits.longest_wait


def is_lost(error: ServerError) -> bool:
    """Whether an error says that the stream, or its server, was lost: not that a request was wrong."""
    return error.code == "UNAVAILABLE" or (error.code in _LOST_WITHOUT_REASON and not error.reason)


def is_busy(error: ServerError, attached: bool) -> bool:
    """Whether a server has no room for a session now, but may have later; `attached`: the session had been opened, and
    its slot went to others while it was silent.
    """
    if error.code != "RESOURCE_EXHAUSTED" or error.retry_after is None:
        return False
    return not attached or error.reason == "SESSIONS_EXHAUSTED"


def moving(grace: float) -> ServerError:
    """What a server that asks its client to go elsewhere would have ended the stream with, `grace` seconds later."""
    message = f"the server asks to go on elsewhere within {grace:g} s"
    return ServerError("UNAVAILABLE", "SESSION_MOVES", message)
