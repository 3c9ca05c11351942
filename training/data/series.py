"""Time series of one frequency: what is known of each, and the values behind it that a forecast has to tell.

The user's own come from a CSV file with the columns series, time and value, oldest first within each series:

    series,time,value
    flour,2021-01,12.5
    flour,2021-02,
    flour,2021-03,13.1

`time` is an ISO date or time (a year or a month will do) or left out altogether, column and all; so is `series` when
there is one alone. An empty value is missing, and so are steps that the times leave out.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from service.errors import ServiceError
from service.frontends.calendar import SEASONS, Calendar, Frequency
from training.data.cache import DataError, Licensed

Values = NDArray[np.float64]
LEAST_HISTORY = 3
"""Values before those of validation and test, at least."""


@dataclass(frozen=True)
class Series:
    """`past` [n] is known; `future` [horizon] is the test part. NaN: missing. The end of `past` is for validation."""

    name: str
    past: Values
    future: Values

    def rehearsal(self) -> Series:
        """The same series as it was one horizon earlier: what validation forecasts."""
        horizon = len(self.future)
        return replace(self, past=self.past[:-horizon], future=self.past[-horizon:])


@dataclass(frozen=True)
class SeriesSet:
    """Series to learn from and be tested on; `extra` are further ones to learn from alone."""

    series: tuple[Series, ...]
    extra: tuple[Values, ...]
    sources: tuple[Licensed, ...]


def load_own(path: Path, frequency: Frequency, horizon: int) -> SeriesSet:
    """The user's CSV file; the last `horizon` values of each series are its test part. Raises DataError."""
    found: dict[str, list[tuple[str, float]]] = {}
    for name, time, value in _rows(path):
        found.setdefault(name, []).append((time, value))
    series = []
    for name, rows in found.items():
        values = _placed(path, name, [time for time, _ in rows], np.array([value for _, value in rows]), frequency)
        if len(values) >= 2 * horizon + LEAST_HISTORY:
            series.append(Series(name, values[:-horizon], values[-horizon:]))
    if not series:
        least = 2 * horizon + LEAST_HISTORY
        raise DataError(f"{path} has no series of {least} values or more: {horizon} each are kept for choice and test")
    return SeriesSet(tuple(series), (), (Licensed(path.name, "the user's own", "a local file"),))


def _rows(path: Path) -> list[tuple[str, str, float]]:
    """Series, time and value of every line."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            if "value" not in (reader.fieldnames or ()):
                raise DataError(f"{path} needs a first line that names its columns: series,time,value")
            return [
                (row.get("series") or "", row.get("time") or "", _number(path, line, row["value"]))
                for line, row in enumerate(reader, 2)
            ]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error


def _number(path: Path, line: int, text: str | None) -> float:
    try:
        value = float(text or "nan")
    except ValueError:
        value = float("inf")
    if np.isinf(value):
        raise DataError(f"{path}, line {line}: value is {text!r}, not a finite number")
    return value


def _placed(path: Path, name: str, times: Sequence[str], values: Values, frequency: Frequency) -> Values:
    """Values with NaN where the times leave out a step."""
    if not any(times):
        return values
    try:
        stamps = np.array([np.datetime64(time, "us") for time in times]).astype(np.int64)
        steps, _ = Calendar.of(frequency).advance(stamps)
    except ValueError as error:
        raise DataError(f"{path}, series {name!r}: {error}; times look like 2021-03-31 or 2021-03-31T12:00") from error
    except ServiceError as error:
        raise DataError(f"{path}, series {name!r}: {error.message}") from error
    placed = np.full(int(steps.sum()), np.nan)
    placed[np.cumsum(steps) - 1] = values
    return placed


def made_up(frequency: Frequency, horizon: int, count: int = 24, seed: int = 3) -> SeriesSet:
    """Seasonal series with trend and noise that nobody measured, to try a recipe without a network."""
    random = np.random.default_rng(seed)
    series = []
    for number in range(count):
        time = np.arange(int(random.integers(2 * horizon + 24, 2 * horizon + 60)))
        season = 1 + 0.3 * np.sin(2 * np.pi * (time / max(SEASONS[frequency], 2) + random.random()))
        trend = np.exp(random.normal(0, 0.01) * time + np.cumsum(random.normal(0, 0.02, len(time))))
        values = 10 ** random.uniform(1, 4) * season * trend
        series.append(Series(f"made up {number}", values[:-horizon], values[-horizon:]))
    return SeriesSet(tuple(series), (), (Licensed("made-up series", "none needed", "this program"),))
