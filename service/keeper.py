"""The keeper: the sessions of this server that outlive their streams, and their way into the store and back.

Writes are behind the answers: every `interval` seconds all sessions that went on are written together. A store that is
slow or gone stalls no tick; what is durable falls behind and catches up.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from functools import partial
from typing import Any

import structlog

from service.catalog import Catalog, Served, Serving
from service.errors import draining, taken_over
from service.kept import Kept, Mark, bad_token, in_use, not_found, unavailable
from service.signing import Keys, said_by, token_of
from service.snapshot import Label, check_fits, opened, schema_of, seal, unseal
from service.stores.store import Entry, Store, StoreError, Write
from service.stream import Standing, Stream

log = structlog.get_logger()

WRITTEN_TOGETHER = 32
"""Snapshots made between two ticks: all other sessions of the model wait for them."""
MAX_SNAPSHOT_BYTES = 64 << 20


class Keeper:
    """Knows every session that can be resumed here. All methods belong to the event loop of the engines."""

    def __init__(
        self,
        catalog: Catalog,
        keys: Keys,
        store: Store | None,
        *,
        kernels: str,
        interval: float = 0.1,
        idle_timeout: float = 600.0,
    ) -> None:
        """`kernels`: what the bits of this server's results depend on. `idle_timeout`: seconds a session is kept."""
        self.store = store
        self._catalog = catalog
        self._keys = keys
        self._kernels = kernels
        self._interval = interval
        self._kept: dict[str, Kept] = {}
        self._idle_timeout = idle_timeout

    @property
    def idle_timeout(self) -> float:
        """Seconds that a session is kept without a stream."""
        return self._idle_timeout

    def token(self, kept: Kept) -> str:
        """What resumes a session."""
        label = kept.label
        return token_of(self._keys, (label.session_id, label.model, label.version, label.variant, label.task))

    async def keep(self, served: Served, serving: Serving, task: str, stream: Stream, *, stored: bool) -> Kept:
        """Let a new session outlive its stream; a stored one is in the store before this returns.

        Raises SESSION_ID_IN_USE or STORE_UNAVAILABLE.
        """
        session_id = stream.session.id
        if session_id in self._kept:
            raise in_use(session_id)
        label = Label(
            session_id,
            served.manifest.name,
            served.manifest.version,
            served.loaded.bundle.digest,
            serving.variant,
            task,
            schema_of(serving.engine.states),
            self._kernels,
        )
        kept = Kept(label, serving, stream, served)
        self._adopt(kept)
        try:
            if stored:
                await self._store_first(kept)
        except BaseException:
            self._forget(kept)
            raise
        return kept

    async def resume(self, token: str, task: str) -> Kept:
        """The session of a token, from here or out of the store.

        Raises RESUME_TOKEN_INVALID, SESSION_NOT_FOUND, STORE_UNAVAILABLE and what a snapshot is refused with.
        """
        session_id = self._session_of(token, task)
        kept = self._kept.get(session_id)
        if self.store is None or (kept is not None and not kept.stored):
            if kept is None:
                raise not_found(session_id)
            return kept
        try:
            entry = await self.store.read(session_id)
        except StoreError as error:
            if kept is not None:
                return kept
            raise unavailable(error) from error
        if kept is not None and entry is not None and entry.epoch == kept.epoch:
            return kept
        if kept is not None:
            self._lose(kept)
        if entry is None or entry.data is None:
            raise not_found(session_id)
        return await self._fetch(session_id)

    def leave(self, kept: Kept, attachment: int) -> None:
        """The transport of a stream is gone; without effect if another one has taken it over."""
        if kept.stream.attachment == attachment:
            kept.stream.attachment += 1

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

    def _session_of(self, token: str, task: str) -> str:
        try:
            session_id, _, _, _, own_task = said_by(self._keys, token)
        except ValueError as error:
            raise bad_token(f"this token was not given by this server, or by one with its keys ({error})") from error
        if own_task != task:
            raise bad_token(f"the token is of a session for {own_task}, not for {task}")
        return str(session_id)

    async def _store_first(self, kept: Kept) -> None:
        assert self.store is not None
        session_id = kept.label.session_id
        try:
            if await self.store.read(session_id) is not None:
                raise in_use(session_id)
            kept.epoch = (await self.store.claim(session_id, self._idle_timeout)).epoch
            made = await kept.serving.engine.between_ticks(lambda: self._made([kept]))
            await self._write(made)
        except StoreError as error:
            raise unavailable(error) from error

    async def _fetch(self, session_id: str) -> Kept:
        """Become the owner of a session and go on with its snapshot."""
        assert self.store is not None
        try:
            entry = await self.store.claim(session_id, self._idle_timeout)
        except StoreError as error:
            raise unavailable(error) from error
        # Another client may have had the same wish, and got it while the store was asked.
        if (kept := self._kept.get(session_id)) is not None:
            self._lose(kept)
        kept = self._revived(entry)
        self._adopt(kept)
        return kept

    def _revived(self, entry: Entry) -> Kept:
        assert entry.data is not None
        sealed = unseal(entry.data, self._keys, MAX_SNAPSHOT_BYTES)
        label = sealed.label
        served = self._catalog.find(label.task, label.model, label.version)
        serving = served.serving(label.task, explain=label.variant == "explain")
        check_fits(label, task=label.task, digest=served.loaded.bundle.digest, specs=serving.engine.states)
        task: Any = serving.tasks[label.task]
        standing: Standing = opened(sealed, task)
        stream = serving.engine.resume(task, standing)
        changed = label.kernels != self._kernels or label.variant != serving.variant
        label = label._replace(kernels=self._kernels, variant=serving.variant)
        return Kept(label, serving, stream, served, entry.epoch, Mark.of(stream), changed)

    def _made(self, part: Sequence[Kept]) -> list[tuple[Kept, Mark, Write]]:
        """Snapshots of sessions, between two ticks."""
        made = []
        for kept in part:
            stream = kept.stream
            if stream.finished or kept.epoch is None:
                continue
            data = seal(kept.label, kept.serving.engine.snapshot(stream), stream.task, self._keys)  # type: ignore[arg-type]
            write = Write(kept.label.session_id, kept.epoch, data, self._idle_timeout)
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

    def _adopt(self, kept: Kept) -> None:
        self._kept[kept.label.session_id] = kept
        kept.stream.resumable = True
        kept.stream.on_end = lambda _: self._ended(kept)

    def _ended(self, kept: Kept) -> None:
        """It has ended here: its last answers are kept as long as a session without a stream."""
        if self._kept.get(kept.label.session_id) is kept:
            asyncio.get_running_loop().call_later(self._idle_timeout, self._forget, kept)

    def _lose(self, kept: Kept) -> None:
        """Another server owns the session now."""
        self._forget(kept)
        kept.serving.engine.end(kept.stream, taken_over(kept.label.session_id), "taken_over")

    def _forget(self, kept: Kept) -> None:
        if self._kept.get(kept.label.session_id) is kept:
            del self._kept[kept.label.session_id]
