"""The keeper: the sessions of this server that outlive their streams, and their way into the store and back.

Every `interval` seconds the sessions that went on are written (`checkpoints`); those that are silent are parked.
"""

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import structlog

from service.agenda import Agenda
from service.checkpoints import Checkpoints
from service.chores import repeat
from service.errors import ServiceError, draining, taken_over
from service.kept import Kept, in_use, unavailable
from service.moving import Moving
from service.parking import Parking
from service.revival import Found, Revival
from service.snapshot import Durability
from service.stores.store import Store, StoreError
from service.tokens import Asked, Tokens

log = structlog.get_logger()

EXPIRY_INTERVAL = 10.0
"""Seconds between two looks for what the store has kept for too long."""
LAST_WRITE = 1.0
"""Seconds that the store gets for the last snapshots."""
FAREWELL = 30.0
"""Seconds for which a session is known whose answers have all arrived, the last one included."""


class Keeper:
    """Knows every session of a server by its name. All methods belong to the event loop of the engines."""

    def __init__(
        self,
        revival: Revival,
        store: Store | None,
        *,
        interval: float = 0.1,
        park_after: float = 0.0,
        max_stream_age: float = 0.0,
    ) -> None:
        """`interval`: seconds between two writes; `park_after`: seconds of silence after which a session gives up its
        slot, `max_stream_age`: seconds after which its client is asked to move; 0 for never.
        """
        self.store = store
        self.tokens = Tokens(revival.keys)
        self.revival = revival
        self._interval = interval
        self._kept: dict[str, Kept] = {}
        self._over: Agenda[Kept] = Agenda(revival.max_idle_timeout / 32)
        self._moving = Moving(max_stream_age)
        self._draining = False
        self._leaving: set[asyncio.Task[None]] = set()
        self._checkpoints: Checkpoints | None = None
        if store is not None:
            self._checkpoints = Checkpoints(store, revival.written, lost=self._lose, done=self._done)
        self.parking = Parking(store, self._checkpoints, revival, after=park_after, gone=self.forget, lost=self._lose)

    @property
    def sessions(self) -> Mapping[str, Kept]:
        """Those of this server by name, later ones last."""
        return MappingProxyType(self._kept)

    @property
    def lag(self) -> float | None:
        """Seconds that the store is behind; None without one. May be asked by another thread."""
        return self._checkpoints.lag if self._checkpoints is not None else None

    async def keep(self, kepts: Sequence[Kept], field: str = "config.session.session_id") -> None:
        """Know new sessions of one model by name, all of them or none. Stored ones are in the store before this
        returns; those that survive nothing are forgotten when they end.

        Raises SESSION_ID_IN_USE, which tells of `field`, or STORE_UNAVAILABLE.
        """
        for kept in kepts:
            session_id = kept.label.session_id
            if session_id in self._kept or await self.parking.memory.read(session_id) is not None:
                raise in_use(session_id, field)
        for kept in kepts:
            self.adopt(kept)
        stored = [kept for kept in kepts if kept.label.durability is Durability.STORED]
        try:
            if stored and self._checkpoints is not None:
                await self._checkpoints.enter(stored, field)
        except BaseException:
            for kept in kepts:
                self.forget(kept)
            raise

    async def resume(self, token: str, task: str, principal: str, received: int) -> Kept:
        """The session of a token, from here or out of the store, for a client that has all answers up to `received`.

        Raises RESUME_TOKEN_INVALID, SESSION_NOT_FOUND, SESSION_ROLLED_BACK, ANSWERS_ACKNOWLEDGED, SERVER_DRAINING,
        STORE_UNAVAILABLE and what a snapshot is refused with.
        """
        asked = self.tokens.read(token, task, principal)
        kept, data = await self.located(asked.session_id)
        if self._draining and (kept is None or kept.stored):
            raise draining()
        if kept is not None:
            kept = await self.awake(asked.checked(kept))
            self.revival.counters.resumed["here"] += 1
            return kept
        if data is None:
            raise asked.unknown()
        found = self.revival.found(self.revival.unsealed(data))
        asked.check(found.label, found.standing.branch_number)
        # Before it is taken from a server where another client may still be.
        found.standing.check_received(received)
        if found.label.durability is not Durability.STORED:
            self.adopt(kept := found.begin())
            self.revival.counters.resumed["parked"] += 1
            await self.parking.memory.erase(asked.session_id)
            return kept
        return await self._fetch(asked, data, found)

    async def located(self, session_id: str) -> tuple[Kept | None, bytes | None]:
        """Where a session is: here, or parked, as these bytes; or neither. Raises STORE_UNAVAILABLE when the store
        alone would know. A session that another server owns now is not here any more. One whose stream stands may be
        here without a slot: see `awake`.
        """
        kept = self._kept.get(session_id)
        if kept is None and (entry := await self.parking.memory.read(session_id)) is not None:
            return None, entry.data
        if self.store is None or (kept is not None and not kept.stored):
            return kept, None
        problem, entry = None, None
        try:
            entry = await self.store.read(session_id)
        except StoreError as error:
            problem = unavailable(error)
        # It may have come, or gone, while the store was asked.
        kept = self._kept.get(session_id)
        if kept is not None and (problem or not kept.epoch or (entry is not None and entry.epoch <= kept.epoch)):
            return kept, None
        if problem is not None:
            raise problem
        if kept is not None:
            if self._checkpoints is not None and await self._checkpoints.enter_again(kept):
                return kept, None
            self._lose(kept)
        return None, entry.data if entry is not None else None

    async def awake(self, kept: Kept) -> Kept:
        """The session, with a slot. Raises SESSIONS_EXHAUSTED and what `resume` raises."""
        if (problem := await self.parking.wake(kept)) is not None:
            raise problem
        return kept

    def adopt(self, kept: Kept) -> None:
        """Know a session by its name; write it when it goes on, park it when it does not."""
        self._kept[kept.label.session_id] = kept
        kept.stream.resumable = kept.label.durability is not Durability.NONE
        kept.stream.on_end = lambda _: self._ended(kept)
        if kept.stream.resumable:
            self.parking.watch(kept)
        if self._checkpoints is not None and kept.stored:
            self._checkpoints.watch(kept)

    def forget(self, kept: Kept) -> None:
        """Know it no more; it goes on if it has not ended."""
        if self._kept.get(kept.label.session_id) is kept:
            del self._kept[kept.label.session_id]
        self.parking.drop(kept)
        self._over.drop(kept)
        if self._checkpoints is not None:
            self._checkpoints.drop(kept)
        # They know each other in a circle, which the collector would find late.
        kept.stream.on_end = kept.stream.on_wanted = None

    def attach(self, kept: Kept, received: int) -> int:
        """A client that has all answers up to `received` takes a session over; it is the attachment of this number."""
        attachment = kept.stream.attach(received)
        kept.attached = True
        self._moving.watch(kept)
        return attachment

    def leave(self, kept: Kept, attachment: int) -> None:
        """The transport of a stream is gone; without effect if another one has taken it over."""
        if kept.stream.attachment == attachment:
            kept.stream.attachment += 1
            kept.attached = False
            # It was raised: its frames know the stream, a circle that the collector would find late.
            kept.stream.fault = None
            self._moving.leave()
            if kept.stream.parked:
                leaving = asyncio.create_task(self.parking.leave(kept))
                self._leaving.add(leaving)
                leaving.add_done_callback(self._left)

    async def run(self) -> None:
        """Write what went on, park who is silent and forget what was kept for too long, until cancelled."""
        await asyncio.gather(
            repeat(self._interval, self.write),
            repeat(self.parking.interval, self.look),
            repeat(self._moving.interval, self._moving.look),
            repeat(EXPIRY_INTERVAL, self._expire),
        )

    async def write_now(self, kept: Kept) -> None:
        """Write one session. Raises StoreError."""
        if self._checkpoints is not None:
            await self._checkpoints.write_now([kept])

    async def write(self) -> None:
        """Write every session that went on since it was written. Raises StoreError."""
        if self._checkpoints is not None:
            await self._checkpoints.write()

    async def look(self) -> None:
        """Park who is silent, and forget those that have ended and were asked for no more. Raises StoreError."""
        over = self._over.due(time.monotonic())
        for kept in over:
            self.forget(kept)
        await self.parking.look()
        if self.store is not None:
            for kept in over:
                if kept.stored:
                    await self.store.erase(kept.label.session_id, kept.epoch)

    async def drain(self, seconds: float) -> None:
        """Let the clients of all that is stored go on elsewhere, and end the streams of those that have not left after
        so many seconds.
        """
        self._draining = True
        await self._moving.see_off([kept for kept in self._kept.values() if kept.stored], seconds)
        await self.write_last(LAST_WRITE)
        for kept in list(self._kept.values()):
            if kept.stored:
                kept.serving.engine.end(kept.stream, draining(), "drained")

    async def write_last(self, seconds: float) -> None:
        """Write all that is stored, if the store takes it within so many seconds."""
        try:
            await asyncio.wait_for(self.write(), seconds)
        except (StoreError, TimeoutError) as error:
            log.error("the last snapshots could not be written", error=str(error) or "the store is too slow")

    async def close(self) -> None:
        """Let go of the store."""
        if self.store is not None:
            with contextlib.suppress(StoreError):
                await self.store.close()

    async def _expire(self) -> None:
        self.revival.counters.expired += await self.parking.memory.expire()
        if self.store is not None:
            self.revival.counters.expired += await self.store.expire()

    def _left(self, leaving: asyncio.Task[None]) -> None:
        self._leaving.discard(leaving)
        if not leaving.cancelled() and (error := leaving.exception()) is not None:
            log.warning("a parked session may expire early", error=str(error))

    async def _fetch(self, asked: Asked, data: bytes, found: Found) -> Kept:
        """Become the owner of a session and go on with its snapshot, which was `data` when it was last read."""
        assert self.store is not None
        try:
            entry = await self.store.claim(asked.session_id, found.label.idle_timeout)
        except StoreError as error:
            raise unavailable(error) from error
        if entry.data is None:
            raise asked.unknown()
        if entry.data != data:
            found = self.revival.found(self.revival.unsealed(entry.data))
        # Another client may have had the same wish, and got it while the store was asked.
        if (kept := self._kept.get(asked.session_id)) is not None:
            self._lose(kept)
        kept = found.begin(entry.epoch)
        self.revival.counters.resumed["stored"] += 1
        self.adopt(kept)
        return kept

    def _ended(self, kept: Kept) -> None:
        """It has ended here: its last answers are kept as long as a session without a stream."""
        if self._kept.get(kept.label.session_id) is not kept:
            return
        if kept.label.durability is Durability.NONE:
            self.forget(kept)
        else:
            kept.ended = self.revival.clock()
            self.parking.drop(kept)
            self._over.put(kept, time.monotonic() + kept.label.idle_timeout)

    def _done(self, kept: Kept) -> None:
        """It has ended and all of its answers have arrived; its client may not know yet that they were all."""
        self._over.put(kept, time.monotonic() + min(kept.label.idle_timeout, FAREWELL))

    def _lose(self, kept: Kept, error: ServiceError | None = None) -> None:
        """Another server owns the session now, or `error` says what has become of it."""
        if self._kept.get(kept.label.session_id) is kept:
            self.forget(kept)
            kept.serving.engine.end(kept.stream, error or taken_over(kept.label.session_id), "taken_over")
