"""What is said about series that go on: observations and options in, forecasts out, and where a session stands."""

from dataclasses import dataclass
from typing import NamedTuple

from service.frontends.calendar import Calendar, Frequency, Times
from service.frontends.series import Floats, Outlook
from service.state import Array
from service.tasks.task import End, Finish


@dataclass(frozen=True, slots=True)
class Observations:
    """The next values [n], NaN where one is missing, and when each was made [n]; no times: one after the other."""

    values: Floats
    times: Times | None = None


@dataclass(frozen=True, slots=True)
class ForecastOptions:
    """`horizon`: values to forecast, 0 as many as the model can; `levels`: of the quantiles, empty for the default."""

    horizon: int = 0
    levels: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class FollowingOptions:
    """Of a session. `frequency`: None for that of the model; `season`: 0 for the usual one of the frequency."""

    forecast: ForecastOptions = ForecastOptions()
    on_demand: bool = False
    frequency: Frequency | None = None
    season: int = 0


@dataclass(frozen=True, slots=True)
class Demand:
    """Look ahead from here, with these options instead of those of the session."""

    options: ForecastOptions | None = None


class Forecast(NamedTuple):
    """How a series goes on: expected values [horizon], quantiles [levels, horizon], and when each value will be."""

    observation_count: int
    means: Floats
    levels: tuple[float, ...]
    quantiles: Floats
    times: Times | None


class View(NamedTuple):
    """What a chunk sees of its series at its last step; `asked` is what is to be forecast from there."""

    outlook: Outlook | None
    observation_count: int
    calendar: Calendar
    asked: ForecastOptions | None
    end: Finish | End | None = None


@dataclass(slots=True)
class Following:
    """The progress of a session: the series as far as it was accepted, and what the network said last.

    `window`: its newest values; `count`: observations, missing ones included; `numbers` [horizon, quantiles].
    """

    options: ForecastOptions
    on_demand: bool
    season: int
    calendar: Calendar
    window: Floats
    outlook: Outlook | None = None
    count: int = 0
    known: bool = False
    numbers: Array | None = None
    busy: bool = False

    def start_series(self, window: Floats) -> None:
        """Forget the series that has ended."""
        self.window, self.outlook, self.numbers = window, None, None
        self.calendar = Calendar.of(self.calendar.frequency)
        self.count, self.known, self.busy = 0, False, False


RECORDS = (Following, FollowingOptions, ForecastOptions, Calendar, Frequency, Outlook, View, Forecast)
