"""A stream over blocking gRPC: the caller's thread receives and resumes, gRPC's own thread sends."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import grpc

from hiddenstate.connection import Calling, raised, stream_ended, time_left
from hiddenstate.errors import ServerError
from hiddenstate.protocol import Rpc, StreamProtocol

CHECK_SECONDS = 0.1


class Connection(Calling):
    """To be called with blocking gRPC."""

    def call(self, rpc: Rpc, request: Any) -> Any:
        """One request, one response. Raises ServerError."""
        invoke = self.channel.unary_unary(rpc.path, rpc.request.SerializeToString, rpc.response.FromString)
        try:
            return invoke(request, metadata=self.metadata)
        except grpc.RpcError as error:
            raise raised(error, self.address, opened=False) from None


class Stream:
    """One session, over as many bidirectional calls as it takes.

    Requests come from `requests` when given, read by a thread of their own as fast as the server takes them; else from
    `send`.
    """

    def __init__(
        self,
        connection: Connection,
        protocol: StreamProtocol,
        timeout: float | None,
        requests: Iterable[Any] | None = None,
    ) -> None:
        self.protocol = protocol
        self._connection = connection
        self._attempts = connection.attempts()
        self._deadline = None if timeout is None else time.monotonic() + timeout
        self._changed = threading.Condition()
        self._reading = threading.Lock()
        self._unread: deque[tuple[str, Any]] = deque()
        self._failed_source: Exception | None = None
        self._all_said = False
        self._closed = False
        self._number = 0
        self._invoke()
        if requests is not None:
            threading.Thread(target=self._say_all, args=(requests,), name="hiddenstate-requests", daemon=True).start()

    def send(self, request: Any) -> None:
        """Send a request; waits while the server is behind. Raises ServerError when the stream has failed."""
        while not self._say(request):
            # What is kept has to become safe, which an answer tells.
            if self.protocol.replay.keeping and self._reading.acquire(blocking=False):
                try:
                    if not self._read():
                        raise stream_ended()
                finally:
                    self._reading.release()
            else:
                with self._changed:
                    self._changed.wait(CHECK_SECONDS)

    def open(self, config: Any) -> None:
        """Send the config; of a session that goes on, wait for where it stands, to number messages from there."""
        self.send(config)
        if self.protocol.resumes:
            with self._reading:
                while not self.protocol.attached and self._read():
                    pass
            self.protocol.number_on()

    def receive(self) -> tuple[str, Any] | None:
        """The next answer of the task, by the name of its content; None at the end. Raises ServerError."""
        self.protocol.handled()
        if self.protocol.acknowledgement_due:
            with self._changed:
                self._changed.notify_all()
        with self._reading:
            while not self._unread:
                if not self._read():
                    return None
            return self._unread.popleft()

    def cancel(self) -> None:
        """End the call now, unless it has ended already; answers on their way are lost."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._call.cancel()

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        """All answers up to the end."""
        return iter(self.receive, None)

    def _say(self, request: Any) -> bool:
        """Take a request to be sent; false when it has to wait. Raises ServerError when the stream has failed."""
        with self._changed:
            if self._call_over and (failure := self._failure()) is not None:
                raise failure
            if request.sequence_number and self.protocol.replay.full:
                self._connection.waits(self.protocol)
                return False
            self.protocol.add(request)
            self._changed.notify_all()
            return True

    def _failure(self) -> ServerError | None:
        """Why nothing can be sent any more; None where the session will be resumed by whoever reads."""
        if self._call.code() is grpc.StatusCode.OK:
            return stream_ended()
        error = self._error_of(self._call)
        goes_on = self._connection.limits and not self._is_closed() and self.protocol.can_go_on(error)
        return None if goes_on else error

    def _say_all(self, requests: Iterable[Any]) -> None:
        """Take all requests of the caller's iterable; what goes wrong in it is raised where the caller receives."""
        try:
            for request in requests:
                while not self._say(request):
                    with self._changed:
                        self._changed.wait(CHECK_SECONDS)
            with self._changed:
                self._all_said = True
                self._changed.notify_all()
        except ServerError:
            pass  # Whoever receives is told the same.
        except Exception as error:
            self._failed_source = error
            self._call.cancel()

    def _invoke(self) -> None:
        """Begin another call. Raises ServerError when there is no time left for it."""
        left = time_left(self._deadline)
        rpc, connection = self.protocol.rpc, self._connection
        with self._changed:
            self._number += 1
            self._call_over = False
            if self._number > 1:
                self.protocol.begin_again()
            self._changed.notify_all()
        invoke = connection.channel.stream_stream(rpc.path, rpc.request.SerializeToString, rpc.response.FromString)
        metadata = (*connection.metadata, *self.protocol.metadata())
        self._call: Any = invoke(self._requests(self._number), timeout=left, metadata=metadata)
        ended = partial(self._ended, self._number)
        if not self._call.add_callback(ended):
            ended()

    def _requests(self, number: int) -> Iterator[Any]:
        """What is sent on a call, for as long as it is the one in use."""
        while True:
            with self._changed:
                while (request := None if self._is_over(number) else self.protocol.next_request()) is None:
                    if self._is_over(number) or (self._all_said and self.protocol.closes):
                        return
                    self._changed.wait()
            yield request

    def _is_over(self, number: int) -> bool:
        return number != self._number or self._call_over or self._closed

    def _ended(self, number: int) -> None:
        """A call has ended: gRPC's sending thread, and whoever waits to send, have to know."""
        with self._changed:
            if number == self._number:
                self._call_over = True
                self._changed.notify_all()

    def _read(self) -> bool:
        """Take one response, resuming as often as it takes; false at the end. Raises ServerError."""
        while True:
            try:
                response = next(self._call, None)
            except grpc.RpcError as error:
                self._resume(self._error_of(error))
                continue
            if response is not None:
                self._take(response)
            return response is not None

    def _take(self, response: Any) -> None:
        """Keep an answer for whoever receives; carry out what is for the session itself."""
        protocol, was_attached = self.protocol, self.protocol.attached
        try:
            with self._changed:
                content = protocol.accept(response)
                self._changed.notify_all()
        except ServerError:
            self.cancel()
            raise
        if content is not None:
            self._unread.append((content, response))
        elif protocol.moves is not None and self._connection.limits:
            self._call.cancel()
            self._resume(protocol.moves)
        elif protocol.attached and not was_attached:
            self._connection.opened(protocol, self._attempts)

    def _resume(self, error: ServerError) -> None:
        """Begin another call once it is time to. Raises what ended the one before if there is to be none."""
        if self._failed_source is not None:
            raise self._failed_source from None
        if self._is_closed():
            raise error from None
        wait = self._connection.wait(self.protocol, self._attempts, error)
        self._unread.clear()  # What was read ahead comes again.
        with self._changed:
            self._changed.wait_for(self._is_closed, wait)
        if self._is_closed():
            raise error from None
        self._invoke()

    def _is_closed(self) -> bool:
        return self._closed or self._connection.closed

    def _error_of(self, error: Any) -> ServerError:
        return raised(error, self._connection.address, opened=self.protocol.attached)
