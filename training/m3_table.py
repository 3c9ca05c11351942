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
    values, series = [each.truth.size for each in columns], [len(each.truth) for each in columns]
    for name in dict.fromkeys(name for each in columns for name in each.forecasts):
        said = [each.forecasts.get(name) for each in columns]
        scores = [
            None if each is None else smape(own.truth, each.points) for each, own in zip(said, columns, strict=True)
        ]
        held = [_held(each, own.truth) for each, own in zip(said, columns, strict=True)]
        cells = [_shown(score) for score in scores]
        cells += [_shown(_mean(scores, weights)) for weights in (values, series)]
        shares = [*(_share(share) for share in held), f"**{_share(_mean(held, values))}**"]
        lines.append(f"| {name} | {' | '.join(cells)} | {' / '.join(shares) if any(held) else ''} |")
    return "\n".join(lines)


def _held(said: Baseline | None, truth: NDArray[np.float64]) -> float | None:
    """The share within the interval, where there is one."""
    if said is None or said.low is None or said.high is None:
        return None
    return coverage(truth, said.low, said.high)


def _mean(scores: Sequence[float | None], weights: Sequence[int]) -> float | None:
    """The weighted mean, where all are known."""
    known = [score for score in scores if score is not None]
    return float(np.average(known, weights=weights)) if len(known) == len(scores) else None


def _shown(score: float | None) -> str:
    return "not measured" if score is None else f"{score:.2f}"


def _share(share: float | None) -> str:
    return "?" if share is None else f"{share:.1%}"


def differences(columns: Sequence[Column]) -> str:
    """Our sMAPE less that of each baseline on the same series, with its standard error over series."""
    lines = [
        f"| our sMAPE less that of | {' | '.join(each.name for each in columns)} |",
        "|---" * (len(columns) + 1) + "|",
    ]
    for name in dict.fromkeys(name for each in columns for name in each.forecasts if name != OURS):
        cells = [_difference(each, name) if name in each.forecasts else "not measured" for each in columns]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _difference(each: Column, name: str) -> str:
    ours, theirs = (
        np.array([smape(*pair) for pair in zip(each.truth, each.forecasts[who].points, strict=True)])
        for who in (OURS, name)
    )
    error = (ours - theirs).std(ddof=1) / np.sqrt(len(ours))
    return f"{(ours - theirs).mean():+.2f} ± {error:.2f}"


def main() -> None:
    """Print the tables."""
    models = Path(sys.argv[1] if len(sys.argv) > 1 else "models")
    tasks = (YEARLY, QUARTERLY, MONTHLY, OTHER)
    columns = [column(models, task.name, Frequency(task.standard.frequencies[0])) for task in tasks]
    print(f"{table(columns)}\n\n{differences(columns)}")


if __name__ == "__main__":
    main()
