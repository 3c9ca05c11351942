"""Checkpoints: sessions that went on are written to the store, behind their answers.

A store that is slow or gone stalls no tick; what is durable falls behind and catches up.
"""

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial

import structlog

from service.engine import Engine
from service.kept import Kept, in_use, unavailable
from service.stores.store import Store, StoreError, Write

log = structlog.get_logger()

SLICE = 0.0005
"""Seconds that snapshots may take between two ticks, one snapshot at least: all other sessions wait for them."""
WRITTEN_TOGETHER = 256
"""Snapshots of one call to the store."""


class Checkpoints:
    """Knows which sessions went on since they were written: they say so, and nobody looks at the others."""

    def __init__(
        self,
        store: Store,
        written: Callable[[Kept, int], Write],
        *,
        lost: Callable[[Kept], None],
        done: Callable[[Kept], None],
    ) -> None:
        """`written` makes a snapshot as the owner of an epoch. `lost` is told of sessions that another server owns now,
        `done` of those that have ended and whose answers have all arrived.
        """
        self._store = store
        self._written = written
        self._lost = lost
        self._done = done
        self._due: dict[Kept, None] = {}
        self._on_their_way: set[Kept] = set()
        self._complete = time.monotonic()
        # A snapshot must not overtake a later one of its session.
        self._one_at_a_time = asyncio.Lock()

    async def enter(self, kepts: Sequence[Kept], field: str) -> None:
        """Own new sessions of one engine and write them, all or none of them.

        Raises SESSION_ID_IN_USE, which tells of `field`, or STORE_UNAVAILABLE.
        """
        try:
            for kept in kepts:
                if await self._store.read(kept.label.session_id) is not None:
                    raise in_use(kept.label.session_id, field)
            for kept in kepts:
                kept.epoch = (await self._store.claim(kept.label.session_id, kept.label.idle_timeout)).epoch
            await self._write_all(kepts[0].serving.engine, list(kepts))
        except BaseException as error:
            for kept in kepts:
                if kept.epoch is not None:
                    with contextlib.suppress(StoreError):
                        await self._store.erase(kept.label.session_id, kept.epoch)
            if isinstance(error, StoreError):
                raise unavailable(error) from error
            raise
        for kept in kepts:
            self.watch(kept)

    def watch(self, kept: Kept) -> None:
        """Write a session whenever it has gone on."""
        kept.stream.on_change = partial(self._due.setdefault, kept)

    def drop(self, kept: Kept) -> None:
        """Write it no more."""
        kept.stream.on_change = None
        self._due.pop(kept, None)

    def settled(self, kept: Kept) -> bool:
        """Whether all of a session is in the store. One that is not watched was not written yet."""
        watched = kept.stream.on_change is not None
        return watched and kept not in self._due and kept not in self._on_their_way

    @property
    def lag(self) -> float:
        """Seconds since all that had happened by then was in the store. May be asked by another thread."""
        return time.monotonic() - self._complete

    async def write(self) -> None:
        """Write every session that went on since it was written. Raises StoreError."""
        async with self._one_at_a_time:
            began = time.monotonic()
            by_engine: defaultdict[Engine, list[Kept]] = defaultdict(list)
            for kept in list(self._due):
                if kept.stream.finished:
                    self._due.pop(kept)
                    if kept.stream.error is None and not kept.stream.unread:
                        self._done(kept)
                else:
                    by_engine[kept.serving.engine].append(kept)
            # An engine whose ticks are long delays its own sessions alone.
            work = [self._write_all(engine, due) for engine, due in by_engine.items()]
            results = await asyncio.gather(*work, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        self._complete = began

    async def write_now(self, kepts: Sequence[Kept]) -> None:
        """Write sessions of one engine. Raises StoreError."""
        async with self._one_at_a_time:
            await self._write_all(kepts[0].serving.engine, list(kepts))

    async def _write_all(self, engine: Engine, due: list[Kept]) -> None:
        """Write sessions of one engine; its ticks run between the slices in which snapshots are made."""
        due.reverse()
        while due:
            made: list[tuple[Kept, int, Write]] = []
            try:
                while due and len(made) < WRITTEN_TOGETHER:
                    await engine.between_ticks(partial(self._make, due, made))
                await self._write(made)
            except BaseException:
                self._due.update((kept, None) for kept, _, _ in made if not kept.stream.finished)
                raise
            finally:
                self._on_their_way.difference_update(kept for kept, _, _ in made)

    def _make(self, due: list[Kept], made: list[tuple[Kept, int, Write]]) -> None:
        """Make snapshots until the slice is over."""
        over = time.perf_counter() + SLICE
        while due:
            kept = due.pop()
            stream = kept.stream
            self._due.pop(kept, None)
            if not stream.finished and not stream.parked and kept.epoch is not None:
                try:
                    write = self._written(kept, kept.epoch)
                except Exception:
                    # A fault of its task must not keep all others from being written.
                    log.exception("a snapshot could not be made", session=kept.label.session_id)
                    continue
                made.append((kept, stream.accepted, write))
                self._on_their_way.add(kept)
            if time.perf_counter() >= over:
                return

    async def _write(self, made: list[tuple[Kept, int, Write]]) -> None:
        if not made:
            return
        stood = await self._store.write([write for _, _, write in made])
        for (kept, accepted, _), current in zip(made, stood, strict=True):
            if current:
                kept.stream.durable = accepted
                kept.stream.wake_for_receipt()
            else:
                self._lost(kept)
