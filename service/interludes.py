"""Work between two ticks, when no step is in flight."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


class Interludes:
    """What waits for the end of the tick; its owner runs it then."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Callable[[], Any], asyncio.Future[Any]]] = deque()

    def add(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """Do this when it is time; the future has its result."""
        waiting: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append((work, waiting))
        return waiting

    def run(self) -> None:
        """It is time. Work that nobody waits for any more is left out."""
        while self._waiting:
            work, waiting = self._waiting.popleft()
            if waiting.done():
                continue
            try:
                waiting.set_result(work())
            except Exception as error:
                waiting.set_exception(error)
