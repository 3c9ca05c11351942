"""Forecasting on the wire: options, observations and results arrive as they were sent."""

import numpy as np
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from hiddenstate.v1 import forecast_pb2
from service.bundle import load_bundle
from service.errors import Reason, ServiceError
from service.frontends.calendar import Frequency
from service.rpc.forecast import ForecastCodec
from service.tasks.following import Demand, Forecast, Observations
from service.tasks.task import Answer, Finish
from tests.repositories import FORECAST, REPOSITORY

MANIFEST = load_bundle(REPOSITORY / FORECAST / "1").manifest
codec = ForecastCodec()


def test_options_that_are_left_out_are_those_of_the_model():
    options = codec.options(forecast_pb2.ForecastConfig())
    assert (options.frequency, options.season, options.on_demand) == (None, 0, False)
    assert (options.forecast.horizon, options.forecast.levels) == (0, ())


def test_every_option_arrives():
    options = codec.options(
        forecast_pb2.ForecastConfig(
            options=forecast_pb2.ForecastOptions(horizon_count=3, quantile_levels=[0.25]),
            trigger=forecast_pb2.FORECAST_TRIGGER_ON_DEMAND,
            frequency=forecast_pb2.FREQUENCY_QUARTERLY,
            season_length=5,
        )
    )
    assert (options.frequency, options.season, options.on_demand) == (Frequency.QUARTERLY, 5, True)
    assert (options.forecast.horizon, options.forecast.levels) == (3, (0.25,))


def test_observations_arrive_with_their_times():
    times = [Timestamp(seconds=-5, nanos=250_000_000), Timestamp(seconds=7)]
    said = forecast_pb2.Observations(values=[1.5, float("nan")], times=times)
    found = codec.payload(forecast_pb2.ForecastRequest(observations=said), MANIFEST)
    assert isinstance(found, Observations)
    np.testing.assert_array_equal(found.values, [1.5, np.nan])
    assert found.times.tolist() == [-4_750_000, 7_000_000]


def test_demands_and_ends_arrive():
    plain = forecast_pb2.ForecastRequest(forecast=forecast_pb2.ForecastDemand())
    assert codec.payload(plain, MANIFEST) == Demand(None)
    plain.forecast.options.horizon_count = 2
    assert codec.payload(plain, MANIFEST).options.horizon == 2
    finish = forecast_pb2.ForecastRequest()
    finish.finish.SetInParent()
    assert codec.payload(finish, MANIFEST) == Finish()


@pytest.mark.parametrize("stamp", [Timestamp(seconds=2**62), Timestamp(nanos=-1)])
def test_a_time_that_is_no_moment_is_refused(stamp):
    request = forecast_pb2.ForecastRequest(observations=forecast_pb2.Observations(values=[1], times=[stamp]))
    with pytest.raises(ServiceError) as caught:
        codec.payload(request, MANIFEST)
    assert caught.value.reason == Reason.TIME_OUT_OF_RANGE


def test_a_forecast_is_written_whole():
    quantiles = np.array([[1.0, 2.0], [3.0, 4.0]])
    forecast = Forecast(7, np.array([2.0, 3.0]), (0.1, 0.9), quantiles, np.array([-1, 1_500_000]))
    (response,) = codec.responses([Answer(4, 2, forecast)])
    found = response.forecast
    assert (found.answer_number, found.sequence_number, found.observation_count) == (4, 2, 7)
    assert list(found.means) == [2.0, 3.0]
    assert [list(each.values) for each in found.quantiles] == quantiles.tolist()
    assert [(each.seconds, each.nanos) for each in found.times] == [(-1, 999_999_000), (1, 500_000_000)]
