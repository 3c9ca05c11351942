"""Forecasting: one network for all series of a frequency, which tells quantiles of the values to come at every step.

Trained on every place of every series at once, from what the server's own frontend makes of it. Two losses are summed:
that of the median is what sMAPE measures, and all quantiles have the pinball loss (Koenker and Bassett, 1978).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from torch import Tensor

from service.bundle import Anchor, DataSource, FrontendSpec, HeadSpec, QualityFigure, Topology
from service.frontends.calendar import SEASONS, Frequency
from service.frontends.series import Features, SeriesFrontend
from training.batches import padded
from training.data import m3
from training.data.series import SeriesSet, load_own, made_up
from training.export import BundleDescription, Exportable
from training.forecast_network import OUTPUT, ForecastNetwork
from training.loop import Schedule
from training.networks import CellName, NetworkSpec
from training.recipes import varied
from training.report import Section
from training.run import Run
from training.tasks.forecast_examination import ForecastExamination, figures
from training.tasks.forecast_pictures import FANS_PICTURE, draw_fans
from training.tasks.forecast_places import Places
from training.tasks.forecast_scores import forecasts, smape

METRIC = "smape"
LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
MEDIAN = LEVELS.index(0.5)
INTERVAL_WEIGHT = 0.45
"""Of the pinball loss beside that of the median."""


@dataclass(frozen=True)
class Recipe:
    """All choices of a training.

    frequencies: the first is learned, the model takes all. extra_share: of the series of a batch, from other
    collections. gap_share: of the series that are also learned with gaps. rehearsal: leave the end of every series out
    of what is learned, so that the validation figure is honest; the shipped models learn from all of it, with what was
    chosen in a rehearsal. made_up: learn from series that need no network.
    """

    frequencies: tuple[str, ...]
    horizon: int
    lags: int
    ahead: int
    hidden: int
    members: int
    steps: int
    cell: CellName = "gru"
    dropout: float = 0.2
    rows: int = 64
    learning_rate: float = 3e-3
    decay: float = 0.99
    extra_share: float = 0.4
    gap_share: float = 0.15
    rehearsal: bool = False
    made_up: bool = False
    seed: int = 1

    def smoke(self) -> Recipe:
        """The same shape in a size that trains in seconds."""
        return replace(self, hidden=8, members=2, steps=40, rows=8, made_up=True)

    @property
    def frontend(self) -> SeriesFrontend:
        """The frontend of the usual season."""
        season = SEASONS[Frequency(self.frequencies[0])]
        return SeriesFrontend(season=season, horizon=self.horizon, lags=self.lags, ahead=self.ahead)


class Forecasting:
    """The trainee with its figures and its bundle."""

    higher_is_better = False

    def __init__(self, recipe: Recipe, series: SeriesSet, name: str, anchor: Anchor | None = None) -> None:
        """`anchor`: what others have published for the same hold-outs."""
        torch.manual_seed(recipe.seed)
        self.recipe, self.series, self.name, self.anchor = recipe, series, name, anchor
        self.frontend = recipe.frontend
        spec = NetworkSpec(
            cell=recipe.cell,
            hidden=recipe.hidden,
            features=self.frontend.width,
            dropout=recipe.dropout,
            heads={OUTPUT: recipe.horizon * len(LEVELS)},
        )
        self.network = ForecastNetwork(spec, recipe.members, recipe.horizon)
        own = [(each.rehearsal() if recipe.rehearsal else each).past for each in series.series]
        self._places = Places(self.frontend, own, series.extra, recipe.gap_share, recipe.extra_share, recipe.seed)

    @property
    def schedule(self) -> Schedule:
        """Validated ten times, and run to its end: a figure of what was learned would choose nothing else."""
        recipe = self.recipe
        return Schedule(
            steps=recipe.steps,
            learning_rate=recipe.learning_rate,
            warmup_steps=50,
            decay=recipe.decay,
            validate_every=max(recipe.steps // 10, 1),
            patience=10,
            bfloat16=False,
        )

    @property
    def frontend_files(self) -> dict[str, bytes]:
        """None: nothing of the frontend is fitted."""
        return {}

    def loss(self, step: int) -> Tensor:
        """The mean of the losses of the members, each by itself."""
        batch = self._places.batch(step, self.recipe.rows)
        # What follows a row's end cannot reach back, so its padding may run like steps: packing costs more.
        lengths = torch.full((len(batch.steps),), batch.steps.shape[1])
        state = self.network.initial_state(len(batch.steps))
        found, _ = self.network.member_quantiles(batch.steps, lengths, state)
        losses = [quantile_loss(batch.truth[..., None] - each, batch.spread, batch.weight) for each in found]
        return torch.stack(losses).mean()

    def validate(self, network: ForecastNetwork) -> float:
        """sMAPE of the values at the end of every series, forecast from those before them."""
        earlier = [each.rehearsal() for each in self.series.series]
        found = self.predict(network, [each.past for each in earlier])
        return smape(np.stack([each.future for each in earlier]), found[..., 1])

    def predict(self, network: ForecastNetwork, pasts: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        """Quantiles [series, horizon, SCORED_LEVELS], by torch."""
        return forecasts(partial(last_numbers, network.eval()), self.frontend, LEVELS, pasts)

    def final_network(self) -> ForecastNetwork:
        """The trained network."""
        return self.network.eval()

    def measure(self, command: str) -> tuple[QualityFigure, ...]:
        """sMAPE and coverage on the hold-out, beside the baselines."""
        found = self.predict(self.final_network(), [each.past for each in self.series.series])
        return figures(self.series, self.frontend, found, command, self.anchor)

    def sections(self, folder: Path) -> list[Section]:
        """Some series of the validation part with their forecasts."""
        earlier = [each.rehearsal() for each in self.series.series]
        chosen = [earlier[place] for place in np.linspace(0, len(earlier) - 1, min(len(earlier), 6)).astype(int)]
        found = self.predict(self.final_network(), [each.past for each in chosen])
        draw_fans(chosen, found, folder / FANS_PICTURE)
        kept = "not learned" if self.recipe.rehearsal else "learned as well, so that the validation figure flatters"
        return [Section("Some series", f"The last values of each were {kept}.\n\n![forecasts]({FANS_PICTURE})")]

    def exportable(self, run: Run) -> Exportable:
        """The bundle of this recipe, or one with `own-` before its name when the series were the user's."""
        recipe = self.recipe
        parameters = {name: getattr(recipe, name) for name in ("horizon", "lags", "ahead")}
        description = BundleDescription(
            name=self.name if run.data is None else f"own-{self.name}",
            task="forecast",
            topology=Topology.MANY_TO_MANY,
            description=(
                f"Forecasts {recipe.horizon} values ahead with their quantiles ({', '.join(recipe.frequencies)}): "
                f"the mean of {recipe.members} {recipe.cell.upper()} of {recipe.hidden}."
            ),
            provenance=run.provenance(),
            frontend=FrontendSpec(kind="series", parameters={"frequencies": list(recipe.frequencies), **parameters}),
            heads=(HeadSpec(name=OUTPUT, kind="quantiles", parameters={"levels": list(LEVELS)}),),
            quality=run.figures,
            data=tuple(DataSource(**vars(source)) for source in self.series.sources),
        )
        return Exportable(self.final_network(), description, self._places.batch(0, self.recipe.rows).steps)

    def progress(self) -> Mapping[str, Any]:
        """Nothing goes from batch to batch."""
        return {}

    def restore(self, progress: Mapping[str, Any]) -> None:
        """Nothing to restore."""


def quantile_loss(error: Tensor, spread: Tensor, weight: Tensor) -> Tensor:
    """error [rows, time, horizon, levels]: truth less forecast, in spreads. spread [rows, time]. weight [rows, time,
    horizon]: 0 where the truth is not known.
    """
    levels, size = error.new_tensor(LEVELS), spread.clamp(1e-3, 1.0)[..., None]
    # On a logarithmic curve |y - f| / (|y| + |f|) is tanh(|log y - log f| / 2).
    point = 2 * torch.tanh((error[..., MEDIAN] * size).abs() / 2)
    pinball = torch.maximum(levels * error, (levels - 1) * error).mean(dim=-1)
    # Between relative errors (the spread itself), which restless series would rule, and none.
    each = point + INTERVAL_WEIGHT * pinball * size.sqrt()
    return (each * weight).sum() / weight.sum()


def last_numbers(network: ForecastNetwork, steps: Sequence[Features]) -> NDArray[np.float32]:
    """What the network says at the last step of each series, [series, horizon, levels]."""
    inputs, lengths = padded(steps)
    full = torch.full_like(lengths, inputs.shape[1])
    with torch.inference_mode():
        outputs, _ = network(inputs, full, network.initial_state(len(steps)))
    found: NDArray[np.float32] = outputs[OUTPUT][torch.arange(len(steps)), lengths - 1].numpy()
    return found


@dataclass(frozen=True)
class ForecastTask:
    """One recipe of forecasting; see `training.tasks.Task`."""

    name: str
    standard: Recipe
    theta: float
    METRIC: str = METRIC

    @property
    def anchor(self) -> Anchor:
        """The winner of the competition."""
        return Anchor(value=self.theta, system="Theta", source="Makridakis and Hibon, 2000")

    def recipe(self, cell: str | None = None, smoke: bool = False, seed: int | None = None) -> Recipe:
        """The recipe of the shipped model, or a variant of it."""
        return varied(self.standard, cell, smoke, seed)

    def recipe_from(self, said: Mapping[str, Any]) -> Recipe:
        """A recipe from its plain data."""
        return Recipe(**{**said, "frequencies": tuple(said["frequencies"])})

    def subject(self, recipe: Recipe, data: Path | None) -> Forecasting:
        """The series of M3, or the user's own; made-up ones for a smoke test. Raises DataError."""
        frequency = Frequency(recipe.frequencies[0])
        if data is not None:
            return Forecasting(recipe, load_own(data, frequency, recipe.horizon), self.name)
        if recipe.made_up:
            return Forecasting(recipe, made_up(frequency, recipe.horizon), self.name)
        return Forecasting(recipe, m3.load(frequency), self.name, self.anchor)

    def cross_validate(
        self, recipe: Recipe, data: Path | None, folds: int, console: Console, command: str
    ) -> QualityFigure:
        """Has one split alone."""
        raise ValueError(f"{self.name} has one split, by time: leave out --folds")

    def examination(self) -> ForecastExamination:
        """How the shipped bundle is measured again. Raises DataError."""
        return ForecastExamination(m3.load(Frequency(self.standard.frequencies[0])), self.anchor)


YEARLY = ForecastTask(
    "m3-yearly", Recipe(("yearly",), horizon=6, lags=8, ahead=0, hidden=64, members=4, steps=250), theta=16.90
)
QUARTERLY = ForecastTask(
    "m3-quarterly",
    Recipe(("quarterly",), horizon=8, lags=12, ahead=4, hidden=128, members=2, steps=400, dropout=0.3),
    theta=8.96,
)
MONTHLY = ForecastTask(
    "m3-monthly",
    Recipe(("monthly",), horizon=18, lags=13, ahead=12, hidden=128, members=3, steps=600),
    theta=13.85,
)
OTHER = ForecastTask(
    "m3-other",
    Recipe(("other", "weekly", "daily", "hourly"), horizon=8, lags=8, ahead=0, hidden=32, members=2, steps=450),
    theta=4.41,
)
