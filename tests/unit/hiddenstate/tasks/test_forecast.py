"""What the client says when it follows a series, and what it makes of the answers."""

import math
from datetime import UTC, datetime, timedelta, timezone

import pytest

from hiddenstate.protocol import StreamProtocol
from hiddenstate.requests import requests_of
from hiddenstate.tasks.forecast import FORECAST, ForecastScript, forecasts, frequency_of, model_for
from hiddenstate.v1 import forecast_pb2


def said(observations, **options):
    protocol = StreamProtocol.of(FORECAST, options)
    return list(requests_of(ForecastScript(protocol, options), observations))


def test_without_each_all_observations_travel_together():
    config, observations, end = said([1.0, None, 3.0], horizon=4, quantiles=[0.2, 0.8], season_length=7)
    assert config.config.trigger == forecast_pb2.FORECAST_TRIGGER_ON_DEMAND
    assert config.config.options.horizon_count == 4
    assert config.config.season_length == 7
    assert list(config.config.options.quantile_levels) == pytest.approx([0.2, 0.8])
    assert math.isnan(observations.observations.values[1])
    assert end.WhichOneof("content") == "end"
    assert [len(each.observations.values) for each in said(range(2500))[1:-1]] == [1024, 1024, 452]


def test_with_each_every_observation_travels_alone_with_its_time_in_utc():
    zone = timezone(timedelta(hours=2))
    config, first, second, _ = said(
        [(datetime(2024, 1, 1), 1.0), (datetime(2024, 2, 1, 1, tzinfo=zone), 2.0)], each=True, frequency="monthly"
    )
    assert config.config.trigger == forecast_pb2.FORECAST_TRIGGER_EACH_MESSAGE
    assert config.config.frequency == forecast_pb2.FREQUENCY_MONTHLY
    assert first.observations.times[0].ToDatetime() == datetime(2024, 1, 1)
    assert second.observations.times[0].ToDatetime() == datetime(2024, 1, 31, 23)


def test_a_forecast_arrives_whole_and_once():
    message = forecast_pb2.ForecastResponse(
        forecast=forecast_pb2.ForecastResult(
            answer_number=1,
            observation_count=9,
            means=[1.0, 2.0],
            quantiles=[forecast_pb2.Quantile(level=0.1, values=[0.5, 0.6])],
        )
    )
    message.forecast.times.add().FromDatetime(datetime(2024, 1, 1))
    protocol = StreamProtocol.of(FORECAST, {})
    (found,) = forecasts(protocol, "forecast", message)
    assert found.quantiles == {0.1: (0.5, 0.6)}
    assert (found.means, found.observation_count) == ((1.0, 2.0), 9)
    assert found.times == (datetime(2024, 1, 1, tzinfo=UTC),)
    assert forecasts(protocol, "forecast", message) == []


@pytest.mark.parametrize(
    ("times", "frequency"),
    [
        ([(2024, 1, 31), (2024, 2, 29), (2024, 4, 30)], "monthly"),
        ([(2023, 10, 1), (2024, 1, 1)], "quarterly"),
        ([(1990, 6, 1), (1991, 6, 1)], "yearly"),
        ([(2024, 1, 1), (2024, 1, 8)], "weekly"),
        ([(2024, 1, 1), (2024, 1, 4), (2024, 1, 5)], "daily"),
        ([(2024, 1, 1, 3), (2024, 1, 1, 4)], "hourly"),
        ([(2024, 1, 1, 3), (2024, 1, 1, 3, 30)], "other"),
        ([(2024, 1, 1)], "other"),
    ],
)
def test_the_frequency_shows_in_the_times(times, frequency):
    assert frequency_of([datetime(*time) for time in times]) == frequency


def test_every_frequency_has_a_shipped_model():
    assert [model_for(each) for each in ("monthly", "yearly", "daily")] == ["m3-monthly", "m3-yearly", "m3-other"]
