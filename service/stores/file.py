"""Snapshots in one SQLite file, which survives the process. In WAL mode: a kill loses nothing that was written.

With `synchronous=NORMAL` SQLite syncs to the disk at checkpoints of its log: after a power cut the latest writes may
be missing, never torn, and clients send again what was not durable; `FULL` syncs at every write.
"""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal, TypeVar

from service.stores.store import Claim, Entry, StoreError, Write, first_epoch

T = TypeVar("T")
E = TypeVar("E")
_SCHEMA = """
CREATE TABLE IF NOT EXISTS sessions (
  id TEXT PRIMARY KEY, epoch INTEGER NOT NULL, until REAL NOT NULL, listing BLOB NOT NULL DEFAULT x'', data BLOB
);
CREATE INDEX IF NOT EXISTS sessions_by_until ON sessions (until);
CREATE TABLE IF NOT EXISTS clock (boot TEXT PRIMARY KEY, began REAL NOT NULL);
"""
_CLAIM = """
INSERT INTO sessions (id, epoch, until) VALUES (:id, :first, :until)
ON CONFLICT (id) DO UPDATE SET
  epoch = epoch + 1, data = CASE WHEN until > :now THEN data END, until = :until
RETURNING epoch, data
"""
_RENEW = "UPDATE sessions SET until = ? WHERE id = ? AND until > ? AND (? IS NULL OR epoch = ?)"
_EXPIRE = "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE until <= ? LIMIT ?)"
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
"""Linux alone tells processes apart that ran before the machine was started again."""
_EXPIRED_TOGETHER = 500
"""Sessions forgotten in one transaction: whoever wants to write waits for it."""
_WRITE = "UPDATE sessions SET data = ?, listing = ?, until = ? WHERE id = ? AND epoch = ? AND until > ?"


class FileStore:
    """Calls to SQLite run in one thread of their own, one after the other."""

    name = "file"

    def __init__(
        self,
        path: Path,
        *,
        synchronous: Literal["normal", "full"] = "normal",
        clock: Callable[[], float] | None = None,
    ) -> None:
        """Opens the file, or makes it. Raises StoreError."""
        self._path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(path, isolation_level=None, timeout=5.0, check_same_thread=False)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute(f"PRAGMA synchronous={synchronous}")
            self._database.execute("PRAGMA secure_delete=ON")
            self._database.executescript(_SCHEMA)
            self._clock = clock or steady(self._began())
        except (OSError, sqlite3.Error) as error:
            self._thread.shutdown()
            raise StoreError(f"the file store {path} cannot be opened: {error}") from error

    async def claim(self, session_id: str, lifetime: float) -> Entry:
        """Become the owner."""
        return await self._do(lambda: self._claim(session_id, lifetime))

    async def write(self, writes: Sequence[Write]) -> list[bool]:
        """Write snapshots in one transaction."""
        return await self._do(lambda: self._all(self._write, writes))

    async def renew(self, claims: Sequence[Claim]) -> list[bool]:
        """Keep sessions longer, in one transaction."""
        return await self._do(lambda: self._all(self._renew, claims))

    async def read(self, session_id: str) -> Entry | None:
        """The latest of a session."""
        statement = "SELECT epoch, data FROM sessions WHERE id = ? AND until > ?"
        row = await self._do(lambda: self._database.execute(statement, (session_id, self._clock())).fetchone())
        return Entry(*row) if row else None

    async def remaining(self, session_id: str) -> float | None:
        """Seconds that a session is still kept."""
        statement, now = "SELECT until FROM sessions WHERE id = ? AND until > ?", self._clock()
        row = await self._do(lambda: self._database.execute(statement, (session_id, now)).fetchone())
        return float(row[0]) - now if row else None

    async def listed(self) -> list[tuple[str, bytes]]:
        """All sessions that have a snapshot. On a connection of its own, so that nobody waits who wants to write."""
        try:
            return await asyncio.to_thread(self._listed)
        except sqlite3.Error as error:
            raise StoreError(f"the file store {self._path}: {error}") from error

    def _listed(self) -> list[tuple[str, bytes]]:
        with contextlib.closing(sqlite3.connect(self._path, timeout=5.0)) as database:
            statement = "SELECT id, listing FROM sessions WHERE until > ? AND data IS NOT NULL"
            return database.execute(statement, (self._clock(),)).fetchall()

    async def erase(self, session_id: str, epoch: int | None = None) -> bool:
        """Forget a session."""
        statement = "DELETE FROM sessions WHERE id = ? AND until > ? AND (? IS NULL OR epoch = ?)"
        values = (session_id, self._clock(), epoch, epoch)
        return await self._do(lambda: self._database.execute(statement, values).rowcount > 0)

    async def purge(self) -> None:
        """Empty the log, in which older snapshots are left; in the file itself what is erased is overwritten."""
        await self._do(lambda: self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall())

    async def expire(self) -> int:
        """Forget sessions whose time is over."""
        count = 0
        while True:
            erased = await self._do(self._expire_some)
            count += erased
            if erased < _EXPIRED_TOGETHER:
                return count

    async def incarnation(self) -> str:
        """Always the same: it forgets nothing but what is over."""
        return self.name

    async def close(self) -> None:
        """Close the file."""
        await self._do(self._database.close)
        self._thread.shutdown()

    def _claim(self, session_id: str, lifetime: float) -> Entry:
        now = self._clock()
        values = {"id": session_id, "now": now, "until": now + lifetime, "first": first_epoch()}
        return Entry(*self._database.execute(_CLAIM, values).fetchall()[0])

    def _all(self, change: Callable[[E], bool], each: Sequence[E]) -> list[bool]:
        """Change all or, where the file cannot be written, none."""
        self._database.execute("BEGIN IMMEDIATE")
        try:
            done = [change(one) for one in each]
            self._database.execute("COMMIT")
        except BaseException:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            raise
        return done

    def _write(self, write: Write) -> bool:
        now = self._clock()
        values = write.data, write.listing, now + write.lifetime, write.session_id, write.epoch, now
        return self._database.execute(_WRITE, values).rowcount > 0

    def _expire_some(self) -> int:
        return self._database.execute(_EXPIRE, (self._clock(), _EXPIRED_TOGETHER)).rowcount

    def _renew(self, claim: Claim) -> bool:
        now = self._clock()
        values = now + claim.lifetime, claim.session_id, now, claim.epoch, claim.epoch
        return self._database.execute(_RENEW, values).rowcount > 0

    def _began(self) -> float:
        """When the machine was started, as told by the first that opened this file since then."""
        began = time.time() - time.monotonic()
        if not BOOT_ID.exists():
            return began
        boot = BOOT_ID.read_text(encoding="ascii").strip()
        if (known := self._database.execute("SELECT began FROM clock WHERE boot = ?", (boot,)).fetchone()) is not None:
            return float(
                known[0]
            )  # Nothing is written, so that a process that stands still in a write is no hindrance.
        self._database.execute("INSERT INTO clock VALUES (?, ?) ON CONFLICT DO NOTHING", (boot, began))
        self._database.execute("DELETE FROM clock WHERE boot != ?", (boot,))
        (agreed,) = self._database.execute("SELECT began FROM clock").fetchone()
        return float(agreed)

    async def _do(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except (sqlite3.Error, RuntimeError) as error:
            raise StoreError(f"the file store {self._path}: {error}") from error


def steady(began: float) -> Callable[[], float]:
    """The time of day, going on evenly since the machine was started, in seconds: a clock that is set later ends no
    session before its time, neither for this process nor for those that come after it.
    """
    return lambda: time.monotonic() + began
