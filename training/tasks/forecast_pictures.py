"""Pictures of forecasts for the report of a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.data.series import Series

FANS_PICTURE = "forecasts.png"
_PAST, _COMING, _FAN = "#444444", "#c8553d", "#2a6f97"
SHOWN = 60
"""Newest values of the past that are drawn."""


def draw_fans(series: Sequence[Series], found: NDArray[np.float64], target: Path) -> None:
    """Past, future, and quantiles [series, horizon, 3] of each series."""
    import matplotlib as mpl

    mpl.use("Agg")  # pictures go to files; no display is needed
    from matplotlib import pyplot

    columns = min(3, len(series))
    rows = -(-len(series) // columns)
    figure, grid = pyplot.subplots(
        rows, columns, figsize=(4 * columns, 2.6 * rows), layout="constrained", squeeze=False
    )
    for axes in grid.flat[len(series) :]:
        axes.set_axis_off()
    for axes, each, quantiles in zip(grid.flat, series, found, strict=False):
        past = each.past[-SHOWN:]
        ahead = np.arange(len(past), len(past) + len(each.future))
        axes.plot(past, color=_PAST, linewidth=1.2)
        axes.plot(ahead, each.future, color=_COMING, linewidth=1.2, linestyle="--", label="came")
        axes.plot(ahead, quantiles[:, 1], color=_FAN, linewidth=1.6, label="median")
        axes.fill_between(ahead, quantiles[:, 0], quantiles[:, 2], color=_FAN, alpha=0.2, linewidth=0, label="80 %")
        axes.set_title(each.name, fontsize=9)
        axes.tick_params(labelsize=7)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    grid.flat[0].legend(fontsize=7, frameon=False)
    figure.savefig(target, dpi=130)
    pyplot.close(figure)
