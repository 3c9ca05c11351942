"""Observations from CSV: a file with any number of series, or lines as they come."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import typer

COLUMNS = ("series", "time", "value")
MISSING = frozenset(("", "na", "nan", "null", "none"))
_QUARTER = re.compile(r"(\d{4})-?[Qq]([1-4])")
_SHORT = re.compile(r"(\d{4})(?:-(\d{2}))?")


@dataclass(frozen=True, slots=True)
class Row:
    """One observation; `value` None: missing."""

    series: str
    time: datetime | None
    value: float | None


def rows_of(lines: Iterable[str]) -> Iterator[Row]:
    """Rows with the columns that the first line names, of `series`, `time` and `value`; without such a line one column
    holds values, and of two the first holds times. Exits, naming the line, when there is something else.
    """
    places: dict[str, int] | None = None
    for number, fields in enumerate(csv.reader(lines), 1):
        if not any(field.strip() for field in fields):
            continue
        if places is None:
            names = [field.strip().lower() for field in fields]
            places = {name: names.index(name) for name in COLUMNS if name in names}
            if "value" in places:
                continue
            places = _unnamed(len(fields), number)
        try:
            cells = {name: fields[place].strip() for name, place in places.items()}
            yield Row(
                cells.get("series", ""), _time(cells["time"]) if "time" in cells else None, _value(cells["value"])
            )
        except (IndexError, ValueError) as error:
            raise typer.BadParameter(f"line {number}: {error}") from error


def grouped(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Rows by series, in the order of their first."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.series, []).append(row)
    return found


def times_of(rows: Sequence[Row]) -> list[datetime]:
    """The times of rows; empty where they have none."""
    return [row.time for row in rows if row.time is not None]


def _unnamed(columns: int, number: int) -> dict[str, int]:
    if columns > 2:
        problem = f"line {number} must name its columns, of {', '.join(COLUMNS)}, where there are more than two"
        raise typer.BadParameter(problem)
    return {"value": 0} if columns == 1 else {"time": 0, "value": 1}


def _value(text: str) -> float | None:
    try:
        return None if text.lower() in MISSING else float(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is not a number; a missing value is left empty") from error


def _time(text: str) -> datetime:
    """An ISO date or time, a month (2021-03), a quarter (2021-Q1) or a year."""
    if quarter := _QUARTER.fullmatch(text):
        return datetime(int(quarter[1]), 3 * int(quarter[2]) - 2, 1)
    if short := _SHORT.fullmatch(text):
        return datetime(int(short[1]), int(short[2] or 1), 1)
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is no time; give one such as 2021-03-31, 2021-03, 2021-Q1 or 2021") from error
