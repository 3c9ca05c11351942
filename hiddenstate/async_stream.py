"""A stream over asyncio."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio
from grpc._cython import cygrpc  # type: ignore[attr-defined]  # missing in the stubs

from hiddenstate.errors import ServerError
from hiddenstate.protocol import Rpc, StreamProtocol
from hiddenstate.stream import raised, stream_ended

_EOF: object = grpc.aio.EOF  # type: ignore[attr-defined]  # missing in the stubs


@dataclass(frozen=True)
class AsyncConnection:
    """An open channel and the address it leads to."""

    channel: grpc.aio.Channel
    address: str
    metadata: tuple[tuple[str, str], ...] = ()

    async def call(self, rpc: Rpc, request: Any) -> Any:
        """One request, one response. Raises ServerError."""
        invoke: Any = self.channel.unary_unary(rpc.path, rpc.request.SerializeToString, rpc.response.FromString)
        try:
            return await invoke(request, metadata=self.metadata)
        except grpc.RpcError as error:
            raise raised(error, self.address, opened=False) from None


class AsyncStream:
    """One bidirectional call of a session.

    Requests come from `requests` when given, and are then read as fast as the server takes them; else from `send`,
    behind `first`.
    """

    def __init__(
        self,
        connection: AsyncConnection,
        protocol: StreamProtocol,
        timeout: float | None,
        requests: AsyncIterable[Any] | None = None,
        *,
        first: Any = None,
    ) -> None:
        self.protocol = protocol
        self._first = first
        self._address = connection.address
        self._unread: deque[Any] = deque()
        self._reading = asyncio.Lock()
        rpc = protocol.rpc
        invoke: Any = connection.channel.stream_stream(rpc.path, rpc.request.SerializeToString, rpc.response.FromString)
        self._call = invoke(timeout=timeout, metadata=(*connection.metadata, *protocol.metadata()))
        self._writer = asyncio.ensure_future(self._write_all(requests)) if requests is not None else None

    async def started(self) -> None:
        """Send the first request, unless it has been."""
        if self._first is not None:
            first, self._first = self._first, None
            await self.send(first)

    async def send(self, request: Any) -> None:
        """Send a request; waits while the server is behind. Raises ServerError when the stream has failed."""
        await self.started()
        if not await self._write(request):
            raise await self._failure()

    async def receive(self) -> tuple[str, Any] | None:
        """The next answer of the task, by the name of its content; None at the end. Raises ServerError."""
        while True:
            async with self._reading:
                response = self._unread.popleft() if self._unread else await self._read()
            if response is None:
                return None
            if content := self.protocol.accept(response):
                return content, response

    def cancel(self) -> None:
        """End the call now, unless it has ended already; answers on their way are lost."""
        self._call.cancel()
        if self._writer is not None:
            self._writer.cancel()

    async def __aiter__(self) -> AsyncIterator[tuple[str, Any]]:
        """All answers up to the end."""
        while answer := await self.receive():
            yield answer

    async def _write(self, request: Any) -> bool:
        """Send one request; false when the call has ended.

        Not by `call.write`: when the server ends the call while one is being sent, that puts an error of its own in
        the place of the server's and drops the answers that were not read yet.
        """
        await self._call._metadata_sent.wait()
        if self._call.done():
            return False
        try:
            await self._call._cython_call.send_serialized_message(request.SerializeToString())
        except cygrpc.InternalError:
            return False
        return True

    async def _write_all(self, requests: AsyncIterable[Any]) -> None:
        try:
            async for request in requests:
                if not await self._write(request):
                    return  # Whoever receives is told why.
            with contextlib.suppress(grpc.RpcError, cygrpc.InternalError):
                await self._call.done_writing()
        except Exception:
            self._call.cancel()
            raise

    async def _read(self) -> Any:
        """The next response, None at the end. Raises ServerError, or what went wrong in the caller's iterable."""
        try:
            response = await self._call.read()
        except grpc.RpcError as error:
            raise raised(error, self._address, opened=self.protocol.opened is not None) from None
        except asyncio.CancelledError:
            if self._writer is not None and self._writer.done() and not self._writer.cancelled():
                self._writer.result()
            raise
        return None if response is _EOF else response

    async def _failure(self) -> ServerError:
        """Why the call has ended. That is known behind the last answer, so the unread ones are kept for later."""
        try:
            async with self._reading:
                while (response := await self._read()) is not None:
                    self._unread.append(response)
        except ServerError as error:
            return error
        return stream_ended()
