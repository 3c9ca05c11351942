"""Sessions beside their streams, on the wire: the session service."""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from google.protobuf import timestamp_pb2

from hiddenstate.v1 import model_pb2, session_pb2
from service.census import Census, Spot
from service.copies import Copies, Fork
from service.errors import Reason, invalid
from service.facts import Facts, Place
from service.keeper import Keeper
from service.kept import Kept
from service.rpc.models import task_of
from service.rpc.opening import DURABILITIES, SESSION_ID
from service.rpc.parsing import page_size

Answer: TypeAlias = Callable[[Any, str], Awaitable[Any]]
MAX_FORKS = 256
_STATES = {
    Place.ATTACHED: session_pb2.SESSION_STATE_ATTACHED,
    Place.DETACHED: session_pb2.SESSION_STATE_DETACHED,
    Place.PARKED: session_pb2.SESSION_STATE_PARKED,
    Place.ENDED: session_pb2.SESSION_STATE_ENDED,
}


class SessionCalls:
    """Each method answers a request of a principal. Raises ServiceError."""

    def __init__(self, keeper: Keeper, max_bytes: int) -> None:
        """`max_bytes`: of a message."""
        self._keeper = keeper
        self._census = Census(keeper)
        self._copies = Copies(keeper, self._census, max_bytes)

    @property
    def by_request(self) -> dict[str, Answer]:
        """All methods by the full name of what they are asked."""
        methods: dict[Any, Answer] = {
            session_pb2.GetSessionRequest: self.get,
            session_pb2.ListSessionsRequest: self.list,
            session_pb2.SnapshotSessionRequest: self.snapshot,
            session_pb2.RestoreSessionRequest: self.restore,
            session_pb2.ForkSessionRequest: self.fork,
            session_pb2.CloseSessionRequest: self.close,
        }
        return {request.DESCRIPTOR.full_name: method for request, method in methods.items()}

    async def get(self, request: session_pb2.GetSessionRequest, principal: str) -> session_pb2.GetSessionResponse:
        """One session."""
        facts = await self._census.get(_named(request.session_id), principal)
        return session_pb2.GetSessionResponse(session=_session(facts))

    async def list(self, request: session_pb2.ListSessionsRequest, principal: str) -> session_pb2.ListSessionsResponse:
        """One page of sessions."""
        wanted = _Wanted(request.filter, self._keeper.revival.clock())
        page = await self._census.page(
            principal, wanted.matches, page_size(request.page_size), _after(request.page_token)
        )
        return session_pb2.ListSessionsResponse(
            sessions=[_session(facts) for facts in page.sessions],
            next_page_token=_token(page.following) if page.following else "",
            total_count=page.total,
        )

    async def snapshot(
        self, request: session_pb2.SnapshotSessionRequest, principal: str
    ) -> session_pb2.SnapshotSessionResponse:
        """A session as bytes."""
        data, where = await self._copies.snapshot(_named(request.session_id), principal)
        return session_pb2.SnapshotSessionResponse(snapshot=data, session=_session(self._census.facts(where)))

    async def restore(
        self, request: session_pb2.RestoreSessionRequest, principal: str
    ) -> session_pb2.RestoreSessionResponse:
        """A session from bytes."""
        _check_name(request.session_id, "session_id")
        seed = request.seed if request.HasField("seed") else None
        kept = await self._copies.restore(request.snapshot, request.session_id, seed, principal)
        return session_pb2.RestoreSessionResponse(
            session=_session(self._census.facts(kept)),
            resume_token=self._keeper.tokens.of(kept),
            kernels_changed=kept.kernels_changed,
        )

    async def fork(self, request: session_pb2.ForkSessionRequest, principal: str) -> session_pb2.ForkSessionResponse:
        """Copies of a session."""
        if not 1 <= len(request.forks) <= MAX_FORKS:
            problem = f"{len(request.forks)} forks are asked for: 1 to {MAX_FORKS} are made at once"
            raise invalid(Reason.OPTION_OUT_OF_RANGE, problem, "forks")
        for index, fork in enumerate(request.forks):
            _check_name(fork.session_id, f"forks[{index}].session_id")
        wanted = [Fork(fork.session_id, fork.seed if fork.HasField("seed") else None) for fork in request.forks]
        made = await self._copies.fork(_named(request.session_id), wanted, principal)
        return session_pb2.ForkSessionResponse(forks=[self._forked(kept) for kept in made])

    async def close(self, request: session_pb2.CloseSessionRequest, principal: str) -> session_pb2.CloseSessionResponse:
        """The end of a session."""
        facts = await self._census.close(_named(request.session_id), principal, erase=request.erase)
        return session_pb2.CloseSessionResponse(session=_session(facts) if facts else None)

    def _forked(self, kept: Kept) -> session_pb2.ForkedSession:
        token = self._keeper.tokens.of(kept)
        return session_pb2.ForkedSession(session=_session(self._census.facts(kept)), resume_token=token)


class _Wanted:
    """Which sessions a filter lets through."""

    def __init__(self, said: session_pb2.SessionFilter, now: float) -> None:
        self._said = said
        self._stepped_before = now - said.min_idle_duration.ToNanoseconds() / 1e9

    def matches(self, spot: Spot) -> bool:
        """Whether a session matches all fields that are set."""
        said, listing = self._said, spot.listing
        return (
            said.model in ("", listing.model)
            and said.version in (0, listing.version)
            and said.task in (model_pb2.TASK_UNSPECIFIED, task_of(listing.learned))
            and said.state in (session_pb2.SESSION_STATE_UNSPECIFIED, _STATES[spot.place])
            and spot.session_id.startswith(said.session_id_prefix)
            and max(listing.created, listing.stepped) <= self._stepped_before
        )


def _session(facts: Facts) -> session_pb2.Session:
    label = facts.label
    session = session_pb2.Session(
        session_id=label.session_id,
        model=label.model,
        version=label.version,
        task=task_of(facts.learned),
        state=_STATES[facts.place],
        branch_number=facts.branch_number,
        step_count=facts.step_count,
        accepted_sequence_number=facts.accepted,
        durable_sequence_number=facts.durable,
        last_answer_number=facts.last_answer,
        received_answer_number=facts.received,
        durability=DURABILITIES[label.durability],
        priority=session_pb2.PRIORITY_BULK if label.bulk else session_pb2.PRIORITY_LIVE,
        create_time=_time(label.created),
        principal=label.principal,
        byte_count=facts.byte_count,
    )
    if facts.stepped is not None:
        session.last_step_time.CopyFrom(_time(facts.stepped))
    if facts.expires is not None:
        session.expire_time.CopyFrom(_time(facts.expires))
    return session


def _time(seconds: float) -> timestamp_pb2.Timestamp:
    moment = timestamp_pb2.Timestamp()
    moment.FromNanoseconds(round(seconds * 1e9))
    return moment


def _named(session_id: str) -> str:
    """The session that is meant. Raises SESSION_ID_INVALID."""
    if not session_id:
        raise invalid(Reason.SESSION_ID_INVALID, "which session? ListSessions lists them", "session_id")
    _check_name(session_id, "session_id")
    return session_id


def _check_name(session_id: str, field: str) -> None:
    if session_id and not SESSION_ID.fullmatch(session_id):
        problem = "a session id is 1 to 128 of the characters A-Z a-z 0-9 . _ -"
        raise invalid(Reason.SESSION_ID_INVALID, problem, field)


def _token(place: tuple[float, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()


def _after(token: str) -> tuple[float, str] | None:
    """Where the page before ended. Raises OPTION_OUT_OF_RANGE."""
    if not token:
        return None
    try:
        created, session_id = json.loads(base64.urlsafe_b64decode(token))
        return float(created), str(session_id)
    except (ValueError, TypeError) as error:
        problem = "page_token is none that this server gave"
        raise invalid(Reason.OPTION_OUT_OF_RANGE, problem, "page_token") from error
