"""How good forecasts are: sMAPE as the M3 competition defined it, and how often an interval holds the value."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from service.frontends.quantiles import at_levels
from service.frontends.series import Features, SeriesFrontend
from training.data.series import Values

SCORED_LEVELS = (0.1, 0.5, 0.9)
"""The median is scored by sMAPE, the other two are the 80 % interval."""
SAID_TOGETHER = 256

LastNumbers = Callable[[Sequence[Features]], NDArray[np.floating]]
"""From the steps of some series, what a network says at the last of each, [series, horizon, levels]."""


def smape(truth: Values, found: Values) -> float:
    """The mean of 200 |y - f| / (|y| + |f|) over all values of all series, in percent; 0 where both are 0.

    Every value counts alike, as in the tables of the competition (Makridakis and Hibon, 2000, table 6).
    """
    size = np.abs(truth) + np.abs(found)
    return float(np.nanmean(200 * np.abs(truth - found) / np.where(size == 0, 1, size)))


def coverage(truth: Values, low: Values, high: Values) -> float:
    """The share of values (0..1) within their interval."""
    return float(((truth >= low) & (truth <= high))[~np.isnan(truth)].mean())


def forecasts(
    says: LastNumbers, frontend: SeriesFrontend, known: Sequence[float], pasts: Sequence[Values]
) -> NDArray[np.float64]:
    """Quantiles [series, horizon, SCORED_LEVELS] behind the end of each past, by the frontend that the server uses."""
    found = []
    for start in range(0, len(pasts), SAID_TOGETHER):
        fed = [frontend.feed(frontend.start(), past) for past in pasts[start : start + SAID_TOGETHER]]
        numbers = at_levels(says([steps for steps, _, _ in fed]), known, SCORED_LEVELS)
        found += [outlook.at(-1).values(each) for (_, outlook, _), each in zip(fed, numbers, strict=True)]
    return np.stack(found)
