"""What forecasts are measured beside: the last season once more, and exponential smoothing and Theta, chosen and fitted
anew for each series by statsforecast, which only the extra `baselines` installs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from service.frontends.series import SeriesFrontend
from training.data.cache import cache_folder
from training.data.series import Values

SEASONAL_NAIVE = "seasonal naive"
FITTED = ("AutoETS", "AutoTheta")
"""Classes of statsforecast: exponential smoothing (Hyndman et al., 2002), Theta (Fiorucci et al., 2016)."""
INTERVAL = 80
"""Percent."""


@dataclass(frozen=True)
class Baseline:
    """Point forecasts [series, horizon], and the bounds of the 80 % interval where there is one."""

    name: str
    points: NDArray[np.float64]
    low: NDArray[np.float64] | None = None
    high: NDArray[np.float64] | None = None


def baselines(pasts: Sequence[Values], frontend: SeriesFrontend, cache: Path | None = None) -> list[Baseline]:
    """All of them; those of statsforecast are kept in the cache. Says so where it is not installed."""
    filled = [_filled(past, frontend) for past in pasts]
    naive = np.stack([np.resize(past[-frontend.season :], frontend.horizon) for past in filled])
    found = [Baseline(SEASONAL_NAIVE, naive)]
    for name in FITTED:
        path = _path(name, filled, frontend, cache)
        if not path.is_file() and not _fit(name, filled, frontend, path):
            advice = f"{name} is not measured: pip install 'hiddenstate[baselines]' brings statsforecast"
            Console(stderr=True).print(advice, markup=False)
            continue
        with np.load(path) as kept:
            found.append(Baseline(name, kept["points"], kept["low"], kept["high"]))
    return found


def _filled(past: Values, frontend: SeriesFrontend) -> Values:
    """The series with its missing values filled in as the network's frontend does, and none before the first."""
    known = past[np.flatnonzero(~np.isnan(past))[0] :].copy()
    for place in np.flatnonzero(np.isnan(known)):
        known[place] = known[place - frontend.season] if place >= frontend.season else known[place - 1]
    return known


def _path(name: str, filled: Sequence[Values], frontend: SeriesFrontend, cache: Path | None) -> Path:
    """Where the forecasts of a baseline are kept, by what was forecast."""
    content = b"".join(each.tobytes() for each in filled)
    digest = hashlib.sha256(content + bytes((frontend.horizon, frontend.season % 256))).hexdigest()[:16]
    return (cache or cache_folder()) / "baselines" / f"{name}-{digest}.npz"


def _fit(name: str, filled: Sequence[Values], frontend: SeriesFrontend, path: Path) -> bool:
    """Fit every series and keep the forecasts; False when statsforecast is not installed."""
    if find_spec("statsforecast") is None:
        return False
    from joblib import Parallel, delayed

    results = Parallel(n_jobs=-1)(delayed(_forecast)(name, past, frontend) for past in filled)
    points, low, high = (
        np.stack([each[key] for each in results]) for key in ("mean", f"lo-{INTERVAL}", f"hi-{INTERVAL}")
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, points=points, low=low, high=high)
    return True


def _forecast(name: str, past: Values, frontend: SeriesFrontend) -> dict[str, Values]:
    from statsforecast import models

    model = getattr(models, name)(season_length=frontend.season)
    found: dict[str, Values] = model.forecast(past, frontend.horizon, level=[INTERVAL])
    return found
