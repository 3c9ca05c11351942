"""Snapshots in Redis, shared by all servers that use it; they survive what its own persistence survives."""

from collections.abc import Sequence
from typing import Any

from service.stores.store import Claim, Entry, StoreError, Write, first_epoch

_CLAIM = """
local epoch = tonumber(ARGV[2])
if redis.call('HSETNX', KEYS[1], 'epoch', ARGV[2]) == 0 then epoch = redis.call('HINCRBY', KEYS[1], 'epoch', 1) end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return {epoch, redis.call('HGET', KEYS[1], 'data')}
"""
_WRITE = """
local done = {}
for place, key in ipairs(KEYS) do
  local epoch, data, lifetime, listing = unpack(ARGV, 4 * place - 3, 4 * place)
  done[place] = 0
  if redis.call('HGET', key, 'epoch') == epoch then
    redis.call('HSET', key, 'data', data, 'listing', listing)
    redis.call('PEXPIRE', key, lifetime)
    done[place] = 1
  end
end
return done
"""
_RENEW = """
if ARGV[1] ~= '' and redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""
_ERASE = """
if ARGV[1] ~= '' and redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
"""

CONNECTIONS = 32
"""At once; whoever needs one more waits, as when all clients of a server that was lost come back together."""
SCANNED_TOGETHER = 1000
WRITTEN_TOGETHER = 64
"""Snapshots of one script: whatever else wants something of Redis waits for it."""


class RedisStore:
    """Scripts keep each compare-and-set whole; writes of one call go out in one pipeline. Redis forgets by itself."""

    name = "redis"

    def __init__(self, url: str, *, prefix: str = "hiddenstate:session:", timeout: float = 5.0) -> None:
        """`url`: such as redis://localhost:6379/0. `timeout`: seconds for one exchange. Raises StoreError."""
        try:
            from redis.asyncio import BlockingConnectionPool, Redis
            from redis.exceptions import RedisError
        except ImportError as error:
            raise StoreError("the Redis store needs the package redis: pip install 'hiddenstate[redis]'") from error
        self._failures = (RedisError, OSError, TimeoutError)
        self._prefix = prefix
        try:
            limits = {"socket_timeout": timeout, "socket_connect_timeout": timeout}
            pool = BlockingConnectionPool.from_url(url, max_connections=CONNECTIONS, timeout=timeout, **limits)
            self._redis: Any = Redis.from_pool(pool)
        except ValueError as error:
            raise StoreError(f"{url!r} is no address of Redis: {error}") from error

    async def claim(self, session_id: str, lifetime: float) -> Entry:
        """Become the owner."""
        values = _milliseconds(lifetime), first_epoch()
        epoch, data = await self._do(self._redis.eval(_CLAIM, 1, self._key(session_id), *values))
        return Entry(int(epoch), data)

    async def write(self, writes: Sequence[Write]) -> list[bool]:
        """Write snapshots in one pipeline."""
        pipeline = self._redis.pipeline(transaction=False)
        for start in range(0, len(writes), WRITTEN_TOGETHER):
            part = writes[start : start + WRITTEN_TOGETHER]
            values: list[Any] = [self._key(session_id) for session_id, *_ in part]
            for _, epoch, data, lifetime, listing in part:
                values += (epoch, data, _milliseconds(lifetime), listing)
            pipeline.eval(_WRITE, len(part), *values)
        return [bool(done) for part_done in await self._do(pipeline.execute()) for done in part_done]

    async def renew(self, claims: Sequence[Claim]) -> list[bool]:
        """Keep sessions longer, in one pipeline."""
        pipeline = self._redis.pipeline(transaction=False)
        for session_id, epoch, lifetime in claims:
            pipeline.eval(_RENEW, 1, self._key(session_id), _said(epoch), _milliseconds(lifetime))
        return [bool(done) for done in await self._do(pipeline.execute())]

    async def read(self, session_id: str) -> Entry | None:
        """The latest of a session."""
        epoch, data = await self._do(self._redis.hmget(self._key(session_id), "epoch", "data"))
        return None if epoch is None else Entry(int(epoch), data)

    async def remaining(self, session_id: str) -> float | None:
        """Seconds that a session is still kept."""
        milliseconds = await self._do(self._redis.pttl(self._key(session_id)))
        return milliseconds / 1000 if milliseconds >= 0 else None

    async def listed(self) -> list[tuple[str, bytes]]:
        """All sessions that have a snapshot, found by a scan over all keys."""
        listed: list[tuple[str, bytes]] = await self._do(self._scanned())
        return listed

    async def _scanned(self) -> list[tuple[str, bytes]]:
        found, cursor = [], 0
        while True:
            cursor, keys = await self._redis.scan(cursor, f"{self._prefix}*", SCANNED_TOGETHER)
            pipeline = self._redis.pipeline(transaction=False)
            for key in keys:
                pipeline.hget(key, "listing")
            listings = await pipeline.execute() if keys else []
            names = [key.decode().removeprefix(self._prefix) for key in keys]
            found += [(name, listing) for name, listing in zip(names, listings, strict=True) if listing is not None]
            if not cursor:
                # A scan may give a key twice.
                return list(dict(found).items())

    async def erase(self, session_id: str, epoch: int | None = None) -> bool:
        """Forget a session."""
        return bool(await self._do(self._redis.eval(_ERASE, 1, self._key(session_id), _said(epoch))))

    async def purge(self) -> None:
        """What its append-only file holds is gone when Redis rewrites it; that is in the hands of who runs it."""

    async def expire(self) -> int:
        """Redis does it."""
        return 0

    async def incarnation(self) -> str:
        """Redis draws another number with each start."""
        return str((await self._do(self._redis.info("server")))["run_id"])

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    def _key(self, session_id: str) -> str:
        return f"{self._prefix}{session_id}"

    async def _do(self, work: Any) -> Any:
        try:
            return await work
        except self._failures as error:
            raise StoreError(f"Redis: {error}") from error


def _said(epoch: int | None) -> int | str:
    return "" if epoch is None else epoch


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))
