"""`python -m training.m3_table [MODELS]`: the shipped forecasters on all hold-outs of M3, beside their baselines.

Every forecast value counts alike, so that long horizons weigh more: this is how the competition averaged (Makridakis
and Hibon, 2000, table 6), and how its 13.01 for Theta comes about. `each series alike` is the other mean in use.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from service.bundle import load_bundle
from service.frontends.calendar import Frequency
from service.tasks.forecast import ForecastModel
from training.data import m3
from training.tasks.forecast import MONTHLY, OTHER, QUARTERLY, YEARLY
from training.tasks.forecast_baselines import Baseline, baselines
from training.tasks.forecast_examination import quantiles
from training.tasks.forecast_scores import coverage, smape

OURS = "this project"


@dataclass(frozen=True)
class Column:
    """One frequency: its hold-outs [series, horizon], and who forecast them."""

    name: str
    truth: NDArray[np.float64]
    forecasts: Mapping[str, Baseline]


def column(models: Path, name: str, frequency: Frequency) -> Column:
    """Forecast all series of a frequency with its shipped bundle and with every baseline."""
    bundle, series = load_bundle(models / name / "1"), m3.load(frequency).series
    found = quantiles(bundle, "fp32", series)
    theirs = baselines([each.past for each in series], ForecastModel.of(bundle).frontend)
    ours = Baseline(OURS, found[..., 1], found[..., 0], found[..., 2])
    truth = np.stack([each.future for each in series])
    return Column(frequency.value, truth, {each.name: each for each in (ours, *theirs)})


def table(columns: Sequence[Column]) -> str:
    """sMAPE in percent by frequency and over all, and the share of all values within the 80 % interval."""
    counts = [f"{each.name} ({len(each.truth):,})" for each in columns]
    head = ["sMAPE, %", *counts, "all values alike", "each series alike", "within the 80 % interval"]
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for name in columns[0].forecasts:
        scores = [smape(each.truth, each.forecasts[name].points) for each in columns]
        held = [_held(each, name) for each in columns]
        values, series = [each.truth.size for each in columns], [len(each.truth) for each in columns]
        cells = [f"{score:.2f}" for score in scores]
        cells += [f"{np.average(scores, weights=weights):.2f}" for weights in (values, series)]
        known = not np.isnan(held[0])
        shares = [*(f"{share:.1%}" for share in held), f"**{np.average(held, weights=values):.1%}**"]
        lines.append(f"| {name} | {' | '.join([*cells, ' / '.join(shares) if known else ''])} |")
    return "\n".join(lines)


def _held(each: Column, name: str) -> float:
    """The share within the interval; not a number where there is none."""
    said = each.forecasts[name]
    return float("nan") if said.low is None or said.high is None else coverage(each.truth, said.low, said.high)


def main() -> None:
    """Print the table."""
    models = Path(sys.argv[1] if len(sys.argv) > 1 else "models")
    tasks = (YEARLY, QUARTERLY, MONTHLY, OTHER)
    print(table([column(models, task.name, Frequency(task.standard.frequencies[0])) for task in tasks]))


if __name__ == "__main__":
    main()
