"""Tables: rows of numbers with a class each, from scikit-learn's own package or from the user's CSV file.

`digits`: 1,797 pictures of hand-written digits of 8 x 8 pixels, values 0 to 16 (Alpaydin and Kaynak, 1998).
`breast_cancer`: 569 measurements of cell nuclei, 30 numbers each (Wolberg, Street and Mangasarian, 1995). Split
70/15/15, every class in the same share in each part, by a fixed seed.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.data.cache import DataError, Licensed

SPLIT_SEED = 7
LABEL_COLUMN = "label"
LEAST_OF_A_CLASS = 7


@dataclass(frozen=True)
class Rows:
    """Features [rows, columns] float32 and classes [rows]."""

    features: NDArray[np.float32]
    classes: NDArray[np.int64]


@dataclass(frozen=True)
class Table:
    """Rows by split, and what columns and classes are called."""

    columns: tuple[str, ...]
    labels: tuple[str, ...]
    train: Rows
    valid: Rows
    test: Rows
    source: Licensed


def load_digits() -> Table:
    """The digits of scikit-learn."""
    from sklearn.datasets import load_digits as load

    found = load()
    return split(found.data, found.target, found.feature_names, found.target_names, _source("digits"))


def load_breast_cancer() -> Table:
    """The breast cancer measurements of scikit-learn."""
    from sklearn.datasets import load_breast_cancer as load

    found = load()
    return split(found.data, found.target, found.feature_names, found.target_names, _source("breast cancer"))


def load_own(path: Path) -> Table:
    """A CSV file with a column `label` and numbers in all others. Raises DataError."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            columns = [name for name in reader.fieldnames or () if name != LABEL_COLUMN]
            if not columns or LABEL_COLUMN not in (reader.fieldnames or ()):
                raise DataError(f"{path} needs a first line that names its columns, `{LABEL_COLUMN}` among them")
            rows = list(reader)
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    features = np.array([[_number(path, number, row, name) for name in columns] for number, row in enumerate(rows, 2)])
    labels = sorted({row[LABEL_COLUMN] for row in rows})
    classes = np.array([labels.index(row[LABEL_COLUMN]) for row in rows], np.int64)
    if len(labels) < 2 or np.bincount(classes).min() < LEAST_OF_A_CLASS:
        raise DataError(f"{path} needs two classes or more with {LEAST_OF_A_CLASS} rows or more of each")
    return split(features, classes, columns, labels, Licensed(path.name, "the user's own", "a local file"))


def split(
    features: NDArray[Any], classes: NDArray[Any], columns: Iterable[Any], labels: Iterable[Any], source: Licensed
) -> Table:
    """Split 70/15/15, stratified by class."""
    from sklearn.model_selection import train_test_split

    rows, truth = np.asarray(features, np.float32), np.asarray(classes, np.int64)
    order = np.arange(len(rows))
    train, rest = train_test_split(order, train_size=0.7, stratify=truth, random_state=SPLIT_SEED)
    valid, test = train_test_split(rest, train_size=0.5, stratify=truth[rest], random_state=SPLIT_SEED)
    first, second, third = (Rows(rows[part], truth[part]) for part in (train, valid, test))
    return Table(tuple(map(str, columns)), tuple(map(str, labels)), first, second, third, source)


def _source(name: str) -> Licensed:
    return Licensed(f"{name} of scikit-learn", "BSD-3-Clause (package), CC BY 4.0 (UCI)", "PyPI package scikit-learn")


def _number(path: Path, number: int, row: dict[str, str], name: str) -> float:
    try:
        value = float(row[name])
    except (TypeError, ValueError):
        value = float("nan")
    if not np.isfinite(value):
        raise DataError(f"{path}, line {number}: {name} is {row[name]!r}, not a finite number")
    return value
