"""Sessions beside their streams: what is asked of the session service, and what it answers as plain data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypedDict

from hiddenstate.protocol import Rpc
from hiddenstate.results import ResumePoint
from hiddenstate.v1 import model_pb2, session_pb2
from hiddenstate.wire import word

_SERVICE = "/hiddenstate.v1.SessionService/"
GET = Rpc(f"{_SERVICE}GetSession", session_pb2.GetSessionRequest, session_pb2.GetSessionResponse)
LIST = Rpc(f"{_SERVICE}ListSessions", session_pb2.ListSessionsRequest, session_pb2.ListSessionsResponse)
SNAPSHOT = Rpc(f"{_SERVICE}SnapshotSession", session_pb2.SnapshotSessionRequest, session_pb2.SnapshotSessionResponse)
RESTORE = Rpc(f"{_SERVICE}RestoreSession", session_pb2.RestoreSessionRequest, session_pb2.RestoreSessionResponse)
FORK = Rpc(f"{_SERVICE}ForkSession", session_pb2.ForkSessionRequest, session_pb2.ForkSessionResponse)
CLOSE = Rpc(f"{_SERVICE}CloseSession", session_pb2.CloseSessionRequest, session_pb2.CloseSessionResponse)


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """A session on the server.

    task: what its model has learned, such as `text_generation`.
    state: `attached` (a stream is joined to it), `detached`, `parked` (it is in a store alone) or `ended`.
    branch_number: counts rollbacks and forks. step_count: steps taken so far.
    accepted_sequence_number, durable_sequence_number: the last message that was taken, and that is safe.
    last_answer_number, received_answer_number: the last numbered answer, and that its client has acknowledged.
    durability: `none`, `memory` or `stored`. priority: `live` or `bulk`.
    create_time, last_step_time, expire_time: in UTC; None where there is none, as while a stream is attached.
    principal: who opened it; empty for an anonymous client. byte_count: what it holds.
    """

    session_id: str
    model: str
    version: int
    task: str
    state: str
    branch_number: int
    step_count: int
    accepted_sequence_number: int
    durable_sequence_number: int
    last_answer_number: int
    received_answer_number: int
    durability: str
    priority: str
    create_time: datetime | None
    last_step_time: datetime | None
    expire_time: datetime | None
    principal: str
    byte_count: int


@dataclass(frozen=True, slots=True)
class SessionCopy:
    """A session that was made from another one, or from its snapshot.

    resume_point: `resume=` of any call goes on from there, behind all answers that the original has given. Those that
        nobody has acknowledged come again from a point at `session.received_answer_number`.
    kernels_changed: it was taken on other kernels, so that results may differ in their last bits.
    """

    session: SessionFacts
    resume_point: ResumePoint
    kernels_changed: bool = False


class SessionFilter(TypedDict, total=False):
    """Which sessions: all that match what is given.

    model, version, task, state: such as `austen`, 1, `text_generation`, `parked`.
    prefix: what their names begin with. min_idle: seconds without a step, at least.
    """

    model: str | None
    version: int | None
    task: str | None
    state: str | None
    prefix: str | None
    min_idle: float | None


def list_request(wanted: SessionFilter) -> session_pb2.ListSessionsRequest:
    """Asks for the first page. Raises ValueError for a task or a state that there is none of."""
    request = session_pb2.ListSessionsRequest()
    asked = request.filter
    asked.model = wanted.get("model") or ""
    asked.version = wanted.get("version") or 0
    asked.session_id_prefix = wanted.get("prefix") or ""
    asked.task = _of(model_pb2.Task, wanted.get("task"), "TASK_")
    asked.state = _of(session_pb2.SessionState, wanted.get("state"), "SESSION_STATE_")
    if (idle := wanted.get("min_idle")) is not None:
        asked.min_idle_duration.FromNanoseconds(round(idle * 1e9))
    return request


def restore_request(snapshot: bytes, session_id: str | None, seed: int | None) -> session_pb2.RestoreSessionRequest:
    """Asks for a session from a snapshot."""
    return session_pb2.RestoreSessionRequest(snapshot=snapshot, session_id=session_id or "", seed=seed)


def fork_request(
    session_id: str, count: int | None, seeds: Iterable[int] | None, names: Iterable[str] | None
) -> session_pb2.ForkSessionRequest:
    """Asks for copies: `count` of them, or one for each seed or name. Raises ValueError where these disagree."""
    seeds, names = list(seeds or ()), list(names or ())
    counts = {len(given) for given in (seeds, names) if given} | ({count} if count is not None else set())
    if len(counts) > 1:
        raise ValueError(f"count, seeds and names ask for different numbers of copies: {sorted(counts)}")
    copies = [session_pb2.Fork() for _ in range(counts.pop() if counts else 1)]
    for copy, seed in zip(copies, seeds, strict=False):
        copy.seed = seed
    for copy, name in zip(copies, names, strict=False):
        copy.session_id = name
    return session_pb2.ForkSessionRequest(session_id=session_id, forks=copies)


def facts(message: session_pb2.Session) -> SessionFacts:
    """A session."""
    return SessionFacts(
        session_id=message.session_id,
        model=message.model,
        version=message.version,
        task=word(model_pb2.Task, message.task, "TASK_"),
        state=word(session_pb2.SessionState, message.state, "SESSION_STATE_"),
        branch_number=message.branch_number,
        step_count=message.step_count,
        accepted_sequence_number=message.accepted_sequence_number,
        durable_sequence_number=message.durable_sequence_number,
        last_answer_number=message.last_answer_number,
        received_answer_number=message.received_answer_number,
        durability=word(session_pb2.Durability, message.durability, "DURABILITY_"),
        priority=word(session_pb2.Priority, message.priority, "PRIORITY_"),
        create_time=_time(message, "create_time"),
        last_step_time=_time(message, "last_step_time"),
        expire_time=_time(message, "expire_time"),
        principal=message.principal,
        byte_count=message.byte_count,
    )


def restored(message: session_pb2.RestoreSessionResponse) -> SessionCopy:
    """A session that was restored."""
    return _copy(message.session, message.resume_token, message.kernels_changed)


def forked(message: session_pb2.ForkedSession) -> SessionCopy:
    """A copy of a session."""
    return _copy(message.session, message.resume_token)


def closed(message: session_pb2.CloseSessionResponse) -> SessionFacts | None:
    """A session as it ended; None when it was erased, or was not there."""
    return facts(message.session) if message.HasField("session") else None


def _copy(session: session_pb2.Session, token: str, kernels_changed: bool = False) -> SessionCopy:
    point = ResumePoint(token, session.last_answer_number, session.session_id)
    return SessionCopy(facts(session), point, kernels_changed)


def _time(message: session_pb2.Session, field: str) -> datetime | None:
    moment: Any = getattr(message, field)
    return moment.ToDatetime(UTC) if message.HasField(field) else None


def _of(enum: Any, said: str | None, prefix: str) -> Any:
    """The value of an enum that a word means; that of nothing said is 0."""
    if said is None:
        return 0
    known: Mapping[str, int] = {name.removeprefix(prefix).lower(): number for name, number in enum.items()}
    if said not in known:
        raise ValueError(f"there is no {said!r}, only {', '.join(list(known)[1:])}")
    return known[said]
