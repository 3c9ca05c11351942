"""Snapshots in the memory of the process: they end with it."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from service.agenda import Agenda
from service.stores.store import Claim, Entry, Write, first_epoch


@dataclass(slots=True)
class _Kept:
    epoch: int
    data: bytes | None
    until: float
    listing: bytes = b""


class MemoryStore:
    """A dictionary."""

    name = "memory"

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: dict[str, _Kept] = {}
        self._over: Agenda[str] = Agenda(grain=10.0)

    def __len__(self) -> int:
        return len(self._kept)

    async def claim(self, session_id: str, lifetime: float) -> Entry:
        """Become the owner."""
        found = self._living(session_id)
        kept = _Kept(found.epoch + 1, found.data, 0.0, found.listing) if found else _Kept(first_epoch(), None, 0.0)
        self._until(session_id, kept, lifetime)
        self._kept[session_id] = kept
        return Entry(kept.epoch, kept.data)

    async def write(self, writes: Sequence[Write]) -> list[bool]:
        """Write snapshots."""
        return [self._write(each) for each in writes]

    async def renew(self, claims: Sequence[Claim]) -> list[bool]:
        """Keep sessions longer."""
        return [self._renew(each) for each in claims]

    async def read(self, session_id: str) -> Entry | None:
        """The latest of a session."""
        found = self._living(session_id)
        return Entry(found.epoch, found.data) if found else None

    async def remaining(self, session_id: str) -> float | None:
        """Seconds that a session is still kept."""
        found = self._living(session_id)
        return found.until - self._clock() if found else None

    async def listed(self) -> list[tuple[str, bytes]]:
        """All sessions that have a snapshot."""
        now = self._clock()
        return [(each, kept.listing) for each, kept in self._kept.items() if kept.data is not None and kept.until > now]

    async def erase(self, session_id: str, epoch: int | None = None) -> bool:
        """Forget a session."""
        found = self._living(session_id)
        if found is None or epoch not in (None, found.epoch):
            return False
        del self._kept[session_id]
        self._over.drop(session_id)
        return True

    async def purge(self) -> None:
        """Nothing is left behind."""

    async def expire(self) -> int:
        """Forget sessions whose time is over."""
        over = self._over.due(self._clock())
        for session_id in over:
            del self._kept[session_id]
        return len(over)

    async def incarnation(self) -> str:
        """Always the same: it forgets nothing but what is over."""
        return self.name

    async def close(self) -> None:
        """Nothing is held."""

    def _write(self, write: Write) -> bool:
        found = self._living(write.session_id)
        if found is None or found.epoch != write.epoch:
            return False
        found.data, found.listing = write.data, write.listing
        self._until(write.session_id, found, write.lifetime)
        return True

    def _renew(self, claim: Claim) -> bool:
        found = self._living(claim.session_id)
        if found is None or claim.epoch not in (None, found.epoch):
            return False
        self._until(claim.session_id, found, claim.lifetime)
        return True

    def _until(self, session_id: str, kept: _Kept, lifetime: float) -> None:
        kept.until = self._clock() + lifetime
        self._over.put(session_id, kept.until)

    def _living(self, session_id: str) -> _Kept | None:
        found = self._kept.get(session_id)
        return found if found and found.until > self._clock() else None
