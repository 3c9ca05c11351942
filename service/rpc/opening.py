"""From the config of a stream to its session: a new one, or one that goes on."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, runtime_checkable

from google.protobuf import duration_pb2

from hiddenstate.v1 import session_pb2
from service.bundle import Manifest
from service.catalog import Catalog
from service.engine import Engine
from service.errors import Code, Reason, ServiceError, invalid, unserved
from service.keeper import Keeper
from service.kept import Kept, Terms, label_of
from service.rpc.codec import Codec
from service.rpc.tensors import state_of
from service.snapshot import Durability
from service.stream import MoveCause, Stream
from service.tasks.task import Remembering

SESSION_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
MAX_CADENCE = 60.0
BULK_PATIENCE = 1.0
"""Seconds a chunk of a bulk session may wait before it is as urgent as a live one."""
DURABILITIES = {
    Durability.NONE: session_pb2.DURABILITY_NONE,
    Durability.MEMORY: session_pb2.DURABILITY_MEMORY,
    Durability.STORED: session_pb2.DURABILITY_STORED,
}

MOVES = {
    MoveCause.DRAIN: session_pb2.MOVE_REASON_DRAIN,
    MoveCause.AGE: session_pb2.MOVE_REASON_CONNECTION_AGE,
}


@runtime_checkable
class Choosing(Protocol):
    """A codec whose config may say which model is meant without naming it."""

    def choose(self, config: Any, manifests: Sequence[Manifest]) -> Sequence[Manifest]:
        """The models that a config may mean. Raises ServiceError when it can mean none."""
        ...


@dataclass(frozen=True, slots=True)
class Joined:
    """A client joined to its session: as its attachment of this number; `kept` if the session can be resumed."""

    engine: Engine
    manifest: Manifest
    variant: str
    stream: Stream
    attachment: int = 0
    kept: Kept | None = None

    @property
    def durable(self) -> int:
        """The last message of the client that is safe; 0 where none is."""
        if self.kept is None:
            return 0
        return self.stream.durable if self.kept.stored else self.stream.accepted


class Opening:
    """Opens the sessions of one task. `durability`: of those that do not say."""

    def __init__(self, codec: Codec, catalog: Catalog, keeper: Keeper, durability: str = "none") -> None:
        self._codec = codec
        self._catalog = catalog
        self._keeper = keeper
        self._durability = Durability(durability)

    async def join(self, config: Any, principal: str) -> Joined:
        """The session of a config, which a principal sends. Raises ServiceError."""
        session = config.session
        _check_session(session)
        if session.resume_token:
            received = session.received_answer_number
            kept = await self._keeper.resume(session.resume_token, self._codec.task, principal, received)
            return self._attached(kept, received)
        choose = partial(self._codec.choose, config) if isinstance(self._codec, Choosing) else None
        served = self._catalog.find(self._codec.task, session.model, session.version, choose)
        serving = served.serving(self._codec.task, explain=getattr(config, "explain", False))
        task = serving.tasks[self._codec.task]
        revival = self._keeper.revival
        terms = Terms(
            self._durability_of(session, task),
            principal,
            _idle_timeout(session, revival.max_idle_timeout),
            session.priority == session_pb2.PRIORITY_BULK,
        )
        options = self._codec.options(config)
        session_id = session.session_id or secrets.token_hex(16)
        now = self._keeper.revival.clock()
        label = label_of(served, serving, self._codec.task, session_id, revival.kernels, terms, now)
        state = state_of(session.initial_state, served.manifest)
        stream = serving.engine.open(task, options, session_id, _patience(session), state, terms.idle_timeout)
        kept = Kept(label, serving, stream, served)
        try:
            await self._keeper.keep([kept])
        except BaseException:
            serving.engine.close(stream, "failed")
            raise
        if terms.durability is Durability.NONE:
            kept.attached = True
            return Joined(serving.engine, served.manifest, serving.variant, stream)
        return self._attached(kept, 0)

    def opened(self, joined: Joined) -> Any:
        """The first response."""
        stream, kept = joined.stream, joined.kept
        opened = session_pb2.Opened(
            session_id=stream.session.id,
            model=joined.manifest.name,
            version=joined.manifest.version,
            next_sequence_number=stream.taken + 1,
            next_answer_number=max(stream.received, stream.next_answer_number - 1 - stream.unread) + 1,
            branch_number=stream.branch_number,
            durability=session_pb2.DURABILITY_NONE,
            variant=joined.variant,
        )
        if kept is not None:
            opened.resume_token = self._keeper.tokens.of(kept)
            opened.durability = DURABILITIES[kept.label.durability]
            opened.idle_timeout.FromNanoseconds(round(kept.label.idle_timeout * 1e9))
            opened.kernels_changed = kept.kernels_changed
        return self._codec.opened(opened, stream.options)

    def move(self, joined: Joined) -> session_pb2.Move | None:
        """What tells a client to go on elsewhere, once, if it is to."""
        stream = joined.stream
        move, stream.move = stream.move, None
        if move is None or joined.kept is None:
            return None
        said = session_pb2.Move(resume_token=self._keeper.tokens.of(joined.kept), reason=MOVES[move.cause])
        said.grace_duration.FromNanoseconds(round(move.grace * 1e9))
        return said

    def leave(self, joined: Joined) -> None:
        """The client is gone."""
        if joined.kept is None:
            # Without effect unless the client left before its session ended.
            joined.engine.close(joined.stream)
        else:
            self._keeper.leave(joined.kept, joined.attachment)

    def _attached(self, kept: Kept, received: int) -> Joined:
        attachment = self._keeper.attach(kept, received)
        return Joined(kept.serving.engine, kept.served.manifest, kept.serving.variant, kept.stream, attachment, kept)

    def _durability_of(self, session: session_pb2.SessionConfig, task: Any) -> Durability:
        """What the session is to survive. Raises DURABILITY_NOT_SERVED."""
        said = {number: durability for durability, number in DURABILITIES.items()}
        wanted = said.get(session.durability) if session.durability else self._durability
        problem = ""
        if wanted is None:
            problem = f"durability {session.durability} is none that this server knows"
        elif wanted is Durability.STORED and self._keeper.store is None:
            problem = "this server has no store: ask for DURABILITY_MEMORY, or start it with --store"
        elif wanted is not Durability.NONE and not isinstance(task, Remembering):
            problem = "sessions of this task end with their stream: leave the durability unset"
        if problem and session.durability:
            raise unserved(Reason.DURABILITY_NOT_SERVED, problem, "config.session.durability")
        return Durability.NONE if problem or wanted is None else wanted


def _check_session(session: session_pb2.SessionConfig) -> None:
    """Refuse what is out of range, and say of each field that is not served yet that it is not."""
    if session.session_id and not SESSION_ID.fullmatch(session.session_id):
        problem = "a session id is 1 to 128 of the characters A-Z a-z 0-9 . _ -"
        raise invalid(Reason.SESSION_ID_INVALID, problem, "config.session.session_id")
    if session.received_answer_number and not session.resume_token:
        problem = "answers were received, but there is no token: which session is to be resumed?"
        raise invalid(Reason.RESUME_TOKEN_INVALID, problem, "config.session.resume_token")
    if session.priority not in session_pb2.Priority.values():
        problem = f"priority {session.priority} is none that this server knows"
        raise invalid(Reason.OPTION_OUT_OF_RANGE, problem, "config.session.priority")
    if session.HasField("label"):
        problem = "labels are not served yet: name a version, or none"
        raise unserved(Reason.OPTION_NOT_SERVED, problem, "config.session.label")


def _patience(session: session_pb2.SessionConfig) -> float | None:
    """Seconds a chunk may wait: the cadence if one is declared; None for the server's default."""
    if not session.HasField("cadence_duration"):
        return BULK_PATIENCE if session.priority == session_pb2.PRIORITY_BULK else None
    return _seconds(session.cadence_duration)


def _idle_timeout(session: session_pb2.SessionConfig, most: float) -> float:
    """Seconds that the session is kept without a stream: at most as long as the server keeps any."""
    if not session.HasField("idle_timeout"):
        return most
    seconds: float = session.idle_timeout.ToNanoseconds() / 1e9
    if seconds <= 0:
        problem = f"an idle time of {seconds:g} s is not above 0: leave it unset for that of the server"
        raise invalid(Reason.OPTION_OUT_OF_RANGE, problem, "config.session.idle_timeout")
    return min(seconds, most)


def _seconds(cadence: duration_pb2.Duration) -> float:
    seconds: float = cadence.ToNanoseconds() / 1e9
    if not 0 < seconds <= MAX_CADENCE:
        problem = f"a cadence of {seconds:g} s is not above 0 and up to {MAX_CADENCE:g} s"
        raise ServiceError(
            Code.INVALID_ARGUMENT, Reason.OPTION_OUT_OF_RANGE, problem, field="config.session.cadence_duration"
        )
    return seconds
