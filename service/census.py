"""The census: what is told of the sessions of a server, one by one or by the page, to whom they belong."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from heapq import nsmallest
from typing import NamedTuple

from service.errors import Code, Reason, ServiceError
from service.facts import Facts, Place, facts_of, facts_of_label
from service.keeper import Keeper
from service.kept import Kept, closed, not_found
from service.listing import Listing
from service.revival import Found
from service.snapshot import Durability


class Spot(NamedTuple):
    """A session in a list."""

    session_id: str
    place: Place
    listing: Listing

    @property
    def order(self) -> tuple[float, str]:
        """Later ones come first."""
        return -self.listing.created, self.session_id


class Page(NamedTuple):
    """Some of the sessions that match, latest first; `total`: how many there are on all pages. `following` asks for
    the next page; None when this is the last one.
    """

    sessions: list[Facts]
    following: tuple[float, str] | None
    total: int


class Census:
    """Looks sessions up for a principal; those of others it does not know."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._revival = keeper.revival

    async def found(self, session_id: str, principal: str) -> Kept | Found:
        """A session where it is: here, or in a store alone. Raises SESSION_NOT_FOUND, STORE_UNAVAILABLE, and what
        stands in the way of a snapshot: MODEL_…, SNAPSHOT_….
        """
        kept, data = await self._keeper.located(session_id)
        if kept is not None and kept.label.principal == principal:
            return kept
        if kept is None and data is not None:
            sealed = self._revival.unsealed(data)
            if sealed.label.principal == principal:
                return self._revival.found(sealed)
        raise not_found(session_id)

    async def get(self, session_id: str, principal: str) -> Facts:
        """One session. Raises what `found` raises, and SESSION_EXPIRED for one that was silent for too long."""
        where = await self.found(session_id, principal)
        if isinstance(where, Kept) and (error := where.stream.error) and error.reason is Reason.SESSION_EXPIRED:
            raise ServiceError(Code.NOT_FOUND, Reason.SESSION_EXPIRED, error.message, field="session_id")
        return await self._with_expiry(self.facts(where))

    async def page(
        self, principal: str, matches: Callable[[Spot], bool], size: int, after: tuple[float, str] | None
    ) -> Page:
        """Sessions that match, by their time of creation, latest first; those behind the place `after`.

        Raises STORE_UNAVAILABLE.
        """
        listed = await self._keeper.parking.listed()
        kepts = dict(self._keeper.sessions)
        # There may be very many: others go on meanwhile.
        mine = await asyncio.to_thread(self._spots, kepts, listed, principal)
        chosen, total = await asyncio.to_thread(_chosen, mine, matches, size + 1, after)
        last = chosen[size - 1] if len(chosen) > size else None
        following = (last.listing.created, last.session_id) if last else None
        page = []
        for spot in chosen[:size]:
            if (facts := await self._told(spot.session_id, principal)) is not None:
                page.append(facts)
            await asyncio.sleep(0)
        return Page(page, following, total)

    async def close(self, session_id: str, principal: str, *, erase: bool) -> Facts | None:
        """End a session, wherever it is; tells how it ended, unless it is to leave no trace or was not there.

        Raises SESSION_NOT_FOUND for somebody else's, and STORE_UNAVAILABLE.
        """
        kept, data = await self._keeper.located(session_id)
        if kept is None and data is None:
            return None
        facts = await self._told(session_id, principal)
        if facts is None:
            raise not_found(session_id)
        if kept is not None:
            self._keeper.forget(kept)
        try:
            stored = facts.label.durability is Durability.STORED
            await self._keeper.parking.erase(session_id, stored=stored, purge=erase)
        except ServiceError:
            if kept is not None:
                self._keeper.adopt(kept)
            raise
        if kept is not None:
            kept.serving.engine.end(kept.stream, closed(session_id), "closed")
        return None if erase else facts

    def facts(self, where: Kept | Found) -> Facts:
        """What is told of a session now."""
        return facts_of(where, self._revival.clock())

    async def _told(self, session_id: str, principal: str) -> Facts | None:
        """What is told of a session, be its model served or not; None for one that is gone, or somebody else's."""
        kept, data = await self._keeper.located(session_id)
        if kept is not None:
            return self.facts(kept) if kept.label.principal == principal else None
        if data is None:
            return None
        sealed = self._revival.unsealed(data)
        if sealed.label.principal != principal:
            return None
        try:
            return await self._with_expiry(self.facts(self._revival.found(sealed)))
        except ServiceError:
            return await self._with_expiry(facts_of_label(sealed))

    async def _with_expiry(self, facts: Facts) -> Facts:
        """With how long the store will keep it, where it is there alone."""
        if facts.place is not Place.PARKED:
            return facts
        remaining = await self._keeper.parking.remaining(facts.label.session_id)
        return replace(facts, expires=None if remaining is None else self._revival.clock() + remaining)

    def _spots(self, kepts: Mapping[str, Kept], listed: Mapping[str, bytes], principal: str) -> list[Spot]:
        """All sessions of a principal: those that are here, and those that are in a store alone."""
        own = [(kept, kept.label.session_id) for kept in kepts.values() if kept.label.principal == principal]
        spots = [Spot(name, Place.of(kept), self._revival.listing(kept)) for kept, name in own]
        parked = ((name, Listing.decode(data)) for name, data in listed.items() if name not in kepts)
        return spots + [Spot(name, Place.PARKED, listing) for name, listing in parked if listing.principal == principal]


def _chosen(
    spots: Sequence[Spot], matches: Callable[[Spot], bool], count: int, after: tuple[float, str] | None
) -> tuple[list[Spot], int]:
    """The first that match behind a place, and how many match in all."""
    matching = [spot for spot in spots if matches(spot)]
    behind = matching if after is None else [spot for spot in matching if spot.order > (-after[0], after[1])]
    return nsmallest(count, behind, key=lambda spot: spot.order), len(matching)
