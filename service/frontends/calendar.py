"""Time stamps of a series: which step each one is, which steps were left out, and when the values to come will be.

Months, quarters and years are steps of the calendar (UTC), whatever their length; all others have a fixed length. Of a
series with any other frequency it is the time between its first two stamps.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.errors import Reason, invalid

Times: TypeAlias = NDArray[np.int64]
"""Microseconds since 1970, UTC."""


class Frequency(StrEnum):
    """Time from one observation to the next."""

    OTHER = "other"
    YEARLY = "yearly"
    QUARTERLY = "quarterly"
    MONTHLY = "monthly"
    WEEKLY = "weekly"
    DAILY = "daily"
    HOURLY = "hourly"


MONTHS = {Frequency.YEARLY: 12, Frequency.QUARTERLY: 3, Frequency.MONTHLY: 1}
"""In one step of the calendar."""
SEASONS = {
    Frequency.OTHER: 1,
    Frequency.YEARLY: 1,
    Frequency.QUARTERLY: 4,
    Frequency.MONTHLY: 12,
    Frequency.WEEKLY: 52,
    Frequency.DAILY: 7,
    Frequency.HOURLY: 24,
}
"""Observations after which a pattern usually repeats; 1: none."""
_SECOND = 1_000_000
_LENGTHS = {Frequency.WEEKLY: 604_800 * _SECOND, Frequency.DAILY: 86_400 * _SECOND, Frequency.HOURLY: 3600 * _SECOND}


@dataclass(frozen=True, slots=True)
class Calendar:
    """Where a series stands in time: its newest stamp, None before the first; `length`: of a step, where it is fixed
    and known, in microseconds.
    """

    frequency: Frequency
    newest: int | None = None
    length: int | None = None

    @classmethod
    def of(cls, frequency: Frequency) -> Calendar:
        """The calendar of a series that has not begun."""
        return cls(frequency, None, _LENGTHS.get(frequency))

    def advance(self, times: Times) -> tuple[NDArray[np.int64], Calendar]:
        """How many steps each stamp is behind the one before (the first of a series: 1), and the calendar after them.

        Raises TIME_NOT_LATER for a stamp that is not at least one step later.
        """
        before = times[0] if self.newest is None else self.newest
        both = np.concatenate([[before], times])
        length = self.length
        if self.frequency in MONTHS:
            steps = np.diff(_months(both) // MONTHS[self.frequency])
        else:
            apart = np.diff(both)
            if length is None and (apart > 0).any():
                length = int(apart[apart > 0][0])
            steps = np.rint(apart / (length or 1)).astype(np.int64)
        if self.newest is None:
            steps[0] = 1
        if (steps < 1).any():
            place = int(np.flatnonzero(steps < 1)[0])
            later = "one step" if self.frequency == Frequency.OTHER else f"a step ({self.frequency.value})"
            problem = f"time {place} is not at least {later} later than the one before it"
            raise invalid(Reason.TIME_NOT_LATER, problem, f"observations.times[{place}]")
        return steps, Calendar(self.frequency, int(times[-1]), length)

    def following(self, count: int) -> Times | None:
        """The times of the next `count` values; None while there is no stamp, or one alone and no known step."""
        if self.newest is None or (self.length is None and self.frequency not in MONTHS):
            return None
        if self.frequency not in MONTHS:
            return self.newest + np.arange(1, count + 1) * (self.length or 0)
        newest = np.datetime64(self.newest, "us")
        month = newest.astype("datetime64[M]")
        months = month + np.arange(1, count + 1) * MONTHS[self.frequency]
        # The same day of the month, or its last where it has fewer.
        day = newest.astype("datetime64[D]") - month.astype("datetime64[D]")
        longest = (months + 1).astype("datetime64[D]") - months.astype("datetime64[D]") - 1
        clock = newest - newest.astype("datetime64[D]")
        found: Times = (months.astype("datetime64[D]") + np.minimum(day, longest) + clock).astype(np.int64)
        return found


def _months(times: Times) -> NDArray[np.int64]:
    """Months since 1970."""
    return times.astype("datetime64[us]").astype("datetime64[M]").astype(np.int64)
