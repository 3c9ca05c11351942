"""Forecasting on the wire."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from google.protobuf.timestamp_pb2 import Timestamp

from hiddenstate.v1 import forecast_pb2, session_pb2
from service.bundle import Manifest
from service.errors import Reason, invalid
from service.frontends.calendar import Frequency, Times
from service.tasks.following import Demand, FollowingOptions, Forecast, ForecastOptions, Observations
from service.tasks.task import Answer, Finish

SECOND = 1_000_000
"""Microseconds."""
EARLIEST, LATEST = -62_135_596_800, 253_402_300_799
"""Seconds since 1970 of the first and the last moment that a time stamp can tell: years 1 to 9999."""


class ForecastCodec:
    """Reads observations, writes forecasts."""

    task = "forecast"
    request_type = forecast_pb2.ForecastRequest

    def options(self, config: forecast_pb2.ForecastConfig) -> FollowingOptions:
        """When to look ahead, and how. Raises FREQUENCY_UNSUPPORTED or OPTION_OUT_OF_RANGE."""
        if config.trigger not in forecast_pb2.ForecastTrigger.values():
            problem = f"trigger {config.trigger} is none that this server knows"
            raise invalid(Reason.OPTION_OUT_OF_RANGE, problem, "config.trigger")
        return FollowingOptions(
            forecast=_options(config.options),
            on_demand=config.trigger == forecast_pb2.FORECAST_TRIGGER_ON_DEMAND,
            frequency=_frequency(config.frequency),
            season=config.season_length,
        )

    def payload(self, request: forecast_pb2.ForecastRequest, manifest: Manifest) -> Observations | Demand | Finish:
        """Observations, a demand, or the end of a series. Raises TIME_OUT_OF_RANGE."""
        kind = request.WhichOneof("content")
        if kind == "observations":
            values = np.array(request.observations.values, np.float64)
            times = _times(request.observations.times) if request.observations.times else None
            return Observations(values, times)
        if kind == "forecast":
            return Demand(_options(request.forecast.options) if request.forecast.HasField("options") else None)
        return Finish()

    def opened(self, opened: session_pb2.Opened, options: FollowingOptions) -> Any:
        """The first response."""
        return forecast_pb2.ForecastResponse(opened=opened)

    def responses(self, answers: Sequence[Answer]) -> Iterator[forecast_pb2.ForecastResponse]:
        """One response for each forecast."""
        for number, sequence_number, forecast in answers:
            yield forecast_pb2.ForecastResponse(forecast=_result(number, sequence_number, forecast))


def _options(options: forecast_pb2.ForecastOptions) -> ForecastOptions:
    return ForecastOptions(options.horizon_count, tuple(options.quantile_levels))


def _frequency(number: int) -> Frequency | None:
    if number == forecast_pb2.FREQUENCY_UNSPECIFIED:
        return None
    if number not in forecast_pb2.Frequency.values():
        problem = f"frequency {number} is none that this server knows: use FREQUENCY_OTHER"
        raise invalid(Reason.FREQUENCY_UNSUPPORTED, problem, "config.frequency")
    return Frequency(forecast_pb2.Frequency.Name(number).removeprefix("FREQUENCY_").lower())


def _times(stamps: Sequence[Timestamp]) -> Times:
    for place, stamp in enumerate(stamps):
        if not EARLIEST <= stamp.seconds <= LATEST or not 0 <= stamp.nanos < 1_000_000_000:
            problem = f"time {place} is no moment of the years 1 to 9999"
            raise invalid(Reason.TIME_OUT_OF_RANGE, problem, f"observations.times[{place}]")
    return np.array([stamp.seconds * SECOND + stamp.nanos // 1000 for stamp in stamps], np.int64)


def _result(number: int, sequence_number: int, forecast: Forecast) -> forecast_pb2.ForecastResult:
    times = [] if forecast.times is None else forecast.times.tolist()
    return forecast_pb2.ForecastResult(
        answer_number=number,
        sequence_number=sequence_number,
        observation_count=forecast.observation_count,
        means=forecast.means.tolist(),
        quantiles=[
            forecast_pb2.Quantile(level=level, values=values)
            for level, values in zip(forecast.levels, forecast.quantiles.tolist(), strict=True)
        ],
        times=[Timestamp(seconds=time // SECOND, nanos=time % SECOND * 1000) for time in times],
    )
