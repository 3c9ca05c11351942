"""Forecasting: observations in, how the series goes on out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Literal, TypeAlias, get_args

from hiddenstate.options import SessionOptions
from hiddenstate.protocol import Rpc, StreamProtocol
from hiddenstate.v1 import forecast_pb2
from hiddenstate.wire import session_config

FORECAST = Rpc("/hiddenstate.v1.ForecastService/Forecast", forecast_pb2.ForecastRequest, forecast_pb2.ForecastResponse)
Frequency: TypeAlias = Literal["other", "yearly", "quarterly", "monthly", "weekly", "daily", "hourly"]
FREQUENCIES: tuple[Frequency, ...] = get_args(Frequency)
Value: TypeAlias = float | None
"""None or NaN: missing."""
Observation: TypeAlias = Value | tuple[datetime, Value]
"""A value by itself, or with the time it was made at; a time without a zone is taken to be UTC."""
MAX_PIECE_VALUES = 1024
"""Observations in one message, where forecasts do not depend on it."""

_STEPS: Mapping[Frequency, timedelta] = {
    "hourly": timedelta(hours=1),
    "daily": timedelta(days=1),
    "weekly": timedelta(weeks=1),
    "monthly": timedelta(days=30.44),
    "quarterly": timedelta(days=91.3),
    "yearly": timedelta(days=365.25),
}
_TOLERANCE = 0.1
_SHIPPED: tuple[Frequency, ...] = ("yearly", "quarterly", "monthly")


class ForecastOptions(SessionOptions, total=False):
    """Options of a session that follows a series.

    model: name; may be left out where one model alone serves the task.
    horizon: values to forecast. Default: as many as the model can.
    quantiles: levels between 0 and 1, ascending, at most 99. Default: 0.1, 0.5 and 0.9.
    each: a forecast after each observation. Default: one at the end.
    frequency: time from one observation to the next. Default: that of the model.
    season_length: observations after which a pattern repeats. Default: as usual for the frequency.
    """

    model: str | None
    horizon: int | None
    quantiles: Sequence[float] | None
    each: bool | None
    frequency: Frequency | None
    season_length: int | None


@dataclass(frozen=True, slots=True)
class Forecast:
    """How a series goes on, the next value first.

    means: expected values. quantiles: values by level. times: when each will be; empty when there were none.
    observation_count: observations it was made from, missing ones included.
    """

    means: tuple[float, ...]
    quantiles: Mapping[float, tuple[float, ...]]
    times: tuple[datetime, ...]
    observation_count: int
    answer_number: int


@dataclass(slots=True)
class ForecastScript:
    """Every piece is one observation; sent at once when each of them is answered, else gathered."""

    protocol: StreamProtocol
    options: ForecastOptions
    _waiting: list[Observation] = field(default_factory=list)

    def begin(self) -> Any:
        """The config."""
        options = self.options
        each = options.get("each")
        trigger = "FORECAST_TRIGGER_EACH_MESSAGE" if each else "FORECAST_TRIGGER_ON_DEMAND"
        frequency = f"FREQUENCY_{(options.get('frequency') or 'unspecified').upper()}"
        return self.protocol.config(
            forecast_pb2.ForecastConfig(
                session=session_config(options, options.get("model")),
                options=forecast_pb2.ForecastOptions(
                    horizon_count=options.get("horizon") or 0, quantile_levels=options.get("quantiles") or ()
                ),
                trigger=getattr(forecast_pb2, trigger),
                frequency=getattr(forecast_pb2, frequency),
                season_length=options.get("season_length") or 0,
            )
        )

    def piece(self, observation: Observation) -> Iterator[Any]:
        """The request for an observation, once it is time to send it."""
        self._waiting.append(observation)
        if self.options.get("each") or len(self._waiting) == MAX_PIECE_VALUES:
            yield self._gathered()

    def end(self) -> Iterable[Any]:
        """What is left; no more input."""
        if self._waiting:
            yield self._gathered()
        yield self.protocol.end()

    def _gathered(self) -> Any:
        pairs = [each if isinstance(each, tuple) else (None, each) for each in self._waiting]
        self._waiting = []
        observations = forecast_pb2.Observations(values=[math.nan if value is None else value for _, value in pairs])
        for time, _ in pairs:
            if time is not None:
                observations.times.add().FromDatetime(in_utc(time))
        return self.protocol.message(observations=observations)


def forecasts(protocol: StreamProtocol, content: str, response: Any) -> list[Forecast]:
    """The forecast in an answer."""
    if content != "forecast" or not protocol.is_new(response.forecast.answer_number):
        return []
    found = response.forecast
    return [
        Forecast(
            means=tuple(found.means),
            quantiles={round(each.level, 6): tuple(each.values) for each in found.quantiles},
            times=tuple(time.ToDatetime(tzinfo=UTC) for time in found.times),
            observation_count=found.observation_count,
            answer_number=found.answer_number,
        )
    ]


def in_utc(time: datetime) -> datetime:
    """A time in UTC; one without a zone is taken to be."""
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def frequency_of(times: Sequence[datetime]) -> Frequency:
    """The frequency of a series, from the smallest distance between two of its times; `other` when it is none."""
    apart = min((later - earlier for earlier, later in pairwise(times)), default=timedelta(0))
    for name, step in _STEPS.items():
        if abs(apart / step - 1) < _TOLERANCE:
            return name
    return "other"


def model_for(frequency: Frequency) -> str:
    """The shipped model that was made for a frequency."""
    return f"m3-{frequency if frequency in _SHIPPED else 'other'}"
