"""A stream over blocking gRPC: the caller's thread receives, gRPC's own thread sends."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from queue import Empty, Full, Queue
from typing import Any

import grpc

from hiddenstate.errors import ServerError, server_error
from hiddenstate.protocol import Rpc, StreamProtocol

OUTBOX_SIZE = 64
"""Requests that may wait to be sent; a faster caller is made to wait."""
CHECK_SECONDS = 0.1


@dataclass(frozen=True)
class Connection:
    """An open channel and the address it leads to."""

    channel: grpc.Channel
    address: str
    metadata: tuple[tuple[str, str], ...] = ()

    def call(self, rpc: Rpc, request: Any) -> Any:
        """One request, one response. Raises ServerError."""
        invoke = self.channel.unary_unary(rpc.path, rpc.request.SerializeToString, rpc.response.FromString)
        try:
            return invoke(request, metadata=self.metadata)
        except grpc.RpcError as error:
            raise raised(error, self.address, opened=False) from None


class Stream:
    """One bidirectional call of a session.

    Requests come from `requests` when given, and are then read as fast as the server takes them; else from `send`.
    """

    def __init__(
        self,
        connection: Connection,
        protocol: StreamProtocol,
        timeout: float | None,
        requests: Iterable[Any] | None = None,
    ) -> None:
        self.protocol = protocol
        self._address = connection.address
        self._outbox: Queue[Any] = Queue(OUTBOX_SIZE)
        rpc = protocol.rpc
        invoke = connection.channel.stream_stream(rpc.path, rpc.request.SerializeToString, rpc.response.FromString)
        metadata = (*connection.metadata, *protocol.metadata())
        self._failed_source: Exception | None = None
        source = self._guarded(requests) if requests is not None else iter(self._outbox.get, None)
        self._call: Any = invoke(source, timeout=timeout, metadata=metadata)
        if not self._call.add_callback(self._stop_sending):
            self._stop_sending()

    def send(self, request: Any) -> None:
        """Send a request; waits while the server is behind. Raises ServerError when the stream has failed."""
        while self._call.is_active():
            with contextlib.suppress(Full):
                self._outbox.put(request, timeout=CHECK_SECONDS)
                return
        raise self._failure()

    def receive(self) -> tuple[str, Any] | None:
        """The next answer of the task, by the name of its content; None at the end. Raises ServerError."""
        try:
            for response in self._call:
                if content := self.protocol.accept(response):
                    return content, response
        except grpc.RpcError as error:
            if self._failed_source is not None:
                raise self._failed_source from None
            raise raised(error, self._address, opened=self.protocol.opened is not None) from None
        return None

    def cancel(self) -> None:
        """End the call now, unless it has ended already; answers on their way are lost."""
        self._call.cancel()

    def _guarded(self, requests: Iterable[Any]) -> Iterator[Any]:
        """The requests; what goes wrong in the caller's iterable is raised where the caller receives."""
        try:
            yield from requests
        except Exception as error:
            self._failed_source = error
            raise

    def _failure(self) -> ServerError:
        if self._call.code() is grpc.StatusCode.OK:
            return stream_ended()
        return raised(self._call, self._address, opened=self.protocol.opened is not None)

    def _stop_sending(self) -> None:
        """Let gRPC's sending thread end with the call: it waits at the outbox."""
        while True:
            with contextlib.suppress(Full):
                self._outbox.put_nowait(None)
                return
            with contextlib.suppress(Empty):
                self._outbox.get_nowait()

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        """All answers up to the end."""
        return iter(self.receive, None)


def stream_ended() -> ServerError:
    """The error of using a stream that has ended without one."""
    return ServerError("FAILED_PRECONDITION", "STREAM_ENDED", "this stream has ended: open a new session")


def raised(error: Any, address: str, *, opened: bool) -> ServerError:
    """The ServerError of a call that failed; it carries its own code, details and trailers."""
    trailers = error.trailing_metadata() or ()
    return server_error(error.code(), error.details(), trailers, address=address, opened=opened)
