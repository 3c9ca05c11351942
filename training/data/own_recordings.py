"""The user's own gestures: one CSV file with the columns sequence, label, t and channels, or a folder for each class.

In the file, frames with the same `sequence` are one recording, in their order, all with the same `label`. In a folder
`label/anything.csv` every file is one recording. `t`, the time of a frame in seconds, may be left out; all other
columns are channels (or the landmarks of both hands: see `service.frontends.pose.column_names`).
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from service.frontends.pose import column_names
from training.data.cache import DataError, Licensed
from training.data.recordings import Kind, Recording, Recordings, fold_of, where

SEQUENCE, LABEL, TIME = "sequence", "label", "t"
LEAST_OF_A_CLASS = 5
FRAME_RATE = 25.0
"""Where no time is told."""
_VALID, _TEST = 3, 4


@dataclass
class _Table:
    """One recording as it is read."""

    label: str
    times: list[float] = field(default_factory=list)
    rows: list[list[float]] = field(default_factory=list)


def load_own(path: Path, kind: Kind) -> Recordings:
    """Read the file or folder: of each class three recordings in five are learned from, one validates, one tests.

    Raises DataError, which names the file and line of what is wrong.
    """
    columns, tables = _folder(path, kind) if path.is_dir() else _read(path, kind)
    labels = tuple(sorted({table.label for table in tables}))
    counts = [sum(table.label == label for table in tables) for label in labels]
    if len(labels) < 2 or min(counts) < LEAST_OF_A_CLASS:
        message = f"{path} needs two labels or more with {LEAST_OF_A_CLASS} recordings or more of each"
        raise DataError(f"{message}; it has {dict(zip(labels, counts, strict=True))}")
    recordings = [Recording(np.array(table.rows, np.float32), labels.index(table.label)) for table in tables]
    folds = fold_of(recordings, 5)
    steps = np.concatenate([np.diff(table.times) for table in tables] + [np.zeros(0)])
    return Recordings(
        kind=kind,
        labels=labels,
        columns=columns,
        frame_rate=float(1 / np.median(steps)) if len(steps) else FRAME_RATE,
        train=where(recordings, lambda place: folds[place] < _VALID),
        valid=where(recordings, lambda place: folds[place] == _VALID),
        test=where(recordings, lambda place: folds[place] == _TEST),
        source=Licensed(path.name, "the user's own", "local files"),
        split="every fifth recording of each class",
        held_out=True,
    )


def _folder(path: Path, kind: Kind) -> tuple[tuple[str, ...], list[_Table]]:
    columns: tuple[str, ...] = ()
    tables: list[_Table] = []
    for file in sorted(path.glob("*/*.csv")):
        own, found = _read(file, kind, label=file.parent.name)
        if columns and own != columns:
            raise DataError(f"{file} has other columns ({', '.join(own)}) than the files before it")
        columns, tables = own, [*tables, *found]
    if not tables:
        raise DataError(f"{path} holds no recordings: put CSV files into a folder for each class, e.g. wave/1.csv")
    return columns, tables


def _read(path: Path, kind: Kind, label: str = "") -> tuple[tuple[str, ...], list[_Table]]:
    """The channels of a CSV file and its recordings; all have the `label` that is given, or that of their column."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            names = tuple(reader.fieldnames or ())
            rows = list(reader)
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    columns = tuple(name for name in names if name not in (SEQUENCE, LABEL, TIME))
    if missing := {SEQUENCE, LABEL} - set(names) if not label else set():
        raise DataError(f"{path} needs a first line that names its columns; missing: {', '.join(sorted(missing))}")
    if not columns or (kind == "hands" and len(columns) != len(column_names())):
        wanted = f"{len(column_names())} columns of landmarks" if kind == "hands" else "a column for each channel"
        raise DataError(f"{path} has {len(columns)} columns of values; it needs {wanted}")
    tables: dict[str, _Table] = {}
    for number, row in enumerate(rows, 2):
        table = tables.setdefault(row.get(SEQUENCE) or "", _Table(label or row[LABEL]))
        if not label and row[LABEL] != table.label:
            raise DataError(
                f"{path}, line {number}: sequence {row[SEQUENCE]} has the labels {table.label}, {row[LABEL]}"
            )
        _add(table, row, columns, f"{path}, line {number}", missing=kind == "hands")
    return columns, list(tables.values())


def _add(table: _Table, row: Mapping[str, str], columns: Sequence[str], place: str, *, missing: bool) -> None:
    """Append a frame. Raises DataError for a value that is no number, or a time that does not go on."""
    if TIME in row:
        time = _number(row[TIME], f"{place}: {TIME}", missing=False)
        if table.times and time <= table.times[-1]:
            raise DataError(f"{place}: {TIME} goes from {table.times[-1]:g} to {time:g}; it must rise")
        table.times.append(time)
    table.rows.append([_number(row[name], f"{place}: {name}", missing=missing) for name in columns])


def _number(text: str | None, place: str, *, missing: bool) -> float:
    try:
        value = float(text or "nan")
    except ValueError:
        value = float("inf")
    if np.isinf(value) or (np.isnan(value) and not missing):
        raise DataError(f"{place} is {text!r}, not a finite number")
    return value
