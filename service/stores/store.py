"""What every store offers: the latest snapshot of each session, and who may write the next one."""

import secrets
from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Entry(NamedTuple):
    """A session in a store. `epoch`: that of its owner; `data`: None before the first snapshot was written."""

    epoch: int
    data: bytes | None


class Claim(NamedTuple):
    """Ownership of a session, to be kept `lifetime` seconds more; `epoch` None: whoever owns it."""

    session_id: str
    epoch: int | None
    lifetime: float


class Write(NamedTuple):
    """A snapshot to be written by the owner of an epoch, and how many seconds it is kept. `listing`: what is told of
    it in a list.
    """

    session_id: str
    epoch: int
    data: bytes
    lifetime: float
    listing: bytes = b""


class Store(Protocol):
    """Snapshots by the id of their session.

    Whoever claims a session gets a new epoch, and from then on nothing can be written with an older one: two servers
    can both believe that they own a session, and only one of them can write. All methods raise StoreError when the
    store cannot be reached.
    """

    name: str

    async def claim(self, session_id: str, lifetime: float) -> Entry:
        """Become the owner: its new epoch, and its latest snapshot. The entry is kept `lifetime` seconds from now."""
        ...

    async def write(self, writes: Sequence[Write]) -> list[bool]:
        """Write snapshots, all at once where the store can; says of each whether its epoch still stood."""
        ...

    async def renew(self, claims: Sequence[Claim]) -> list[bool]:
        """Keep sessions longer, as they are; says of each whether its epoch still stood."""
        ...

    async def read(self, session_id: str) -> Entry | None:
        """The latest of a session, without becoming its owner."""
        ...

    async def remaining(self, session_id: str) -> float | None:
        """Seconds that a session is still kept; None where there is none."""
        ...

    async def listed(self) -> list[tuple[str, bytes]]:
        """All sessions that have a snapshot, and the listing of each, in no order."""
        ...

    async def erase(self, session_id: str, epoch: int | None = None) -> bool:
        """Forget a session, if `epoch` still stands where one is given. Says whether there was one to forget."""
        ...

    async def purge(self) -> None:
        """Leave nothing behind of what was erased, as far as this store can."""
        ...

    async def expire(self) -> int:
        """Forget sessions whose time is over; how many. Nothing to do for a store that forgets by itself."""
        ...

    async def incarnation(self) -> str:
        """Who the store is: another one when it was started anew, and may have forgotten what it was told before."""
        ...

    async def close(self) -> None:
        """Let go of the store."""
        ...


def first_epoch() -> int:
    """That of the first owner of a session; each later one has one more.

    Drawn, so that who owned a session that was forgotten does not own the next one of its name.
    """
    return secrets.randbits(48) + 1


class StoreError(Exception):
    """The store cannot be reached or cannot write; the message says which and why."""
