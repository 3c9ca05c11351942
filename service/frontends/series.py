"""A series of numbers to steps of a network, and what the network says of a step back to numbers.

Every step is made from the last values of its series alone, its window, so what was fed never changes when more comes:

- scale: the mean size of the values. A value y becomes u = asinh(CURVE * y / scale): a logarithm for most series, whose
  growth is a ratio, and yet defined for zero and below, where it is straight.
- season: a classical decomposition by a centred moving average; the mean deviation of each place in the season,
  drawn towards none as far as its seasons disagree (James and Stein, 1961).
- level: an exponentially weighted mean of the newest values without their season (Brown, 1959).
- spread: the mean change from one value to the next.

A network reads how far recent values lie from the level in units of the spread, and speaks of the values to come in
the same terms. So all series look alike to it (Smyl, 2020, normalises in a similar way).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Features: TypeAlias = NDArray[np.float32]

CURVE = 5.0
"""At the scale itself, asinh(CURVE * y / scale) has the slope of a logarithm to within 2 %."""
LEAST_WINDOW, SEASONS = 36, 4
"""Values in a window at least; seasons that a pattern is learned from."""
MAX_SEASON = 400
LEVEL_STEPS, SPREAD_STEPS = 8, 24
"""Newest values that level and spread are made from."""
BLOCKS = 4
"""Means of older stretches of the window that the network reads."""
LEAST_SPREAD, FIRST_SPREAD = 1e-4, 0.05
"""Of a series that stands still, and of one that has only begun."""
LARGEST, MOST_CURVED = 1e100, 50.0
"""Size of a value, of the curve of a forecast: bounds that keep all arithmetic finite."""
ROWS = 256
"""Windows that are looked at together; bounds the memory of a long message."""


class Outlook(NamedTuple):
    """What turns the network's numbers at a step into values: for each of n steps, or of one (without the first axis).

    level, spread and scale [n]; seasonal [n, horizon]: what the season adds to each value to come.
    """

    level: Floats
    spread: Floats
    scale: Floats
    seasonal: Floats

    def at(self, step: int) -> Outlook:
        """The outlook of one step."""
        return Outlook(self.level[step], self.spread[step], self.scale[step], self.seasonal[step])

    def values(self, numbers: NDArray[np.floating]) -> Floats:
        """Values [..., horizon, any] from numbers of the network of the same shape."""
        level, spread, scale = (part[..., None, None] for part in (self.level, self.spread, self.scale))
        curved = np.clip(level + self.seasonal[..., None] + spread * numbers, -MOST_CURVED, MOST_CURVED)
        found: Floats = np.sinh(curved) * (scale / CURVE)
        return found

    def numbers(self, values: Floats) -> Floats:
        """The inverse of `values`, for values [n, horizon]: what the network should have said."""
        curved = np.arcsinh(values * (CURVE / self.scale[:, None]))
        found: Floats = (curved - self.level[:, None] - self.seasonal) / self.spread[:, None]
        return found


class _Season(NamedTuple):
    """The seasonal pattern [n, season], beginning with the place of the next value, and how sure it is, 0 to 1 [n]."""

    pattern: Floats
    trust: Floats


@dataclass(frozen=True)
class SeriesFrontend:
    """Computes steps; keeps nothing of a series but the window that its caller holds.

    season: values after which a pattern repeats, 1 for none. horizon: values to forecast. lags: newest values that the
    network reads one by one. ahead: places of the seasonal pattern that it reads.
    """

    season: int
    horizon: int
    lags: int
    ahead: int

    @property
    def memory(self) -> int:
        """Values in a window."""
        return max(LEAST_WINDOW, SEASONS * self.season + 2 * (self.season // 2)) if self.season > 1 else LEAST_WINDOW

    @property
    def width(self) -> int:
        """Features of a step."""
        return self.lags + BLOCKS + self.ahead + 4

    def start(self) -> Floats:
        """The window of a series that has not begun."""
        return np.full(self.memory, np.nan)

    def feed(self, window: Floats, values: Floats) -> tuple[Features, Outlook, Floats]:
        """Steps [n, width] of the next n values, of which NaN ones are missing; their outlook; the window after them.

        A missing value is taken to be that of a season ago, else the last one, and marked.
        """
        missing = np.isnan(values)
        row = np.concatenate([window, values])
        for place in np.flatnonzero(missing) + len(window):
            past = row[place - self.season]
            row[place] = row[place - 1] if np.isnan(past) else past
        windows = sliding_window_view(row[1:], self.memory)
        parts = [
            self._look(windows[start : start + ROWS], missing[start : start + ROWS])
            for start in range(0, len(values), ROWS)
        ]
        outlook = Outlook(*(np.concatenate(each) for each in zip(*(part[1] for part in parts), strict=True)))
        return np.concatenate([part[0] for part in parts]), outlook, row[len(values) :].copy()

    def _look(self, windows: Floats, missing: NDArray[np.bool_]) -> tuple[Features, Outlook]:
        """Features and outlook of n steps from their windows [n, memory], the newest value last."""
        known = ~np.isnan(windows)
        count = known.sum(axis=1)
        scale = np.where(known, np.abs(windows), 0.0).sum(axis=1) / np.maximum(count, 1)
        scale[scale < 1 / LARGEST] = 1.0
        curved = np.arcsinh(windows * (CURVE / scale[:, None]))
        # What lies before the beginning is taken to be as the first value.
        first = np.where(count > 0, curved[np.arange(len(count)), -np.maximum(count, 1)], 0.0)
        curved = np.where(known, curved, first[:, None])
        season = self._season(curved, count)
        places = np.arange(-self.memory, self.horizon) % self.season
        pattern = season.pattern[:, places]
        plain = curved - pattern[:, : self.memory]
        level = (plain[:, -LEVEL_STEPS:] * _LEVEL_WEIGHTS).sum(axis=1)
        changes = np.abs(np.diff(plain[:, -SPREAD_STEPS - 1 :], axis=1)).sum(axis=1)
        spread = np.maximum(changes / np.clip(count - 1, 1, SPREAD_STEPS), LEAST_SPREAD)
        spread[count < 2] = FIRST_SPREAD
        outlook = Outlook(level, spread, scale, pattern[:, self.memory :])
        return self._features(plain, season, outlook, count, missing), outlook

    def _season(self, curved: Floats, count: NDArray[np.int64]) -> _Season:
        """The pattern in windows [n, memory] of which the newest `count` values are known."""
        rows, length, half = len(curved), self.season, self.season // 2
        if length == 1:
            return _Season(np.zeros((rows, 1)), np.zeros(rows))
        centres = SEASONS * length  # the newest places that have half a season on both sides
        sums = sliding_window_view(curved[:, -centres - 2 * half :], 2 * half + 1, axis=1).sum(axis=2)
        if length % 2 == 0:
            sums = sums - 0.5 * (curved[:, -centres - 2 * half : -2 * half] + curved[:, -centres:])
        off = curved[:, -centres - half : len(curved[0]) - half] - sums / length
        known = np.arange(centres + 2 * half, 2 * half, -1) <= count[:, None]
        off, known = (each.reshape(rows, SEASONS, length) for each in (np.where(known, off, 0.0), known))
        seen = known.sum(axis=1)
        mean = off.sum(axis=1) / np.maximum(seen, 1)
        mean -= mean.mean(axis=1)[:, None]
        trust = _trust(np.where(known, off - mean[:, None], 0.0).reshape(rows, -1), mean, seen)
        # The first column stands for the place `half` before the next value's: turn it to that.
        turned = np.roll(mean * trust[:, None], -half, axis=1)
        return _Season(turned, trust)

    def _features(
        self, plain: Floats, season: _Season, outlook: Outlook, count: NDArray[np.int64], missing: NDArray[np.bool_]
    ) -> Features:
        """Everything in units of the spread, and compressed, since series differ by orders of magnitude."""
        spread = outlook.spread[:, None]
        away = (plain - outlook.level[:, None]) / spread
        stretch = (self.memory - self.lags) // BLOCKS
        older = away[:, -self.lags - BLOCKS * stretch : -self.lags].reshape(len(away), BLOCKS, stretch).mean(axis=2)
        ahead = season.pattern[:, np.arange(self.ahead) % self.season] / spread
        facts = np.stack([np.log(outlook.spread) + 3.5, season.trust, np.log(np.maximum(count, 1)) / 3 - 1, missing])
        parts = [np.arcsinh(away[:, : -self.lags - 1 : -1]), np.arcsinh(older), np.arcsinh(ahead), facts.T]
        return np.concatenate(parts, axis=1).astype(np.float32)


def _trust(rest: Floats, mean: Floats, seen: NDArray[np.int64]) -> Floats:
    """How much of a pattern [n, season] to believe, from what it leaves unexplained [n, any]: 0 without a whole season,
    a half with hardly more than one.
    """
    length = mean.shape[1]
    total = seen.sum(axis=1)
    noise = np.square(rest).sum(axis=1) / np.maximum(total - length, 1) * length / np.maximum(total, 1)
    believed = np.maximum(0.0, 1.0 - noise / (np.square(mean).mean(axis=1) + 1e-12))
    found: Floats = np.where(seen.min(axis=1) > 0, np.where(total < 1.5 * length, 0.5, believed), 0.0)
    return found


_LEVEL_WEIGHTS = 0.5 ** np.arange(LEVEL_STEPS)[::-1] / (0.5 ** np.arange(LEVEL_STEPS)).sum()
