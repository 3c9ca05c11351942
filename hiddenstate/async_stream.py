"""A stream over asyncio."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakSet

import grpc
import grpc.aio
from grpc._cython import cygrpc  # type: ignore[attr-defined]  # missing in the stubs

from hiddenstate.connection import Calling, raised, stream_ended, time_left
from hiddenstate.errors import ServerError
from hiddenstate.protocol import Rpc, StreamProtocol

_EOF: object = grpc.aio.EOF  # type: ignore[attr-defined]  # missing in the stubs


@dataclass
class AsyncConnection(Calling):
    """To be called with asyncio."""

    streams: WeakSet[AsyncStream] = field(default_factory=WeakSet)

    async def close(self) -> None:
        """End all calls. gRPC itself would only end those that a task awaits just now."""
        self.closed = True
        for stream in tuple(self.streams):
            stream.cancel()
        await self.channel.close(None)

    async def call(self, rpc: Rpc, request: Any) -> Any:
        """One request, one response. Raises ServerError."""
        invoke: Any = self.channel.unary_unary(rpc.path, rpc.request.SerializeToString, rpc.response.FromString)
        try:
            return await invoke(request, metadata=self.metadata)
        except grpc.RpcError as error:
            raise raised(error, self.address, opened=False) from None


class AsyncStream:
    """One session, over as many bidirectional calls as it takes.

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
        self._connection = connection
        self._attempts = connection.attempts()
        self._deadline = None if timeout is None else time.monotonic() + timeout
        self._changed = asyncio.Event()
        self._reading = asyncio.Lock()
        self._unread: deque[tuple[str, Any]] = deque()
        self._all_said = False
        self._closed = False
        self._over = False
        self._source: asyncio.Future[None] | None = None
        if first is not None:
            protocol.add(first)
        self._invoke()
        connection.streams.add(self)
        if requests is not None:
            self._source = asyncio.ensure_future(self._say_all(requests))

    async def started(self) -> None:
        """Of a session that goes on, wait for where it stands, to number messages from there. Raises ServerError."""
        if self.protocol.resumes:
            async with self._reading:
                while not self.protocol.attached and await self._read():
                    pass
            self.protocol.number_on()

    async def send(self, request: Any) -> None:
        """Send a request; waits while the server is behind. Raises ServerError when the stream has failed."""
        while True:
            if self._is_broken:
                await self._mend()
            if not self.protocol.replay.full:
                self._add(request)
                return
            self._connection.waits(self.protocol)
            if self.protocol.replay.keeping and not self._reading.locked():
                # What is kept has to become safe, which an answer tells.
                async with self._reading:
                    if not await self._read():
                        raise stream_ended()
            else:
                await self._change()

    async def receive(self) -> tuple[str, Any] | None:
        """The next answer of the task, by the name of its content; None at the end. Raises ServerError."""
        self.protocol.handled()
        if self.protocol.acknowledgement_due:
            self._notify()
        async with self._reading:
            while not self._unread:
                if not await self._read():
                    return None
            return self._unread.popleft()

    def cancel(self) -> None:
        """End the call now, unless it has ended already; answers on their way are lost."""
        self._closed = True
        self._call.cancel()
        for task in (self._source, self._writer):
            if task is not None:
                task.cancel()

    async def __aiter__(self) -> AsyncIterator[tuple[str, Any]]:
        """All answers up to the end."""
        while answer := await self.receive():
            yield answer

    def _add(self, request: Any) -> None:
        self.protocol.add(request)
        self._notify()

    def _notify(self) -> None:
        """Wake all that wait for a change."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def _change(self) -> None:
        """Wait for what was sent or received next, or for the end of the call."""
        await self._changed.wait()

    async def _say_all(self, requests: AsyncIterable[Any]) -> None:
        """Take all requests of the caller's iterable; what goes wrong in it is raised where the caller receives."""
        try:
            async for request in requests:
                while request.sequence_number and self.protocol.replay.full:
                    if self._is_final():
                        return  # Whoever receives is told why.
                    self._connection.waits(self.protocol)
                    await self._change()
                self._add(request)
            self._all_said = True
            self._notify()
        except Exception:
            self._call.cancel()
            raise

    @property
    def _is_broken(self) -> bool:
        """Whether nothing more can be sent on the call in use."""
        return self._unwritable or self._call.done()

    def _is_final(self) -> bool:
        """Whether the call has ended, and no other one can follow."""
        return self._closed or self._over or (self._call.done() and not self.protocol.resumes)

    def _invoke(self) -> None:
        """Begin another call. Raises ServerError when there is no time left for it."""
        rpc, connection = self.protocol.rpc, self._connection
        invoke: Any = connection.channel.stream_stream(rpc.path, rpc.request.SerializeToString, rpc.response.FromString)
        metadata = (*connection.metadata, *self.protocol.metadata())
        self._call: Any = invoke(timeout=time_left(self._deadline), metadata=metadata)
        self._call.add_done_callback(lambda _: self._notify())
        self._unwritable = False
        self._writer = asyncio.ensure_future(self._write_all(self._call))

    async def _write_all(self, call: Any) -> None:
        """Send what is to be sent on a call, for as long as it is the one in use."""
        await call._metadata_sent.wait()
        while call is self._call and not self._is_broken:
            request = self.protocol.next_request()
            if request is not None:
                if not await _written(call, request):
                    self._unwritable = call is self._call
                self._notify()
            elif self._all_said and self.protocol.closes:
                with contextlib.suppress(grpc.RpcError, cygrpc.InternalError):
                    await call.done_writing()
                return
            else:
                await self._change()

    async def _read(self) -> bool:
        """Take one response, resuming as often as it takes; false at the end.

        Raises ServerError, or what went wrong in the caller's iterable.
        """
        while True:
            try:
                response = await self._call.read()
            except grpc.RpcError as error:
                await self._resume(self._error_of(error))
                continue
            except asyncio.CancelledError:
                if self._source is not None and self._source.done() and not self._source.cancelled():
                    self._source.result()
                if self._closed or not self.protocol.resumes or _is_cancelled():
                    raise
                # Whoever received before was cancelled, and that cancels a call.
                await self._resume(ServerError("CANCELLED", "", "the call was cancelled"))
                continue
            self._over = response is _EOF
            if not self._over:
                await self._take(response)
            return not self._over

    async def _take(self, response: Any) -> None:
        """Keep an answer for whoever receives; carry out what is for the session itself."""
        protocol, was_attached = self.protocol, self.protocol.attached
        try:
            content = protocol.accept(response)
        except ServerError:
            self.cancel()
            raise
        self._notify()
        if content is not None:
            self._unread.append((content, response))
        elif protocol.moves is not None and self._connection.limits:
            self._call.cancel()
            await self._resume(protocol.moves)
        elif protocol.attached and not was_attached:
            self._connection.opened(protocol, self._attempts)

    async def _resume(self, error: ServerError) -> None:
        """Begin another call once it is time to. Raises what ended the one before if there is to be none."""
        self._over = True
        if self._is_closed():
            raise error from None
        wait = self._connection.wait(self.protocol, self._attempts, error)
        self._unread.clear()  # What was read ahead comes again.
        self._writer.cancel()
        await asyncio.sleep(wait)
        if self._is_closed():
            raise error from None
        self.protocol.begin_again()
        self._invoke()
        self._over = False
        self._notify()

    async def _mend(self) -> None:
        """Read until there is a call again that can be written to. Raises what ended the last one.

        What was answered before is kept for later: grpc.aio tells the status behind it.
        """
        async with self._reading:
            while self._is_broken:
                if not await self._read():
                    raise stream_ended()

    def _is_closed(self) -> bool:
        return self._closed or self._connection.closed

    def _error_of(self, error: Any) -> ServerError:
        return raised(error, self._connection.address, opened=self.protocol.attached)


def _is_cancelled() -> bool:
    """Whether it is the caller's own task that is being cancelled."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _written(call: Any, request: Any) -> bool:
    """Send one request; false when the call has ended.

    Not by `call.write`: when the server ends the call while one is being sent, that puts an error of its own in the
    place of the server's and drops the answers that were not read yet.
    """
    try:
        await call._cython_call.send_serialized_message(request.SerializeToString())
    except cygrpc.InternalError:
        return False
    return True
