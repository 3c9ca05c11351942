"""`python -m training.live_table [MODELS]`: `m3-other` follows a year of half-hourly electricity demand, live.

A series that the model has never seen, of a kind it was not made for: the frontend brings the season, which the session
is told. One session reads the whole year, as a server would; in its last fifth it forecasts four hours ahead, every
four hours. Exponential smoothing is fitted anew each time, on the ten days before.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from service.bundle import Bundle, load_bundle
from service.frontends.quantiles import at_levels
from service.model import load_model
from service.tasks.forecast import ForecastModel
from training.data import elecdemand
from training.data.elecdemand import DAY, TEST_SHARE, WEEK
from training.data.series import Values
from training.tasks.forecast_baselines import baselines
from training.tasks.forecast_scores import SCORED_LEVELS, coverage, smape

MODEL, HISTORY = "m3-other", 10 * DAY
Quantiles = NDArray[np.float64]


def origins(values: Values, horizon: int) -> NDArray[np.int64]:
    """How many values are known each time: from the test part on, a horizon apart."""
    return np.arange(int(len(values) * (1 - TEST_SHARE)), len(values) - horizon + 1, horizon)


def followed(bundle: Bundle, season: int, values: Values, known: NDArray[np.int64]) -> Quantiles:
    """Quantiles [origins, horizon, SCORED_LEVELS] from one session that reads all values."""
    said = ForecastModel.of(bundle)
    frontend, model = replace(said.frontend, season=season), load_model(bundle)
    steps, outlook, _ = frontend.feed(frontend.start(), values)
    inputs = {said.input_name: steps[None]}
    outputs, _ = model.run(inputs, np.array([len(steps)], np.int32), model.initial_state(1))
    model.close()
    numbers = at_levels(outputs[said.output_name][0, known - 1], said.levels, SCORED_LEVELS)
    return np.stack([outlook.at(place - 1).values(each) for place, each in zip(known, numbers, strict=True)])


def rows(models: Path, values: Values) -> Iterator[str]:
    """A line for each forecaster."""
    bundle = load_bundle(models / MODEL / "1")
    frontend = ForecastModel.of(bundle).frontend
    known = origins(values, frontend.horizon)
    truth = np.stack([values[place : place + frontend.horizon] for place in known])
    for season, name in ((1, "told of no season"), (DAY, "told of days"), (WEEK, "told of weeks")):
        found = followed(bundle, season, values, known)
        held = coverage(truth, found[..., 0], found[..., 2])
        yield f"| {MODEL}, {name} | {smape(truth, found[..., 1]):.2f} | {held:.1%} |"
    pasts = [values[place - HISTORY : place] for place in known]
    for season, name in ((DAY, "a day ago"), (WEEK, "a week ago")):
        naive = np.stack([past[-season : len(past) - season + frontend.horizon] for past in pasts])
        yield f"| {name} | {smape(truth, naive):.2f} | |"
    for fitted in baselines(pasts, replace(frontend, season=DAY))[1:]:
        bounds = "" if fitted.low is None or fitted.high is None else f"{coverage(truth, fitted.low, fitted.high):.1%}"
        yield f"| {fitted.name} | {smape(truth, fitted.points):.2f} | {bounds} |"


def main() -> None:
    """Print the table."""
    models = Path(sys.argv[1] if len(sys.argv) > 1 else "models")
    print("| four hours ahead | sMAPE, % | within the 80 % interval |\n|---|---|---|")
    for row in rows(models, elecdemand.load()):
        print(row)


if __name__ == "__main__":
    main()
