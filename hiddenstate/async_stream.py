"""A stream over asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio

from hiddenstate.errors import ServerError, server_error
from hiddenstate.protocol import Rpc, StreamProtocol
from hiddenstate.stream import raised

PLACEHOLDER = "Internal error from Core"
STATUS_CHECKS = 50
STATUS_SECONDS = 0.005

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
        rpc = protocol.rpc
        invoke: Any = connection.channel.stream_stream(rpc.path, rpc.request.SerializeToString, rpc.response.FromString)
        self._call = invoke(timeout=timeout, metadata=(*connection.metadata, *protocol.metadata()))
        self._writer = asyncio.ensure_future(self._write(requests)) if requests is not None else None

    async def started(self) -> None:
        """Send the first request, unless it has been."""
        if self._first is not None:
            first, self._first = self._first, None
            await self.send(first)

    async def send(self, request: Any) -> None:
        """Send a request; waits while the server is behind. Raises ServerError when the stream has failed."""
        await self.started()
        try:
            await self._call.write(request)
        except (grpc.RpcError, asyncio.InvalidStateError):
            raise await self._failure() from None

    async def receive(self) -> tuple[str, Any] | None:
        """The next answer of the task, by the name of its content; None at the end. Raises ServerError."""
        try:
            while (response := await self._call.read()) is not _EOF:
                if content := self.protocol.accept(response):
                    return content, response
        except (grpc.RpcError, asyncio.CancelledError) as error:
            self._raise_writer_failure()
            if isinstance(error, asyncio.CancelledError):
                raise
            raise await self._failure() from None
        return None

    def cancel(self) -> None:
        """End the call now, unless it has ended already; answers on their way are lost."""
        self._call.cancel()
        if self._writer is not None:
            self._writer.cancel()

    async def _write(self, requests: AsyncIterable[Any]) -> None:
        try:
            async for request in requests:
                await self._call.write(request)
            await self._call.done_writing()
        except (grpc.RpcError, asyncio.InvalidStateError):
            pass  # The call has failed: whoever receives is told.
        except Exception:
            self._call.cancel()
            raise

    def _raise_writer_failure(self) -> None:
        """Raise what went wrong in the caller's iterable, if that is why the call ended."""
        if self._writer is not None and self._writer.done() and not self._writer.cancelled():
            self._writer.result()

    async def _failure(self) -> ServerError:
        # A request that could not be sent makes gRPC report an error of its own; the server's replaces it soon after.
        for _ in range(STATUS_CHECKS):
            if await self._call.details() != PLACEHOLDER:
                break
            await asyncio.sleep(STATUS_SECONDS)
        code = await self._call.code()
        if code is grpc.StatusCode.OK:
            return ServerError("FAILED_PRECONDITION", "STREAM_ENDED", "this stream has ended: open a new session")
        details, trailers = await self._call.details(), await self._call.trailing_metadata()
        opened = self.protocol.opened is not None
        return server_error(code, details, trailers or (), address=self._address, opened=opened)

    async def __aiter__(self) -> AsyncIterator[tuple[str, Any]]:
        """All answers up to the end."""
        while answer := await self.receive():
            yield answer
