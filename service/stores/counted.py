"""A store whose calls are counted: how long they take, and how often they fail."""

import time
from collections.abc import Awaitable, Sequence
from typing import TypeVar

from service.metrics import SECONDS, Histogram
from service.session_metrics import SessionCounters
from service.stores.store import Claim, Entry, Store, StoreError, Write

T = TypeVar("T")
OPERATIONS = ("claim", "write", "renew", "read", "list", "erase", "purge", "expire")


class CountedStore:
    """Another store, and its calls counted by their name."""

    def __init__(self, store: Store, counters: SessionCounters) -> None:
        self.name = store.name
        self._store = store
        self._counters = counters
        for operation in OPERATIONS:
            counters.store_errors[operation] = 0
            counters.store_seconds[operation] = Histogram(SECONDS)

    async def claim(self, session_id: str, lifetime: float) -> Entry:
        """Become the owner."""
        return await self._counted("claim", self._store.claim(session_id, lifetime))

    async def write(self, writes: Sequence[Write]) -> list[bool]:
        """Write snapshots."""
        return await self._counted("write", self._store.write(writes))

    async def renew(self, claims: Sequence[Claim]) -> list[bool]:
        """Keep sessions longer."""
        return await self._counted("renew", self._store.renew(claims))

    async def read(self, session_id: str) -> Entry | None:
        """The latest of a session."""
        return await self._counted("read", self._store.read(session_id))

    async def remaining(self, session_id: str) -> float | None:
        """Seconds that a session is still kept."""
        return await self._counted("read", self._store.remaining(session_id))

    async def listed(self) -> list[tuple[str, bytes]]:
        """All sessions that have a snapshot."""
        return await self._counted("list", self._store.listed())

    async def erase(self, session_id: str, epoch: int | None = None) -> bool:
        """Forget a session."""
        return await self._counted("erase", self._store.erase(session_id, epoch))

    async def purge(self) -> None:
        """Leave nothing behind of what was erased."""
        await self._counted("purge", self._store.purge())

    async def expire(self) -> int:
        """Forget sessions whose time is over."""
        return await self._counted("expire", self._store.expire())

    async def incarnation(self) -> str:
        """Who the store is."""
        return await self._counted("read", self._store.incarnation())

    async def close(self) -> None:
        """Let go of the store."""
        await self._store.close()

    async def _counted(self, operation: str, work: Awaitable[T]) -> T:
        began = time.perf_counter()
        try:
            return await work
        except StoreError:
            self._counters.store_errors[operation] += 1
            raise
        finally:
            self._counters.store_seconds[operation].add(time.perf_counter() - began)
