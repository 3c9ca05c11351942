"""Sessions that follow a series: forecasts when due, of the values so far, whatever the cuts and neighbours."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.batch import InputSpec
from service.bundle import load_bundle
from service.errors import BundleError, Reason, ServiceError
from service.frontends.calendar import Frequency
from service.frontends.series import SeriesFrontend
from service.state import StateSpec
from service.tasks.following import Demand, FollowingOptions, Forecast, ForecastOptions, Observations
from service.tasks.forecast import Forecasting, ForecastModel
from service.tasks.task import End, Finish
from tests.fakes import crowd, engine_of, play
from tests.repositories import FORECAST, REPOSITORY, SERIES
from tests.strategies import few, limits

FRONTEND = SeriesFrontend(season=4, horizon=3, lags=4, ahead=2)
LEVELS = (0.1, 0.5, 0.9)
MODEL = ForecastModel("steps", "quantiles", (Frequency.QUARTERLY, Frequency.DAILY), FRONTEND, LEVELS)
EACH, ON_DEMAND = FollowingOptions(), FollowingOptions(on_demand=True)


class Drift:
    """A network that says how many steps it has seen, at every quantile, and one spread around it."""

    inputs = (InputSpec("steps", (FRONTEND.width,), "float32"),)
    states = (StateSpec("seen", (), "float32"),)

    def run(self, inputs: Mapping[str, Any], lengths: Any, state: Mapping[str, Any]) -> tuple[dict, dict]:
        count = np.arange(1, inputs["steps"].shape[1] + 1) + state["seen"][:, None]
        behind = np.arange(inputs["steps"].shape[1]) >= lengths[:, None]
        said = np.where(behind, np.nan, count / 100)[..., None, None] + np.zeros((3, 1)) + np.array([-1, 0, 1])
        return {"quantiles": said.astype(np.float32)}, {"seen": (state["seen"] + lengths).astype(np.float32)}


def play_series(conversations, options=EACH, **engine):
    return play(crowd(engine_of(Drift(), **engine), Forecasting(MODEL), options, conversations))


def observed(*values: float, times: Any = None) -> Observations:
    stamps = None if times is None else np.array(times, "datetime64[us]").astype(np.int64)
    return Observations(np.array(values, np.float64), stamps)


def expected(values: list[float], steps: int) -> np.ndarray:
    """Quantiles [3, horizon] after some values, the network having seen `steps`."""
    _, outlook, _ = FRONTEND.feed(FRONTEND.start(), np.array(values))
    return outlook.at(-1).values(np.float32(steps / 100) + np.zeros((3, 1)) + np.array([-1, 0, 1])).T


pieces = st.lists(st.lists(st.integers(-9, 9), min_size=1, max_size=9), min_size=1, max_size=5)


@few
@given(sessions=st.lists(pieces, min_size=1, max_size=4), limits=limits)
def test_a_forecast_after_each_message_sees_all_values_before_and_no_neighbour(sessions, limits):
    said = [[*(observed(*piece) for piece in each), End()] for each in sessions]
    for each, answers in zip(sessions, play_series(said, limits=limits), strict=True):
        assert [answer.number for answer in answers] == list(range(1, len(each) + 1))
        for number, answer in enumerate(answers, 1):
            values = [float(value) for piece in each[:number] for value in piece]
            assert answer.sequence_number == number
            assert answer.item.observation_count == len(values)
            np.testing.assert_allclose(answer.item.quantiles, expected(values, len(values)), rtol=1e-5, atol=1e-5)


@few
@given(each=pieces, limits=limits)
def test_on_demand_the_cuts_make_no_difference(each, limits):
    values = [value for piece in each for value in piece]
    said = [[*(observed(*piece) for piece in each), End()], [observed(*values), Demand(), End()]]
    cut, whole = play_series(said, ON_DEMAND, limits=limits)
    assert [len(cut), len(whole)] == [1, 2]
    for answer in whole:
        assert answer.item.quantiles.tobytes() == cut[0].item.quantiles.tobytes()


def test_a_finished_series_is_forgotten():
    ((first, second),) = play_series([[observed(5, 6, 7), Finish(), observed(1, 2), End()]])
    assert (first.item.observation_count, second.item.observation_count) == (3, 2)
    np.testing.assert_allclose(second.item.quantiles, expected([1, 2], 2), rtol=1e-5)


def test_a_demand_has_options_of_its_own_and_takes_its_turn():
    demand = Demand(ForecastOptions(2, (0.25,)))
    ((answer, last),) = play_series([[observed(5, 6), demand, observed(7), End()]], ON_DEMAND)
    assert answer.item.quantiles.shape == (1, 2)
    assert (answer.item.observation_count, last.item.observation_count) == (2, 3)
    assert last.item.levels == LEVELS


def test_steps_that_the_times_leave_out_count_as_missing_and_the_calendar_goes_on():
    gap = observed(5, 6, 7, times=["2024-01-01", "2024-04-01", "2024-10-01"])
    ((with_times,), (without,)) = play_series([[gap, End()], [observed(5, 6, np.nan, 7), End()]])
    assert with_times.item.observation_count == without.item.observation_count == 4
    assert with_times.item.quantiles.tobytes() == without.item.quantiles.tobytes()
    assert np.array(with_times.item.times).astype("datetime64[us]").astype("datetime64[M]").astype(str).tolist() == [
        "2025-01",
        "2025-04",
        "2025-07",
    ]
    assert without.item.times is None


def test_means_lie_within_the_fan():
    ((answer,),) = play_series([[observed(5, 6, 7, 5, 6, 7), End()]])
    assert isinstance(answer.item, Forecast)
    assert (answer.item.means > answer.item.quantiles[0]).all()
    assert (answer.item.means < answer.item.quantiles[2]).all()


@pytest.mark.parametrize(
    ("options", "reason", "field"),
    [
        (FollowingOptions(frequency=Frequency.YEARLY), Reason.FREQUENCY_UNSUPPORTED, "config.frequency"),
        (FollowingOptions(season=401), Reason.OPTION_OUT_OF_RANGE, "config.season_length"),
        (FollowingOptions(ForecastOptions(4)), Reason.OPTION_OUT_OF_RANGE, "config.options.horizon_count"),
        (
            FollowingOptions(ForecastOptions(0, (0.5, 0.5))),
            Reason.OPTION_OUT_OF_RANGE,
            "config.options.quantile_levels",
        ),
        (FollowingOptions(ForecastOptions(0, (0.0,))), Reason.OPTION_OUT_OF_RANGE, "config.options.quantile_levels"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, reason, field):
    with pytest.raises(ServiceError) as caught:
        Forecasting(MODEL).begin(options)
    assert (caught.value.reason, caught.value.violations[0].field) == (reason, field)


def test_a_frequency_brings_its_season_and_an_option_another():
    task = Forecasting(MODEL)
    seasons = [
        task.begin(options).season
        for options in (EACH, FollowingOptions(frequency=Frequency.DAILY), FollowingOptions(season=9))
    ]
    assert seasons == [4, 7, 9]


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([observed()], Reason.CHUNK_EMPTY),
        ([observed(1, np.inf)], Reason.VALUE_NOT_FINITE),
        ([observed(1e101)], Reason.VALUE_NOT_FINITE),
        ([observed(np.nan)], Reason.SERIES_EMPTY),
        ([Demand()], Reason.SERIES_EMPTY),
        ([Finish()], Reason.SERIES_EMPTY),
        ([observed(*range(4097))], Reason.MESSAGE_TOO_LARGE),
        ([observed(1, 2, times=["2024-01-01"])], Reason.TIME_MISSING),
        ([observed(1), observed(2, times=["2024-01-01"])], Reason.TIME_MISSING),
        ([observed(1, times=["2024-01-01"]), observed(2)], Reason.TIME_MISSING),
        ([observed(1, times=["2024-01-01"]), observed(2, times=["2023-01-01"])], Reason.TIME_NOT_LATER),
        ([observed(1, 2, times=["0024-01-01", "2024-01-01"])], Reason.TIME_GAP_TOO_LONG),
    ],
)
def test_bad_input_has_a_stable_reason_and_changes_nothing(messages, reason):
    task = Forecasting(MODEL)
    progress = task.begin(EACH)
    for message in messages[:-1]:
        task.accept(progress, message, 1, 0.0)
    before = (progress.count, progress.window.tobytes(), progress.calendar)
    with pytest.raises(ServiceError) as caught:
        task.accept(progress, messages[-1], 2, 0.0)
    assert caught.value.reason == reason
    assert before == (progress.count, progress.window.tobytes(), progress.calendar)


def test_a_bundle_becomes_the_task_and_one_without_a_frontend_for_series_does_not():
    assert Forecasting.from_bundle(load_bundle(REPOSITORY / FORECAST / "1")).begin(EACH).season == 12
    with pytest.raises(BundleError, match="a frontend for series"):
        Forecasting.from_bundle(load_bundle(REPOSITORY / SERIES / "1"))
