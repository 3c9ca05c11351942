"""The keeper: the sessions of this server that outlive their streams, and their way into the store and back.

Writes are behind the answers: every `interval` seconds all sessions that went on are written together. A store that is
slow or gone stalls no tick; what is durable falls behind and catches up.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType

import structlog

from service.errors import draining, taken_over
from service.kept import Kept, Mark, in_use, unavailable
from service.revival import Found, Revival
from service.snapshot import Durability
from service.stores.store import Store, StoreError, Write
from service.tokens import Asked, Tokens

log = structlog.get_logger()

WRITTEN_TOGETHER = 32
"""Snapshots made between two ticks: all other sessions of the model wait for them."""


class Keeper:
    """Knows every session of a server by its name. All methods belong to the event loop of the engines."""

    def __init__(
        self,
        revival: Revival,
        store: Store | None,
        *,
        interval: float = 0.1,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`interval`: seconds between two writes. `clock`: seconds since 1970."""
        self.store = store
        self.clock = clock
        self.tokens = Tokens(revival.keys)
        self.revival = revival
        self._interval = interval
        self._kept: dict[str, Kept] = {}

    @property
    def sessions(self) -> Mapping[str, Kept]:
        """Those of this server by name, later ones last."""
        return MappingProxyType(self._kept)

    async def keep(self, kepts: Sequence[Kept], field: str = "config.session.session_id") -> None:
        """Know new sessions of one model by name, all of them or none. Stored ones are in the store before this
        returns; those that survive nothing are forgotten when they end.

        Raises SESSION_ID_IN_USE, which tells of `field`, or STORE_UNAVAILABLE.
        """
        for kept in kepts:
            if kept.label.session_id in self._kept:
                raise in_use(kept.label.session_id, field)
        for kept in kepts:
            self.adopt(kept)
        stored = [kept for kept in kepts if kept.label.durability is Durability.STORED]
        try:
            if stored:
                await self._store_first(stored, field)
        except BaseException:
            for kept in kepts:
                self.forget(kept)
            raise

    async def resume(self, token: str, task: str, principal: str) -> Kept:
        """The session of a token, from here or out of the store.

        Raises RESUME_TOKEN_INVALID, SESSION_NOT_FOUND, SESSION_ROLLED_BACK, STORE_UNAVAILABLE and what a snapshot is
        refused with.
        """
        asked = self.tokens.read(token, task, principal)
        kept, data = await self.located(asked.session_id)
        if kept is not None:
            return asked.checked(kept)
        if data is None:
            raise asked.unknown()
        found = self.revival.found(self.revival.unsealed(data))
        asked.check(found.label, found.standing.branch_number)
        return await self._fetch(asked, data, found)

    async def located(self, session_id: str) -> tuple[Kept | None, bytes | None]:
        """Where a session is: here, or in the store alone, as these bytes; or neither. Raises STORE_UNAVAILABLE when
        the store alone would know. A session that another server owns now is not here any more.
        """
        kept = self._kept.get(session_id)
        if self.store is None or (kept is not None and not kept.stored):
            return kept, None
        try:
            entry = await self.store.read(session_id)
        except StoreError as error:
            if kept is not None:
                return kept, None
            raise unavailable(error) from error
        if kept is not None and entry is not None and entry.epoch == kept.epoch:
            return kept, None
        if kept is not None:
            self._lose(kept)
        return None, entry.data if entry is not None else None

    def adopt(self, kept: Kept) -> None:
        """Know a session by its name."""
        self._kept[kept.label.session_id] = kept
        kept.stream.resumable = kept.label.durability is not Durability.NONE
        kept.stream.on_end = lambda _: self._ended(kept)

    def forget(self, kept: Kept) -> None:
        """Know it no more; it goes on if it has not ended."""
        if self._kept.get(kept.label.session_id) is kept:
            del self._kept[kept.label.session_id]

    def leave(self, kept: Kept, attachment: int) -> None:
        """The transport of a stream is gone; without effect if another one has taken it over."""
        if kept.stream.attachment == attachment:
            kept.stream.attachment += 1
            kept.attached = False

    async def run(self) -> None:
        """Write what went on, over and over, until cancelled."""
        while True:
            await asyncio.sleep(self._interval)
            try:
                await self.write()
            except StoreError as error:
                log.warning("the store does not answer; durability falls behind", error=str(error))
            except Exception:
                log.exception("sessions could not be written")

    async def write_now(self, kept: Kept) -> None:
        """Write one session. Raises StoreError."""
        await self._write(await kept.serving.engine.between_ticks(partial(self._made, [kept])))

    async def write(self) -> None:
        """Write every session that went on since it was written. Raises StoreError."""
        due = [kept for kept in self._kept.values() if kept.stored and not kept.stream.finished]
        due = [kept for kept in due if kept.written != Mark.of(kept.stream)]
        for engine in {kept.serving.engine for kept in due}:
            own = [kept for kept in due if kept.serving.engine is engine]
            for start in range(0, len(own), WRITTEN_TOGETHER):
                part = own[start : start + WRITTEN_TOGETHER]
                await self._write(await engine.between_ticks(partial(self._made, part)))

    async def expire(self) -> None:
        """Forget what was kept too long; called now and then."""
        if self.store is not None:
            with contextlib.suppress(StoreError):
                await self.store.expire()

    async def drain(self) -> None:
        """Write all that is stored and let its clients go on elsewhere."""
        try:
            await self.write()
        except StoreError as error:
            log.error("the last snapshots could not be written", error=str(error))
            return
        for kept in list(self._kept.values()):
            if kept.stored:
                kept.serving.engine.end(kept.stream, draining(), "drained")

    async def close(self) -> None:
        """Let go of the store."""
        if self.store is not None:
            with contextlib.suppress(StoreError):
                await self.store.close()

    async def _store_first(self, kepts: Sequence[Kept], field: str) -> None:
        assert self.store is not None
        try:
            for kept in kepts:
                if await self.store.read(kept.label.session_id) is not None:
                    raise in_use(kept.label.session_id, field)
            for kept in kepts:
                kept.epoch = (await self.store.claim(kept.label.session_id, kept.label.idle_timeout)).epoch
            await self._write(await kepts[0].serving.engine.between_ticks(partial(self._made, kepts)))
        except BaseException as error:
            for kept in kepts:
                if kept.epoch is not None:
                    with contextlib.suppress(StoreError):
                        await self.store.erase(kept.label.session_id, kept.epoch)
            if isinstance(error, StoreError):
                raise unavailable(error) from error
            raise

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
        kept.written = Mark.of(kept.stream)
        self.adopt(kept)
        return kept

    def _made(self, part: Sequence[Kept]) -> list[tuple[Kept, Mark, Write]]:
        """Snapshots of sessions, between two ticks."""
        made = []
        for kept in part:
            stream = kept.stream
            if stream.finished or kept.epoch is None:
                continue
            write = Write(kept.label.session_id, kept.epoch, self.revival.sealed(kept), kept.label.idle_timeout)
            made.append((kept, Mark.of(stream), write))
        return made

    async def _write(self, made: Sequence[tuple[Kept, Mark, Write]]) -> None:
        if not made or self.store is None:
            return
        stood = await self.store.write([write for _, _, write in made])
        for (kept, mark, _), current in zip(made, stood, strict=True):
            if current:
                kept.written = mark
                kept.stream.durable = mark.accepted
                kept.stream.wake_for_receipt()
            else:
                self._lose(kept)

    def _ended(self, kept: Kept) -> None:
        """It has ended here: its last answers are kept as long as a session without a stream."""
        if self._kept.get(kept.label.session_id) is not kept:
            return
        if kept.label.durability is Durability.NONE:
            self.forget(kept)
        else:
            kept.ended = self.clock()
            asyncio.get_running_loop().call_later(kept.label.idle_timeout, self.forget, kept)

    def _lose(self, kept: Kept) -> None:
        """Another server owns the session now."""
        if self._kept.get(kept.label.session_id) is kept:
            self.forget(kept)
            kept.serving.engine.end(kept.stream, taken_over(kept.label.session_id), "taken_over")
