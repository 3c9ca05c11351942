"""An agenda: what is to be looked at, and when. A look costs what is due, not what is on it."""

from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class Agenda(Generic[K]):
    """Keys by when they are due, in seconds on the caller's clock.

    They lie in drawers of `grain` seconds each; a look goes through drawers, so their number should stay in the tens.
    """

    def __init__(self, grain: float) -> None:
        self._grain = grain
        self._when: dict[K, float] = {}
        self._drawers: dict[int, dict[K, None]] = {}

    def __len__(self) -> int:
        return len(self._when)

    def __contains__(self, key: object) -> bool:
        return key in self._when

    def put(self, key: K, when: float) -> None:
        """It is due then, whatever was said of it before."""
        self.drop(key)
        self._when[key] = when
        self._drawers.setdefault(self._drawer(when), {})[key] = None

    def drop(self, key: K) -> None:
        """It is of no interest any more."""
        when = self._when.pop(key, None)
        if when is None:
            return
        number = self._drawer(when)
        drawer = self._drawers[number]
        del drawer[key]
        if not drawer:
            del self._drawers[number]

    def due(self, now: float) -> list[K]:
        """What is due by now, the earliest drawer first; it is off the agenda then."""
        last = self._drawer(now)
        keys = [
            key
            for number in sorted(number for number in self._drawers if number <= last)
            for key in self._drawers[number]
            if number < last or self._when[key] <= now
        ]
        for key in keys:
            self.drop(key)
        return keys

    def _drawer(self, when: float) -> int:
        return int(when // self._grain)
