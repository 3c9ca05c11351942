"""Forecasting is learned from every place of every series, and scored as the competition scored it."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from service.frontends.calendar import Frequency
from training.data.cache import DataError
from training.data.series import made_up
from training.run import plain
from training.tasks import forecast_baselines, forecast_examination
from training.tasks.forecast import LEVELS, MONTHLY, OTHER, QUARTERLY, YEARLY, Forecasting, quantile_loss
from training.tasks.forecast_baselines import Baseline, baselines
from training.tasks.forecast_examination import figures
from training.tasks.forecast_places import EARLY_WEIGHT, learned
from training.tasks.forecast_scores import coverage, smape

SERIES = made_up(Frequency.QUARTERLY, 8, count=6)


def subject(**changes) -> Forecasting:
    return Forecasting(replace(QUARTERLY.recipe("gru", True), **changes), SERIES, "made-up")


def test_it_learns_and_soon_errs_less_than_at_first():
    forecasting = subject(hidden=16)
    optimizer = torch.optim.Adam(forecasting.network.parameters(), 0.01)
    before = forecasting.validate(forecasting.network)
    for step in range(15):
        optimizer.zero_grad()
        loss = forecasting.loss(step)
        loss.backward()
        optimizer.step()
    assert forecasting.validate(forecasting.network) < before


def test_a_rehearsal_never_sees_what_it_is_validated_on():
    changed = replace(SERIES, series=tuple(replace(s, past=np.r_[s.past[:-8], s.past[-8:] * 9]) for s in SERIES.series))
    recipe = replace(QUARTERLY.recipe("gru", True), rehearsal=True)
    same = [Forecasting(recipe, series, "made-up").loss(3).item() for series in (SERIES, changed)]
    other = [
        Forecasting(replace(recipe, rehearsal=False), each, "made-up").loss(3).item() for each in (SERIES, changed)
    ]
    assert same[0] == same[1]
    assert other[0] != other[1]


def test_a_place_is_learned_with_the_values_behind_it():
    frontend = QUARTERLY.recipe().frontend
    values = np.exp(np.random.default_rng(1).normal(2, 0.1, 30))
    steps, truth, spread, weight = learned(frontend, values, values)
    _, outlook, _ = frontend.feed(frontend.start(), values)
    back = outlook.at(10).values(truth[10][:, None].astype(np.float64))[:, 0]
    np.testing.assert_allclose(back, values[11:19], rtol=1e-5)
    assert np.isnan(truth[-1]).all()
    assert (weight[-1].max(), weight[0, 0], weight[15, 0]) == (0, np.float32(EARLY_WEIGHT), 1)
    assert len(steps) == len(spread) == 30


def test_the_median_loss_is_smape_where_the_curve_is_a_logarithm():
    """And what is not known weighs nothing."""
    error = torch.full((1, 1, 2, len(LEVELS)), 0.3)
    error[0, 0, 1] = 99.0
    spread, weight = torch.ones(1, 1), torch.tensor([[[1.0, 0.0]]])
    levels = torch.tensor(LEVELS)
    pinball = torch.maximum(levels * 0.3, (levels - 1) * 0.3).mean()
    ratio = float(np.exp(0.3))
    expected = smape(np.array([ratio]), np.array([1.0])) / 100 + 0.45 * float(pinball)
    assert quantile_loss(error, spread, weight).item() == pytest.approx(expected, rel=1e-6)


def test_smape_is_that_of_the_competition():
    assert smape(np.array([[100.0, 0.0]]), np.array([[50.0, 0.0]])) == pytest.approx((200 * 50 / 150) / 2)
    assert smape(np.array([[2.0, np.nan]]), np.array([[2.0, 7.0]])) == 0


def test_coverage_counts_what_is_known():
    truth, low, high = np.array([1.0, 5.0, np.nan]), np.zeros(3), np.full(3, 2.0)
    assert coverage(truth, low, high) == 0.5


def test_figures_stand_beside_every_baseline(monkeypatch):
    truth = np.stack([each.future for each in SERIES.series])
    fitted = Baseline("AutoETS", truth * 1.1, truth * 2, truth * 3)
    monkeypatch.setattr("training.tasks.forecast_examination.baselines", lambda *_: [fitted])
    found = np.stack([truth * 0.9, truth, truth * 1.1], axis=-1)
    score, held = figures(SERIES, QUARTERLY.recipe().frontend, found, "hiddenstate train")
    assert (score.metric, score.value, score.baseline) == ("smape", 0.0, "AutoETS")
    assert score.baseline_value == pytest.approx(200 * 0.1 / 2.1, abs=1e-3)
    assert (held.metric, held.value, held.baseline_value) == ("coverage_error", 20.0, 80.0)


def test_the_naive_forecast_repeats_the_last_season_and_fitted_ones_need_their_package(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(forecast_baselines, "_fit", lambda *_: False)
    frontend = QUARTERLY.recipe().frontend
    (naive,) = baselines([np.array([np.nan, 1, 2, 3, 4, 5, np.nan])], frontend, tmp_path)
    assert naive.points.tolist() == [[3, 4, 5, 2, 3, 4, 5, 2]]
    assert "hiddenstate[baselines]" in capsys.readouterr().err


def test_a_recorded_baseline_that_cannot_be_measured_is_said(monkeypatch):
    monkeypatch.setattr(forecast_examination, "quantiles", lambda *_: None)
    monkeypatch.setattr(forecast_examination, "figures", lambda *_: ())
    monkeypatch.setattr(forecast_examination.ForecastModel, "of", lambda _: SimpleNamespace(frontend=None))
    bundle = SimpleNamespace(manifest=SimpleNamespace(quality=[SimpleNamespace(baseline="AutoETS")]))
    with pytest.raises(DataError, match=r"AutoETS cannot be measured: run pip install 'hiddenstate\[baselines\]'"):
        forecast_examination.ForecastExamination(SERIES).figures(bundle, "fp32", "")


def test_a_recipe_comes_back_from_its_plain_data():
    for task in (YEARLY, QUARTERLY, MONTHLY, OTHER):
        recipe = task.recipe("lstm", False, 3)
        assert task.recipe_from(plain(recipe)) == recipe


def test_there_are_no_folds():
    with pytest.raises(ValueError, match="one split"):
        MONTHLY.cross_validate(MONTHLY.recipe(), None, 10, None, "")
