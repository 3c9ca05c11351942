"""The figures of a forecasting bundle, measured again from the bundle alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from service.bundle import Bundle, QualityFigure
from service.frontends.series import Features, SeriesFrontend
from service.model import Model, load_model
from service.tasks.forecast import ForecastModel
from training.batches import padded
from training.data.series import Series, SeriesSet
from training.tasks.forecast_baselines import baselines
from training.tasks.forecast_scores import SCORED_LEVELS, coverage, forecasts, smape

if TYPE_CHECKING:
    from hiddenstate import Client

SMAPE, COVERAGE = "smape", "coverage_error"
NOMINAL = 0.8
"""Share of values that an interval from the 0.1 to the 0.9 quantile should hold."""


def figures(
    series: SeriesSet, frontend: SeriesFrontend, found: NDArray[np.float64], command: str
) -> tuple[QualityFigure, ...]:
    """Forecasts [series, horizon, SCORED_LEVELS] of all hold-outs scored beside every baseline: sMAPE of the median in
    percent, and by how many points the 80 % interval holds more or fewer values than 80 %.
    """
    truth = np.stack([each.future for each in series.series])
    held = coverage(truth, found[..., 0], found[..., 2])
    split = f"hold-out, {len(truth):,} series, {truth.shape[1]} values each"
    rows = []
    for baseline in baselines([each.past for each in series.series], frontend):
        rows.append((SMAPE, smape(truth, found[..., 1]), split, baseline.name, smape(truth, baseline.points)))
        if baseline.low is not None and baseline.high is not None:
            theirs = coverage(truth, baseline.low, baseline.high)
            both = f"{split}; 80 % interval holds {held:.1%}, the baseline's {theirs:.1%}"
            rows.append((COVERAGE, 100 * abs(held - NOMINAL), both, baseline.name, 100 * abs(theirs - NOMINAL)))
    return tuple(
        QualityFigure(
            metric=metric,
            value=round(value, 3),
            higher_is_better=False,
            split=where,
            baseline=name,
            baseline_value=round(theirs, 3),
            command=command,
        )
        for metric, value, where, name, theirs in rows
    )


class ForecastExamination:
    """See `training.tasks.Examination`."""

    def __init__(self, series: SeriesSet) -> None:
        self.series = series

    def figures(self, bundle: Bundle, variant: str, command: str) -> tuple[QualityFigure, ...]:
        """sMAPE and coverage on every hold-out, through ONNX Runtime."""
        found = quantiles(bundle, variant, self.series.series)
        return figures(self.series, ForecastModel.of(bundle).frontend, found, command)

    def sample(self, count: int) -> Sequence[Series]:
        """Series at even distances."""
        places = np.linspace(0, len(self.series.series) - 1, min(count, len(self.series.series))).astype(int)
        return [self.series.series[place] for place in places]

    def answers(self, bundle: Bundle, variant: str, examples: Sequence[Series]) -> list[JsonValue]:
        """The quantiles at SCORED_LEVELS of each series."""
        return [_rounded(each) for each in quantiles(bundle, variant, examples)]

    def served_answers(self, client: Client, model: str, examples: Sequence[Series]) -> list[JsonValue]:
        """The same from a running server."""
        answers: list[JsonValue] = []
        for each in examples:
            (forecast,) = client.forecast(each.past.tolist(), model=model, quantiles=SCORED_LEVELS)
            answers.append(_rounded(np.array(list(forecast.quantiles.values())).T))
        return answers


def quantiles(bundle: Bundle, variant: str, series: Sequence[Series]) -> NDArray[np.float64]:
    """Quantiles [series, horizon, SCORED_LEVELS] through ONNX Runtime."""
    said = ForecastModel.of(bundle)
    model = load_model(bundle, variant)
    try:
        return forecasts(
            lambda steps: _last_numbers(model, said, steps), said.frontend, said.levels, [each.past for each in series]
        )
    finally:
        model.close()


def _last_numbers(model: Model, said: ForecastModel, steps: Sequence[Features]) -> NDArray[np.floating]:
    inputs, lengths = (tensor.numpy() for tensor in padded(steps))
    outputs, _ = model.run({said.input_name: inputs}, lengths.astype(np.int32), model.initial_state(len(steps)))
    found: NDArray[np.floating] = outputs[said.output_name][np.arange(len(steps)), lengths - 1]
    return found


def _rounded(values: NDArray[np.float64]) -> JsonValue:
    """To six digits: levels travel in single precision."""
    return [[float(f"{value:.6g}") for value in row] for row in values]
