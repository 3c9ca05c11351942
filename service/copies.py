"""Copies: a session as signed bytes, sessions made from such bytes, and one that is rolled back to an earlier point."""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import structlog

from service.census import Census
from service.errors import Reason, ServiceError, invalid, unserved
from service.keeper import Keeper
from service.kept import Kept, ended, in_use, not_found, rolled_back, unavailable
from service.revival import Found
from service.snapshot import Durability
from service.stores.store import StoreError
from service.tasks.task import Drawing, Remembering

log = structlog.get_logger()


class Fork(NamedTuple):
    """A copy that is wanted: its name, empty for one that is made, and the seed of its dice from here on; None: those
    of the original.
    """

    session_id: str = ""
    seed: int | None = None


class Copies:
    """Makes sessions from sessions, for a principal to whom they belong."""

    def __init__(self, keeper: Keeper, census: Census, max_bytes: int) -> None:
        """`max_bytes`: of a snapshot that leaves the server or comes back."""
        self._keeper = keeper
        self._census = census
        self._max_bytes = max_bytes

    async def snapshot(self, session_id: str, principal: str) -> tuple[bytes, Kept | Found]:
        """A session as bytes; it goes on undisturbed.

        Raises SESSION_NOT_FOUND, SESSION_ENDED, DURABILITY_NOT_SERVED, SNAPSHOT_TOO_LARGE, STORE_UNAVAILABLE.
        """
        where = await self._census.found(session_id, principal)
        data = await self._bytes(where)
        if len(data) > self._max_bytes:
            problem = f"the session is {len(data)} bytes, over the limit of {self._max_bytes} for one message"
            raise invalid(Reason.SNAPSHOT_TOO_LARGE, f"{problem}: fork it on the server", "session_id")
        return data, where

    async def restore(self, data: bytes, session_id: str, seed: int | None, principal: str) -> Kept:
        """A new session from a snapshot or, under the name in it, that session at this earlier point.

        Raises SNAPSHOT_…, MODEL_…, SESSION_NOT_FOUND, SESSION_ID_IN_USE, SESSIONS_EXHAUSTED, STORE_UNAVAILABLE.
        """
        revival = self._keeper.revival
        found = revival.found(revival.unsealed(data, self._max_bytes))
        if found.label.principal != principal:
            raise not_found(found.label.session_id, "snapshot")
        found = _reseeded(found, seed, "seed")
        if session_id == found.label.session_id:
            back = await self._rolled_back(found, principal)
            self._keeper.revival.counters.made["rollback"] += 1
            return back
        (kept,) = await self._begun([self._anew(found, session_id)], "session_id")
        self._keeper.revival.counters.made["snapshot"] += 1
        return kept

    async def fork(self, session_id: str, forks: Sequence[Fork], principal: str) -> list[Kept]:
        """Copies of a session, all or none; it goes on undisturbed. Raises what `snapshot` and `restore` raise."""
        where = await self._census.found(session_id, principal)
        sealed = self._keeper.revival.unsealed(await self._bytes(where))
        copies = []
        for index, fork in enumerate(forks):
            found = _reseeded(self._keeper.revival.found(sealed), fork.seed, f"forks[{index}].seed")
            copies.append(self._anew(found, fork.session_id))
            # Each is read anew, so that no two share anything: others go on meanwhile.
            await asyncio.sleep(0)
        kepts = await self._begun(copies, "forks")
        self._keeper.revival.counters.made["fork"] += len(kepts)
        return kepts

    async def _bytes(self, where: Kept | Found) -> bytes:
        revival = self._keeper.revival
        if isinstance(where, Found):
            return revival.sealed_again(where)
        if not isinstance(where.stream.task, Remembering):
            problem = "sessions of this task cannot be copied"
            raise unserved(Reason.DURABILITY_NOT_SERVED, problem, "session_id")
        if where.stream.finished:
            raise ended(where.label.session_id)
        kept = await self._keeper.awake(where)
        return await kept.serving.engine.between_ticks(partial(_sealed, self._keeper, kept))

    def _anew(self, found: Found, session_id: str) -> Found:
        """As a session of its own, on a branch of its own."""
        label = found.label._replace(
            session_id=session_id or secrets.token_hex(16),
            created=self._keeper.revival.clock(),
            durability=self._durability(found.label.durability),
        )
        return found.renamed(label, found.standing.branch_number + 1)

    def _durability(self, wanted: Durability) -> Durability:
        """What a session survives that has no stream yet."""
        stored = wanted is Durability.STORED and self._keeper.store is not None
        return Durability.STORED if stored else Durability.MEMORY

    async def _begun(self, copies: Sequence[Found], field: str) -> list[Kept]:
        kepts: list[Kept] = []
        try:
            for found in copies:
                kepts.append(_begun(found, field))
            await self._keeper.keep(kepts, field)
        except BaseException:
            for kept in kepts:
                kept.serving.engine.close(kept.stream, "failed")
            raise
        return kepts

    async def _rolled_back(self, found: Found, principal: str) -> Kept:
        session_id = found.label.session_id
        where = await self._census.found(session_id, principal)
        if where.label.created != found.label.created:
            raise in_use(session_id, "session_id")
        if isinstance(where, Kept):
            kept, epoch, branch = where, where.epoch, where.stream.branch_number
        else:
            kept, epoch, branch = None, await self._claim(where), where.standing.branch_number
        label = where.label._replace(durability=self._durability(where.label.durability))
        found = found.renamed(label, max(branch, found.standing.branch_number) + 1)
        back = await found.serving.engine.between_ticks(partial(self._turned, kept, found, epoch))
        self._keeper.adopt(back)
        await self._keeper.parking.erase(session_id, stored=False)
        if back.stored:
            # It is in the store a little later, like all that a session does.
            back.stream.durable = 0
            try:
                await self._keeper.write_now(back)
            except StoreError as error:
                log.warning("a session that was rolled back is not stored yet", error=str(error))
        return back

    def _turned(self, kept: Kept | None, found: Found, epoch: int | None) -> Kept:
        """Let a session go on as `found`; `kept`: where it is here."""
        if kept is not None:
            self._keeper.forget(kept)
            kept.serving.engine.end(kept.stream, rolled_back(found.label.session_id), "rolled_back")
        return found.begin(epoch)

    async def _claim(self, found: Found) -> int | None:
        """Become the owner of a session that is in the store alone."""
        if self._keeper.store is None or found.label.durability is not Durability.STORED:
            return None
        try:
            return (await self._keeper.store.claim(found.label.session_id, found.label.idle_timeout)).epoch
        except StoreError as error:
            raise unavailable(error) from error


def _sealed(keeper: Keeper, kept: Kept) -> bytes:
    if kept.stream.finished:
        raise ended(kept.label.session_id)
    return keeper.revival.sealed(kept)


def _begun(found: Found, field: str) -> Kept:
    try:
        return found.begin()
    except ServiceError as error:
        if error.reason is Reason.SESSION_ID_IN_USE:
            raise in_use(found.label.session_id, field) from error
        raise


def _reseeded(found: Found, seed: int | None, field: str) -> Found:
    if seed is None:
        return found
    if not isinstance(found.task, Drawing):
        problem = "sessions of this task make no random choices: leave the seed unset"
        raise invalid(Reason.OPTION_OUT_OF_RANGE, problem, field)
    standing = found.standing
    options = found.task.reseeded(standing.progress, standing.options, seed)
    return replace(found, standing=standing._replace(options=options))
