"""Quantiles between, and beyond, those that a network was trained for; and the mean of all of them.

Between two levels a quantile is taken to be linear in the normal score of its level, and so it goes on beyond the
outermost ones: exact for a normal distribution, and as skewed as the network says.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

MEAN_LEVELS = tuple((place + 0.5) / 25 for place in range(25))
"""The mean of the values at these levels stands for the expected value."""


def at_levels(quantiles: NDArray[np.floating], known: Sequence[float], levels: Sequence[float]) -> NDArray[np.float64]:
    """Quantiles [..., known] of ascending known levels → those of `levels`, [..., levels], never crossing."""
    ordered = np.sort(quantiles.astype(np.float64), axis=-1)
    below, weight = _between(tuple(known), tuple(levels))
    found: NDArray[np.float64] = ordered[..., below] * (1 - weight) + ordered[..., below + 1] * weight
    return found


@lru_cache(256)
def _between(known: tuple[float, ...], levels: tuple[float, ...]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """For each level the place of the known one below it (or at the end), and how far it is to the next."""
    scores = np.array([NormalDist().inv_cdf(level) for level in known])
    wanted = np.array([NormalDist().inv_cdf(level) for level in levels])
    below = np.clip(np.searchsorted(scores, wanted, side="right") - 1, 0, len(scores) - 2)
    return below, (wanted - scores[below]) / (scores[below + 1] - scores[below])
