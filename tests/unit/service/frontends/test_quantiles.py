"""Quantiles between known levels follow the normal score, never cross, and are those given at the levels given."""

from statistics import NormalDist

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from service.frontends.quantiles import MEAN_LEVELS, at_levels

KNOWN = (0.05, 0.25, 0.5, 0.75, 0.95)


def test_a_normal_distribution_is_told_exactly_between_and_beyond():
    normal = NormalDist(3, 2)
    levels = (0.01, 0.05, 0.4, 0.5, 0.9, 0.999)
    found = at_levels(np.array([normal.inv_cdf(level) for level in KNOWN]), KNOWN, levels)
    np.testing.assert_allclose(found, [normal.inv_cdf(level) for level in levels])


@given(st.lists(st.floats(-1e3, 1e3, width=32), min_size=5, max_size=5))
def test_quantiles_never_cross(numbers):
    found = at_levels(np.array(numbers, np.float32), KNOWN, (0.001, 0.1, 0.3, 0.5, 0.7, 0.9, 0.999))
    assert (np.diff(found) >= -1e-9).all()


def test_the_mean_of_a_normal_distribution_is_its_middle():
    quantiles = np.array([NormalDist(3, 2).inv_cdf(level) for level in KNOWN])
    assert abs(at_levels(quantiles, KNOWN, MEAN_LEVELS).mean() - 3) < 1e-9
