"""The requests of a session that may have to be sent again: kept until they are safe, in bounded room."""

from __future__ import annotations

from collections import deque
from typing import Any

from hiddenstate.errors import ServerError

MAX_REQUESTS = 1024
"""Requests that are kept until they are safe; a faster caller is made to wait."""
MAX_BYTES = 16 << 20
MAX_UNSENT = 64
"""Requests that may wait to be sent in a session that cannot be resumed, of which none is kept."""


class Replay:
    """Numbered requests, in order: `add` and `next` take them through, `trim` drops those that are safe, `rewind`
    goes back. One that is `full` takes no more for now; nothing is ever dropped to make room.
    """

    def __init__(self) -> None:
        self.durable = 0
        self.keeping = True
        self._sent: deque[Any] = deque()
        self._unsent: deque[Any] = deque()
        self._next = 1
        self._bytes = 0

    @property
    def full(self) -> bool:
        """Whether the next request has to wait."""
        if not self.keeping:
            return len(self._unsent) >= MAX_UNSENT
        return len(self._sent) + len(self._unsent) >= MAX_REQUESTS or self._bytes >= MAX_BYTES

    @property
    def all_sent(self) -> bool:
        """Whether nothing waits to be sent."""
        return not self._unsent

    def add(self, request: Any) -> None:
        """The next request in order. One that the server has is only kept, one that is safe not even that."""
        if request.sequence_number <= self.durable:
            return
        (self._sent if request.sequence_number < self._next else self._unsent).append(request)
        self._bytes += request.ByteSize()

    def next(self) -> Any | None:
        """The next request to send; None when all are sent."""
        if not self._unsent:
            return None
        request = self._unsent.popleft()
        self._next = request.sequence_number + 1
        if self.keeping:
            self._sent.append(request)
        return request

    def trim(self, durable: int) -> None:
        """All requests up to this number are safe."""
        self.durable = max(self.durable, durable)
        for requests in (self._sent, self._unsent):
            while requests and requests[0].sequence_number <= self.durable:
                self._bytes -= requests.popleft().ByteSize()

    def rewind(self, number: int) -> None:
        """Go on with the request of this number. Raises ServerError when it was safe, and is not any more."""
        if number <= self.durable:
            message = f"the server lost messages {number} to {self.durable}, of which it had said that they were safe"
            raise ServerError("DATA_LOSS", "MESSAGES_LOST", message)
        requests = (*self._sent, *self._unsent)
        self._sent = deque(each for each in requests if each.sequence_number < number)
        self._unsent = deque(each for each in requests if each.sequence_number >= number)
        self._next = number

    def forget(self) -> None:
        """The session cannot be resumed: keep nothing that was sent."""
        self.keeping = False
        self._sent.clear()
