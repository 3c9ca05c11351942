"""Parking: a session that is silent gives its slot up and lives in a store alone, until there is a message for it.

One that survives the server is in its store already; one that survives its stream alone goes into a store in memory.
"""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from service.agenda import Agenda
from service.checkpoints import Checkpoints
from service.errors import Reason, ServiceError, internal, taken_over
from service.kept import Kept, not_found, unavailable
from service.revival import Revival
from service.snapshot import Durability, opened
from service.stores.memory import MemoryStore
from service.stores.store import Claim, Store, StoreError
from service.stream import Standing

RENEWAL_GRAIN = 10.0
"""Seconds between the drawers of what is to be renewed."""
PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
"""Seconds between two looks for a free slot, where all are taken: so often, and no more."""


class Parking:
    """Decides who is parked, and brings them back. Belongs to the event loop of the engines."""

    def __init__(
        self,
        store: Store | None,
        checkpoints: Checkpoints | None,
        revival: Revival,
        *,
        after: float,
        gone: Callable[[Kept], None],
        lost: Callable[[Kept, ServiceError], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`after`: seconds of silence, 0 for never.

        `gone` is told of sessions that nothing is left of but their snapshot, `lost` of those that another server owns.
        """
        self.memory = MemoryStore()
        self._store = store
        self._checkpoints = checkpoints
        self._after = after
        self._revival = revival
        self._gone = gone
        self._lost = lost
        self._clock = clock
        grain = max(after / 32, 1e-3)
        self._looks: Agenda[Kept] = Agenda(grain)
        self._pause = grain
        self._renewals: Agenda[Kept] = Agenda(RENEWAL_GRAIN)

    @property
    def interval(self) -> float:
        """Seconds between two looks that are enough."""
        return min(1.0, max(self._after / 4, 0.01)) if self._after else 1.0

    def watch(self, kept: Kept) -> None:
        """Park a session when it falls silent."""
        if self._after:
            self._looks.put(kept, self._clock() + self._after)

    def drop(self, kept: Kept) -> None:
        """Park it no more."""
        self._looks.drop(kept)
        self._renewals.drop(kept)

    async def look(self) -> None:
        """Park who is silent; keep the snapshots of those whose stream stands. Raises StoreError."""
        now = self._clock()
        # A session that is parked in a store which was started anew, unnoticed so far, would be nowhere.
        holds = self._checkpoints is None or not self._after or await self._checkpoints.holds()
        for kept in self._looks.due(now):
            when = kept.stream.session.touched + self._after
            if kept.stream.finished:
                continue
            if when > now or not self._can_be_parked(kept) or (kept.stored and not holds):
                self._looks.put(kept, when if when > now else now + self._pause)
            else:
                await self._park(kept)
                # Others may be waiting for the loop.
                await asyncio.sleep(0)
        parked = [kept for kept in self._renewals.due(now) if kept.stream.parked]
        for kept in filter(self._left, parked):
            self._gone(kept)
        await self._renew([kept for kept in parked if not self._left(kept)])

    async def leave(self, kept: Kept) -> None:
        """The stream of a parked session is gone: from here on it is kept as long as any other. Raises StoreError."""
        if kept.waking is not None:
            await kept.waking
        if self._left(kept):
            try:
                await self._renew([kept])
            finally:
                if self._left(kept):
                    self._gone(kept)

    async def wake(self, kept: Kept) -> ServiceError | None:
        """Give a parked session its slot again. Says why it cannot have one."""
        return await asyncio.shield(self._waking(kept)) if kept.stream.parked else None

    async def remaining(self, session_id: str) -> float | None:
        """Seconds that a session is still kept in a store. Raises STORE_UNAVAILABLE."""
        found = await self.memory.remaining(session_id)
        if found is not None or self._store is None:
            return found
        try:
            return await self._store.remaining(session_id)
        except StoreError as error:
            raise unavailable(error) from error

    async def listed(self) -> dict[str, bytes]:
        """Sessions that are in a store, and what each is listed by. Raises STORE_UNAVAILABLE."""
        listed = dict(await self.memory.listed())
        try:
            return listed | dict(await self._store.listed()) if self._store is not None else listed
        except StoreError as error:
            raise unavailable(error) from error

    async def erase(self, session_id: str, *, stored: bool, purge: bool = False) -> None:
        """Let the stores forget a session; `purge`: and leave nothing in their files. Raises STORE_UNAVAILABLE."""
        await self.memory.erase(session_id)
        if self._store is None or not stored:
            return
        try:
            await self._store.erase(session_id)
            if purge:
                await self._store.purge()
        except StoreError as error:
            raise unavailable(error) from error

    async def _park(self, kept: Kept) -> None:
        stream = kept.stream
        if not kept.stored:
            session_id = kept.label.session_id
            epoch = (await self.memory.claim(session_id, kept.label.idle_timeout)).epoch
            await self.memory.write([self._revival.written(kept, epoch)])
        kept.serving.engine.park(stream)
        self._revival.counters.parked += 1
        if kept.attached:
            stream.on_wanted = partial(self._waking, kept)
            self._renewals.put(kept, self._clock() + kept.label.idle_timeout / 3)
        else:
            self._gone(kept)

    def _can_be_parked(self, kept: Kept) -> bool:
        stream, session = kept.stream, kept.stream.session
        if stream.finished or stream.inbox or session.in_flight or session.ready:
            return False
        if kept.attached and stream.outbox:
            return False
        if kept.label.durability is not Durability.STORED:
            return True
        return kept.stored and self._checkpoints is not None and self._checkpoints.settled(kept)

    def _left(self, kept: Kept) -> bool:
        return kept.stream.parked and not kept.attached and kept.waking is None

    def _waking(self, kept: Kept) -> asyncio.Task[ServiceError | None]:
        if kept.waking is None:
            kept.waking = asyncio.create_task(self._woken(kept))
            kept.waking.add_done_callback(partial(_awake, kept))
        return kept.waking

    async def _woken(self, kept: Kept) -> ServiceError | None:
        try:
            await self._bring_back(kept)
            return None
        except StoreError as error:
            problem = unavailable(error)
        except ServiceError as error:
            problem = error
        except Exception as error:
            problem = internal(error)
        if problem.reason in (Reason.SESSION_NOT_FOUND, Reason.SESSION_TAKEN_OVER):
            self._lost(kept, problem)
        else:
            kept.stream.refuse(problem)
        return problem

    async def _bring_back(self, kept: Kept) -> None:
        store, session_id = self._home(kept), kept.label.session_id
        entry = await store.read(session_id)
        if kept.stream.finished:
            return
        if entry is None or entry.data is None:
            raise not_found(session_id)
        if kept.stored and entry.epoch != kept.epoch:
            raise taken_over(session_id)
        task: Any = kept.stream.task
        if not await self._seated(kept, opened(self._revival.unsealed(entry.data), task)):
            return
        self._revival.counters.woken += 1
        kept.stream.on_wanted = None
        self._renewals.drop(kept)
        self.watch(kept)
        if not kept.stored:
            await self.memory.erase(session_id)

    async def _seated(self, kept: Kept, standing: Standing) -> bool:
        """Give a session a slot; where all are taken its client waits a while, rather than to be sent away at once.
        False if it has ended meanwhile.

        Raises SESSIONS_EXHAUSTED when none came free, and what the engine refuses it with.
        """
        for pause in (*PAUSES, None):
            if kept.stream.finished:
                break
            try:
                kept.serving.engine.come_back(kept.stream, standing)
                return True
            except ServiceError as error:
                if pause is None or not kept.attached or error.reason is not Reason.SESSIONS_EXHAUSTED:
                    raise
                await asyncio.sleep(pause)
        return False

    async def _renew(self, parked: list[Kept]) -> None:
        for kept in parked:
            self._renewals.put(kept, self._clock() + kept.label.idle_timeout / 3)
        for store in (self.memory, self._store):
            own = [kept for kept in parked if self._home(kept) is store]
            if store is None or not own:
                continue
            claims = [Claim(kept.label.session_id, kept.epoch, kept.label.idle_timeout) for kept in own]
            for kept, stood in zip(own, await store.renew(claims), strict=True):
                if not stood:
                    self._lost(kept, taken_over(kept.label.session_id))

    def _home(self, kept: Kept) -> Store:
        """Where a session lives when it is parked."""
        if not kept.stored:
            return self.memory
        assert self._store is not None
        return self._store


def _awake(kept: Kept, _: object) -> None:
    kept.waking = None
