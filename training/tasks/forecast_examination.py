"""The figures of a forecasting bundle, measured again from the bundle alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from service.bundle import Anchor, Bundle, QualityFigure
from service.frontends.series import Features, SeriesFrontend
from service.model import Model, load_model
from service.tasks.following import FollowingOptions, ForecastOptions, Observations
from service.tasks.forecast import Forecasting, ForecastModel
from training.alone import answers_alone
from training.batches import padded
from training.data.cache import DataError
from training.data.series import Series, SeriesSet
from training.tasks.forecast_baselines import baselines
from training.tasks.forecast_scores import SCORED_LEVELS, coverage, forecasts, smape

if TYPE_CHECKING:
    from hiddenstate import Client

SMAPE, COVERAGE = "smape", "coverage_error"
NOMINAL = 0.8
"""Share of values that an interval from the 0.1 to the 0.9 quantile should hold."""


def figures(
    series: SeriesSet, frontend: SeriesFrontend, found: NDArray[np.float64], command: str, anchor: Anchor | None = None
) -> tuple[QualityFigure, ...]:
    """Forecasts [series, horizon, SCORED_LEVELS] of all hold-outs scored beside every baseline: sMAPE of the median in
    percent, and by how many points the 80 % interval holds more or fewer values than 80 %.
    """
    truth = np.stack([each.future for each in series.series])
    ours = (smape(truth, found[..., 1]), missed(truth, found[..., 0], found[..., 2]))
    rows: list[tuple[str, float, str, float, Anchor | None]] = []
    for baseline in baselines([each.past for each in series.series], frontend):
        rows.append((SMAPE, ours[0], baseline.name, smape(truth, baseline.points), anchor))
        if baseline.low is not None and baseline.high is not None:
            rows.append((COVERAGE, ours[1], baseline.name, missed(truth, baseline.low, baseline.high), None))
    return tuple(
        QualityFigure(
            metric=metric,
            value=round(value, 3),
            higher_is_better=False,
            split=f"hold-out, {len(truth):,} series, {truth.shape[1]} values each",
            baseline=name,
            baseline_value=round(theirs, 3),
            command=command,
            anchor=published,
        )
        for metric, value, name, theirs, published in rows
    )


def missed(truth: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64]) -> float:
    """By how many points of a hundred the interval holds more or fewer values than it should."""
    return 100 * abs(coverage(truth, low, high) - NOMINAL)


class ForecastExamination:
    """See `training.tasks.Examination`."""

    def __init__(self, series: SeriesSet, anchor: Anchor | None = None) -> None:
        self.series, self.anchor = series, anchor

    def figures(self, bundle: Bundle, variant: str, command: str) -> tuple[QualityFigure, ...]:
        """sMAPE and coverage on every hold-out, through ONNX Runtime. Raises DataError without a recorded baseline."""
        found = quantiles(bundle, variant, self.series.series)
        measured = figures(self.series, ForecastModel.of(bundle).frontend, found, command, self.anchor)
        names = {each.baseline for each in measured}
        if missing := sorted({str(each.baseline) for each in bundle.manifest.quality if each.baseline not in names}):
            raise DataError(f"{', '.join(missing)} cannot be measured: run pip install 'hiddenstate[baselines]'")
        return measured

    def sample(self, count: int) -> Sequence[Series]:
        """Series at even distances."""
        places = np.linspace(0, len(self.series.series) - 1, min(count, len(self.series.series))).astype(int)
        return [self.series.series[place] for place in places]

    def answers(self, bundle: Bundle, variant: str, examples: Sequence[Series]) -> list[JsonValue]:
        """The quantiles of each series at SCORED_LEVELS, the values of one level after the other."""
        model, task = load_model(bundle, variant), Forecasting.from_bundle(bundle)
        options = FollowingOptions(ForecastOptions(0, SCORED_LEVELS), on_demand=True)
        found = [answers_alone(model, task, options, [Observations(each.past)]) for each in examples]
        return [forecast.quantiles.tolist() for (forecast,) in found]

    def served_answers(self, client: Client, model: str, examples: Sequence[Series]) -> list[JsonValue]:
        """The same from a running server."""
        found = [client.forecast(each.past.tolist(), model=model, quantiles=SCORED_LEVELS) for each in examples]
        return [[list(values) for values in forecast.quantiles.values()] for (forecast,) in found]


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
