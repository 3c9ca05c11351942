"""A session that its server knows by name: whose it is, what it survives, and why it cannot be found or resumed."""

import asyncio
from dataclasses import dataclass
from typing import NamedTuple

from service.catalog import Served, Serving
from service.errors import Code, Reason, ServiceError, invalid
from service.snapshot import Durability, Label, schema_of
from service.stores.store import StoreError
from service.stream import Stream


class Terms(NamedTuple):
    """On which terms a session was opened. `principal`: by whom; `idle_timeout` (seconds): how long it is kept without
    a stream; `bulk`: live ones go first.
    """

    durability: Durability
    principal: str = ""
    idle_timeout: float = 600.0
    bulk: bool = False


class Written(NamedTuple):
    """The last snapshot of a session: when it was written, in seconds of a clock that goes on evenly, and to which
    incarnation of the store.
    """

    when: float
    incarnation: str


@dataclass(slots=True, eq=False)
class Kept:
    """A session of this server. `epoch`: as whose owner it is written; None for one that lives here alone. `written`:
    for the last time. `attached`: whether a client is joined to it; `waking`: while it comes back from where it was
    parked; `ended`: when it ended, in seconds since 1970.
    """

    label: Label
    serving: Serving
    stream: Stream
    served: Served
    epoch: int | None = None
    kernels_changed: bool = False
    attached: bool = False
    waking: asyncio.Task[ServiceError | None] | None = None
    ended: float | None = None
    written: Written | None = None

    @property
    def stored(self) -> bool:
        """Whether it survives the server."""
        return self.epoch is not None


def label_of(
    served: Served, serving: Serving, task: str, session_id: str, kernels: str, terms: Terms, created: float
) -> Label:
    """The label of a new session; `created` in seconds since 1970."""
    return Label(
        session_id,
        served.manifest.name,
        served.manifest.version,
        served.loaded.bundle.digest,
        serving.variant,
        task,
        schema_of(serving.engine.states),
        kernels,
        terms.durability,
        terms.bulk,
        terms.idle_timeout,
        created,
        terms.principal,
    )


def in_use(session_id: str, field: str = "config.session.session_id") -> ServiceError:
    """Another session has this id."""
    message = f"there is a session {session_id!r} already: resume it, choose another id, or none to have one minted"
    return ServiceError(Code.ALREADY_EXISTS, Reason.SESSION_ID_IN_USE, message, field=field)


def not_found(session_id: str, field: str = "session_id") -> ServiceError:
    """Nothing is known of a session, or it is somebody else's."""
    message = f"there is no session {session_id!r}: it has ended or expired, or the server was restarted"
    return ServiceError(Code.NOT_FOUND, Reason.SESSION_NOT_FOUND, message, field=field)


def ended(session_id: str) -> ServiceError:
    """Only the last answers of a session are left."""
    message = f"session {session_id!r} has ended: nothing of it can be copied any more"
    return ServiceError(Code.FAILED_PRECONDITION, Reason.SESSION_ENDED, message, field="session_id")


def closed(session_id: str) -> ServiceError:
    """Somebody closed a session beside its stream."""
    return ServiceError(Code.ABORTED, Reason.SESSION_CLOSED, f"session {session_id!r} was closed: open a new one")


def rolled_back(session_id: str) -> ServiceError:
    """A session goes on from an earlier point."""
    message = f"session {session_id!r} was rolled back: go on with the token that RestoreSession gave for it"
    return ServiceError(Code.ABORTED, Reason.SESSION_ROLLED_BACK, message)


def bad_token(problem: str) -> ServiceError:
    """A token that resumes nothing."""
    return invalid(Reason.RESUME_TOKEN_INVALID, problem, "config.session.resume_token")


def unavailable(error: StoreError) -> ServiceError:
    """The store does not answer."""
    message = f"sessions cannot be stored or resumed now: {error}"
    return ServiceError(Code.UNAVAILABLE, Reason.STORE_UNAVAILABLE, message, retry_after=1.0)
