"""What both clients can do with sessions beside their streams."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from typing import TYPE_CHECKING, Unpack

from hiddenstate import session_service as wire
from hiddenstate.session_service import SessionCopy, SessionFacts, SessionFilter
from hiddenstate.v1 import session_pb2

if TYPE_CHECKING:
    from hiddenstate.async_stream import AsyncConnection
    from hiddenstate.stream import Connection


class SessionCalls:
    """Of the blocking client."""

    _connection: Connection

    def sessions(self, **wanted: Unpack[SessionFilter]) -> Iterator[SessionFacts]:
        """The sessions of the server that are yours, latest first, page by page."""
        request = wire.list_request(wanted)
        while True:
            page = self._connection.call(wire.LIST, request)
            yield from map(wire.facts, page.sessions)
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def get_session(self, session_id: str) -> SessionFacts:
        """One session: where it lives and how far it has come."""
        return wire.facts(self._connection.call(wire.GET, session_pb2.GetSessionRequest(session_id=session_id)).session)

    def snapshot(self, session_id: str) -> bytes:
        """A session as bytes, from which any server with the same keys and model restores it; it goes on."""
        data: bytes = self._connection.call(
            wire.SNAPSHOT, session_pb2.SnapshotSessionRequest(session_id=session_id)
        ).snapshot
        return data

    def restore(self, snapshot: bytes, session_id: str | None = None, *, seed: int | None = None) -> SessionCopy:
        """A new session from a snapshot; under the name of its original: that one at this earlier point, while its
        stream ends. `seed`: of its random choices from here on.
        """
        return wire.restored(self._connection.call(wire.RESTORE, wire.restore_request(snapshot, session_id, seed)))

    def fork(
        self,
        session_id: str,
        count: int | None = None,
        *,
        seeds: Iterable[int] | None = None,
        names: Iterable[str] | None = None,
    ) -> list[SessionCopy]:
        """Copies of a session, all or none: `count`, else one for each seed or name, else one. It goes on."""
        request = wire.fork_request(session_id, count, seeds, names)
        return list(map(wire.forked, self._connection.call(wire.FORK, request).forks))

    def close_session(self, session_id: str, *, erase: bool = False) -> SessionFacts | None:
        """End a session, and its stream; `erase`: leave no trace of it in the store's files. Tells how it ended; None
        when it was erased, or was not there.
        """
        request = session_pb2.CloseSessionRequest(session_id=session_id, erase=erase)
        return wire.closed(self._connection.call(wire.CLOSE, request))


class AsyncSessionCalls:
    """Of the asynchronous client."""

    _connection: AsyncConnection

    async def sessions(self, **wanted: Unpack[SessionFilter]) -> AsyncIterator[SessionFacts]:
        """The sessions of the server that are yours, latest first, page by page."""
        request = wire.list_request(wanted)
        while True:
            page = await self._connection.call(wire.LIST, request)
            for message in page.sessions:
                yield wire.facts(message)
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def get_session(self, session_id: str) -> SessionFacts:
        """One session: where it lives and how far it has come."""
        found = await self._connection.call(wire.GET, session_pb2.GetSessionRequest(session_id=session_id))
        return wire.facts(found.session)

    async def snapshot(self, session_id: str) -> bytes:
        """A session as bytes, from which any server with the same keys and model restores it; it goes on."""
        request = session_pb2.SnapshotSessionRequest(session_id=session_id)
        data: bytes = (await self._connection.call(wire.SNAPSHOT, request)).snapshot
        return data

    async def restore(self, snapshot: bytes, session_id: str | None = None, *, seed: int | None = None) -> SessionCopy:
        """A new session from a snapshot; under the name of its original: that one at this earlier point, while its
        stream ends. `seed`: of its random choices from here on.
        """
        request = wire.restore_request(snapshot, session_id, seed)
        return wire.restored(await self._connection.call(wire.RESTORE, request))

    async def fork(
        self,
        session_id: str,
        count: int | None = None,
        *,
        seeds: Iterable[int] | None = None,
        names: Iterable[str] | None = None,
    ) -> list[SessionCopy]:
        """Copies of a session, all or none: `count`, else one for each seed or name, else one. It goes on."""
        request = wire.fork_request(session_id, count, seeds, names)
        return list(map(wire.forked, (await self._connection.call(wire.FORK, request)).forks))

    async def close_session(self, session_id: str, *, erase: bool = False) -> SessionFacts | None:
        """End a session, and its stream; `erase`: leave no trace of it in the store's files. Tells how it ended; None
        when it was erased, or was not there.
        """
        request = session_pb2.CloseSessionRequest(session_id=session_id, erase=erase)
        return wire.closed(await self._connection.call(wire.CLOSE, request))
