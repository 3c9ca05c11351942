"""Re-entry: a store that was started anew may have forgotten sessions that go on here; their owner enters them anew."""

import time
from collections.abc import Callable
from enum import Enum

from service.kept import Kept, Written
from service.stores.store import Store


class Verdict(Enum):
    """What a session is whose snapshot the store did not take."""

    LOST = "another server owns it, or somebody has erased it"
    FORGOTTEN = "the store knows too little of it, and no client is joined to it here"
    ENTERED = "the store knew too little of it, and has a new owner for it: this server"


class Reentry:
    """Tells sessions that a store has forgotten from those that another server owns or that somebody has erased.

    To their owner they look alike: the store takes no snapshot of them. But a store forgets in two cases alone: it was
    started anew from what it had kept, or a session's time was over because nobody could write.
    """

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._incarnation = ""
        self._known = False

    @property
    def uncertain(self) -> bool:
        """Whether the store has to be asked who it is."""
        return not self._known

    def failed(self) -> None:
        """It could not be reached, and may be another one when it can."""
        self._known = False

    async def look(self) -> bool:
        """Ask the store who it is; whether it may have forgotten anything since then. Raises StoreError."""
        before, self._incarnation = self._incarnation, await self._store.incarnation()
        failed, self._known = not self._known, True
        return failed or before != self._incarnation

    def wrote(self, kept: Kept) -> None:
        """The store knows a session now."""
        kept.written = Written(self._clock(), self._incarnation)

    async def judge(self, kept: Kept, *, wanted: bool) -> Verdict:
        """What became of a session whose snapshot was not taken; it is entered anew if it was forgotten and its client
        is here: joined to it or, if `wanted`, about to be. Raises StoreError.
        """
        if kept.epoch is None or not self._may_have_forgotten(kept):
            return Verdict.LOST
        session_id, lifetime = kept.label.session_id, kept.label.idle_timeout
        entry = await self._store.read(session_id)
        if entry is not None and entry.epoch >= kept.epoch:
            return Verdict.LOST
        if not (kept.attached or wanted):
            return Verdict.FORGOTTEN
        kept.epoch = (await self._store.claim(session_id, lifetime)).epoch
        self.wrote(kept)
        return Verdict.ENTERED

    def _may_have_forgotten(self, kept: Kept) -> bool:
        when, incarnation = kept.written or Written(self._clock(), self._incarnation)
        return incarnation not in ("", self._incarnation) or self._clock() - when >= kept.label.idle_timeout
