"""Snapshots in one SQLite file, which survives the process. In WAL mode: a kill loses nothing that was written.

With `synchronous=NORMAL` SQLite syncs to the disk at checkpoints of its log: after a power cut the latest writes may
be missing, never torn, and clients send again what was not durable; `FULL` syncs at every write.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal, TypeVar

from service.stores.store import Entry, StoreError, Write

T = TypeVar("T")
_SCHEMA = """
CREATE TABLE IF NOT EXISTS sessions (id TEXT PRIMARY KEY, epoch INTEGER NOT NULL, data BLOB, until REAL NOT NULL)
"""
_CLAIM = """
INSERT INTO sessions (id, epoch, data, until) VALUES (:id, 1, NULL, :until)
ON CONFLICT (id) DO UPDATE SET
  epoch = epoch + 1, data = CASE WHEN until > :now THEN data END, until = :until
RETURNING epoch, data
"""
_WRITE = "UPDATE sessions SET data = ?, until = ? WHERE id = ? AND epoch = ? AND until > ?"


class FileStore:
    """Calls to SQLite run in one thread of their own, one after the other."""

    name = "file"

    def __init__(
        self,
        path: Path,
        *,
        synchronous: Literal["normal", "full"] = "normal",
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Opens the file, or makes it. Raises StoreError."""
        self._path = path
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(path, isolation_level=None, timeout=5.0, check_same_thread=False)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute(f"PRAGMA synchronous={synchronous}")
            self._database.execute(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            self._thread.shutdown()
            raise StoreError(f"the file store {path} cannot be opened: {error}") from error

    async def claim(self, session_id: str, lifetime: float) -> Entry:
        """Become the owner."""
        return await self._do(lambda: self._claim(session_id, lifetime))

    async def write(self, writes: Sequence[Write]) -> list[bool]:
        """Write snapshots in one transaction."""
        return await self._do(lambda: self._write(writes))

    async def read(self, session_id: str) -> Entry | None:
        """The latest of a session."""
        statement = "SELECT epoch, data FROM sessions WHERE id = ? AND until > ?"
        row = await self._do(lambda: self._database.execute(statement, (session_id, self._clock())).fetchone())
        return Entry(*row) if row else None

    async def erase(self, session_id: str, epoch: int | None = None) -> bool:
        """Forget a session."""
        statement = "DELETE FROM sessions WHERE id = ? AND until > ? AND (? IS NULL OR epoch = ?)"
        values = (session_id, self._clock(), epoch, epoch)
        return await self._do(lambda: self._database.execute(statement, values).rowcount > 0)

    async def expire(self) -> int:
        """Forget sessions whose time is over."""
        statement = "DELETE FROM sessions WHERE until <= ?"
        return await self._do(lambda: self._database.execute(statement, (self._clock(),)).rowcount)

    async def close(self) -> None:
        """Close the file."""
        await self._do(self._database.close)
        self._thread.shutdown()

    def _claim(self, session_id: str, lifetime: float) -> Entry:
        now = self._clock()
        values = {"id": session_id, "now": now, "until": now + lifetime}
        return Entry(*self._database.execute(_CLAIM, values).fetchall()[0])

    def _write(self, writes: Sequence[Write]) -> list[bool]:
        now = self._clock()
        self._database.execute("BEGIN IMMEDIATE")
        try:
            done = [
                self._database.execute(_WRITE, (data, now + lifetime, session_id, epoch, now)).rowcount > 0
                for session_id, epoch, data, lifetime in writes
            ]
            self._database.execute("COMMIT")
        except BaseException:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            raise
        return done

    async def _do(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except (sqlite3.Error, RuntimeError) as error:
            raise StoreError(f"the file store {self._path}: {error}") from error
