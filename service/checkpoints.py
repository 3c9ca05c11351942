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
from service.reentry import Reentry, Verdict
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
        self._reentry = Reentry(store)
        self._watched: set[Kept] = set()
        self._forgotten: set[Kept] = set()
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
        """Write a session that the store knows, whenever it has gone on."""
        self._watched.add(kept)
        self._reentry.wrote(kept)
        kept.stream.on_change = partial(self._due.setdefault, kept)

    def drop(self, kept: Kept) -> None:
        """Write it no more."""
        kept.stream.on_change = None
        self._watched.discard(kept)
        self._forgotten.discard(kept)
        self._due.pop(kept, None)

    def settled(self, kept: Kept) -> bool:
        """Whether all of a session is in the store. One that is not watched was not written yet."""
        watched = kept.stream.on_change is not None
        unsettled = (self._due, self._on_their_way, self._forgotten)
        return watched and not any(kept in each for each in unsettled)

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

    async def enter_again(self, kept: Kept) -> bool:
        """Whether a session that the store does not know as it is here was forgotten, and is entered anew. Raises
        STORE_UNAVAILABLE.
        """
        try:
            await self._look()
            entered = await self._reentry.judge(kept, wanted=True) is Verdict.ENTERED
        except StoreError as error:
            raise unavailable(error) from error
        if entered:
            self._entered(kept)
        return entered

    async def holds(self) -> bool:
        """Whether the store can be asked, and has forgotten nothing that is settled."""
        try:
            await self._look()
        except StoreError:
            self._reentry.failed()
            return False
        return True

    async def _look(self) -> None:
        """Ask the store whether it is still the one it was; if not, all sessions are due."""
        if await self._reentry.look():
            self._due.update((kept, None) for kept in self._watched if not kept.stream.finished)

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
        try:
            stood = await self._store.write([write for _, _, write in made])
            if self._reentry.uncertain or not all(stood):
                await self._look()
        except StoreError:
            self._reentry.failed()
            raise
        for (kept, accepted, _), current in zip(made, stood, strict=True):
            if current:
                self._reentry.wrote(kept)
                kept.stream.durable = accepted
                kept.stream.wake_for_receipt()
            else:
                await self._refused(kept)

    async def _refused(self, kept: Kept) -> None:
        """The store has not taken a snapshot of a session."""
        verdict = await self._reentry.judge(kept, wanted=False)
        if verdict is Verdict.LOST:
            self._lost(kept)
        elif verdict is Verdict.ENTERED:
            self._entered(kept)
        else:
            # It lives here alone: parked, it would be nowhere.
            self._forgotten.add(kept)

    def _entered(self, kept: Kept) -> None:
        """The store has an owner of a session again, and lacks its snapshot."""
        self._forgotten.discard(kept)
        self._due[kept] = None
