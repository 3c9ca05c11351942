"""A session that outlives its stream, and why one cannot be kept or resumed."""

from dataclasses import dataclass
from typing import NamedTuple

from service.catalog import Served, Serving
from service.errors import Code, Reason, ServiceError, invalid
from service.snapshot import Label
from service.stores.store import StoreError
from service.stream import Stream


class Mark(NamedTuple):
    """How far a session was: it need not be written again while it is still there."""

    steps: int
    accepted: int
    answers: int
    received: int

    @classmethod
    def of(cls, stream: Stream) -> "Mark":
        """Where a stream stands."""
        return cls(stream.session.steps_done, stream.accepted, stream.next_answer_number, stream.received)


@dataclass(slots=True, eq=False)
class Kept:
    """A session that can be resumed. `epoch`: as whose owner it is written; None for one that lives here alone.
    `written`: where it stood in its last snapshot.
    """

    label: Label
    serving: Serving
    stream: Stream
    served: Served
    epoch: int | None = None
    written: Mark | None = None
    kernels_changed: bool = False

    @property
    def stored(self) -> bool:
        """Whether it survives the server."""
        return self.epoch is not None


def in_use(session_id: str) -> ServiceError:
    """Another session has this id."""
    message = f"session {session_id!r} is kept already: resume it, choose another id, or none to have one minted"
    return ServiceError(Code.ALREADY_EXISTS, Reason.SESSION_ID_IN_USE, message, field="config.session.session_id")


def not_found(session_id: str) -> ServiceError:
    """Nothing is known of a session."""
    message = f"session {session_id!r} is not kept here any more: it has ended or expired, or the server was restarted"
    return ServiceError(Code.NOT_FOUND, Reason.SESSION_NOT_FOUND, message, field="config.session.resume_token")


def bad_token(problem: str) -> ServiceError:
    """A token that resumes nothing."""
    return invalid(Reason.RESUME_TOKEN_INVALID, problem, "config.session.resume_token")


def unavailable(error: StoreError) -> ServiceError:
    """The store does not answer."""
    message = f"sessions cannot be stored or resumed now: {error}"
    return ServiceError(Code.UNAVAILABLE, Reason.STORE_UNAVAILABLE, message, retry_after=1.0)
