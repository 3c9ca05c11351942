"""Places to learn from: every step of every series, with the values that come behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from service.frontends.series import Features, SeriesFrontend
from training.batches import padded
from training.data.series import Values

LONGEST = 160
"""Steps of a series in one batch; of a longer one, a stretch."""
GAPS = 0.08
"""Share of the values that are taken out of a series with gaps."""
EARLY_WEIGHT = 0.1
"""Of a place with less than two seasons before it."""


class Learned(NamedTuple):
    """One series: features [n, width], what the network should say [n, horizon] (NaN: not known), spread [n]."""

    steps: Features
    truth: NDArray[np.float32]
    spread: NDArray[np.float32]
    weight: NDArray[np.float32]


class Batch(NamedTuple):
    """steps [rows, time, width], truth and weight [rows, time, horizon], spread [rows, time]."""

    steps: Tensor
    truth: Tensor
    spread: Tensor
    weight: Tensor


class Places:
    """The batch of each step: a function of the seed and the step alone."""

    def __init__(
        self,
        frontend: SeriesFrontend,
        own: Sequence[Values],
        extra: Sequence[Values],
        gap_share: float,
        extra_share: float,
        seed: int,
    ) -> None:
        """`own` series, some of them a second time with gaps, and `extra` ones, so many in a batch."""
        random = np.random.default_rng(seed)
        chosen = [values for values in own if random.random() < gap_share]
        holed = [np.where(random.random(len(values)) < GAPS, np.nan, values) for values in chosen]
        self._own = [learned(frontend, values, values) for values in own]
        self._own += [learned(frontend, fed, values) for fed, values in zip(holed, chosen, strict=True)]
        self._extra = [learned(frontend, values, values) for values in extra]
        self._extra_share = extra_share if self._extra else 0.0
        self._seed = seed

    def batch(self, step: int, rows: int) -> Batch:
        """So many series, drawn at random."""
        random = np.random.default_rng((self._seed, step))
        drawn = [self._draw(random) for _ in range(rows)]
        steps, truth, spread, weight = (padded(parts)[0] for parts in zip(*drawn, strict=True))
        return Batch(steps, torch.nan_to_num(truth), spread, weight)

    def _draw(self, random: np.random.Generator) -> Learned:
        series = self._extra if random.random() < self._extra_share else self._own
        one = series[int(random.integers(len(series)))]
        start = int(random.integers(max(len(one.steps) - LONGEST, 0) + 1))
        return Learned(*(part[start : start + LONGEST] for part in one))


def learned(frontend: SeriesFrontend, fed: Values, values: Values) -> Learned:
    """A series as it is fed, and as it truly is."""
    steps, outlook, _ = frontend.feed(frontend.start(), fed)
    coming = np.full((len(values), frontend.horizon), np.nan)
    for ahead in range(1, min(frontend.horizon, len(values) - 1) + 1):
        coming[:-ahead, ahead - 1] = values[ahead:]
    truth = outlook.numbers(coming).astype(np.float32)
    weight = np.where(np.isnan(truth), 0.0, 1.0).astype(np.float32)
    weight[: max(2 * frontend.season, 4)] *= EARLY_WEIGHT
    return Learned(steps, truth, outlook.spread.astype(np.float32), weight)
