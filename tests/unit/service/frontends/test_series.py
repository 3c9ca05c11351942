"""Every step of a series looks back only, whatever the cuts, and what a network says comes back as values."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.frontends.series import LEAST_WINDOW, Outlook, SeriesFrontend

seasons = st.sampled_from([1, 2, 3, 4, 7, 12])
quick = settings(max_examples=30, deadline=None)


def frontend(season: int = 12) -> SeriesFrontend:
    return SeriesFrontend(season=season, horizon=5, lags=4, ahead=3)


@st.composite
def series(draw: st.DrawFn) -> np.ndarray:
    random = np.random.default_rng(draw(st.integers(0, 999)))
    values = np.cumsum(random.normal(size=draw(st.integers(1, 120)))) * 10.0 ** draw(st.integers(-6, 6))
    values[random.random(len(values)) < draw(st.sampled_from([0.0, 0.2]))] = np.nan
    return values


@quick
@given(values=series(), season=seasons, data=st.data())
def test_chunked_is_whole_bit_for_bit(values, season, data):
    whole, outlook, after = frontend(season).feed(frontend(season).start(), values)
    window, parts, looks = frontend(season).start(), [], []
    cuts = sorted(data.draw(st.sets(st.integers(1, max(len(values) - 1, 1)), max_size=4)) - {len(values)})
    for part in np.split(values, cuts):
        steps, look, window = frontend(season).feed(window, part)
        parts.append(steps)
        looks.append(look)
    assert np.concatenate(parts).tobytes() == whole.tobytes()
    assert window.tobytes() == after.tobytes()
    for number, expected in enumerate(outlook):
        assert np.concatenate([look[number] for look in looks]).tobytes() == expected.tobytes()


@quick
@given(values=series(), season=seasons)
def test_steps_are_finite_and_as_wide_as_said(values, season):
    steps, outlook, window = frontend(season).feed(frontend(season).start(), values)
    assert steps.shape == (len(values), frontend(season).width)
    assert steps.dtype == np.float32
    assert len(window) == frontend(season).memory
    assert all(np.isfinite(part).all() for part in (steps, *outlook))


@quick
@given(values=series().filter(lambda values: not np.isnan(values).any()), season=seasons)
def test_values_and_numbers_are_inverse(values, season):
    _, outlook, _ = frontend(season).feed(frontend(season).start(), values)
    coming = np.repeat(values[:, None], 5, axis=1) * np.array([1, 0.5, -1, 0, 1.5])
    back = outlook.values(outlook.numbers(coming)[..., None])[..., 0]
    np.testing.assert_allclose(back, coming, rtol=1e-6, atol=1e-9 * outlook.scale.max())


def test_the_unit_of_a_series_makes_no_difference_to_its_steps():
    values = np.exp(np.random.default_rng(1).normal(2, 0.3, 80))
    one, _, _ = frontend().feed(frontend().start(), values)
    other, _, _ = frontend().feed(frontend().start(), values * 1024)
    np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("season", [4, 12, 7])
def test_a_season_that_repeats_is_found_and_told_for_the_values_to_come(season):
    time = np.arange(6 * season)
    pattern = np.random.default_rng(season).normal(0, 0.2, season)
    pattern -= pattern.mean()
    values = 100 * np.exp(pattern[time % season])
    _, outlook, _ = frontend(season).feed(frontend(season).start(), values)
    coming = pattern[np.arange(len(time), len(time) + 5) % season]
    np.testing.assert_allclose(outlook.at(-1).seasonal, coming, atol=0.02)
    assert outlook.spread[-1] < 0.05


def test_noise_has_next_to_no_season():
    values = 100 * np.exp(np.random.default_rng(3).normal(0, 0.2, 200))
    _, outlook, _ = frontend().feed(frontend().start(), values)
    assert np.abs(outlook.seasonal).mean() < 0.06


def test_a_missing_value_is_that_of_a_season_ago_or_the_last_one_and_is_marked():
    values = np.array([1.0, 2.0, 3.0, 4.0, np.nan, np.nan])
    steps, _, window = frontend(4).feed(frontend(4).start(), values)
    assert window[-2:].tolist() == [1.0, 2.0]
    assert steps[:, -1].tolist() == [0, 0, 0, 0, 1, 1]
    _, _, early = frontend(12).feed(frontend(12).start(), values[2:5])
    assert early[-1] == 4.0


def test_a_series_that_stands_still_or_is_zero_does_no_harm():
    for value in (0.0, 7.0, -1e100, 1e-200):
        steps, outlook, _ = frontend().feed(frontend().start(), np.full(50, value))
        assert np.isfinite(steps).all()
        np.testing.assert_allclose(outlook.at(-1).values(np.zeros((5, 1))), value, rtol=1e-9, atol=1e-190)


def test_a_window_is_never_shorter_than_the_least():
    assert frontend(1).memory == LEAST_WINDOW
    assert frontend(12).memory == 60


def test_wild_numbers_stay_finite():
    outlook = Outlook(*(np.array(part) for part in (1.0, 5.0, 1.0)), np.zeros(5))
    assert np.isfinite(outlook.values(np.full((5, 2), 1e30))).all()
