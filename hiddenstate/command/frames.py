"""Frames of a CSV file or pipe: one frame a line, a column for each landmark coordinate or sensor channel."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import typer

SEQUENCE, LABEL, TIME = "sequence", "label", "t"
"""Columns that are no part of a frame: whose frame it is, what it shows, and when it was, in seconds."""


class Frame(NamedTuple):
    """A line: the recording it belongs to, its values (NaN where a field is empty), and what it is said to show."""

    sequence: str
    values: list[float]
    label: str


def read_frames(lines: Iterable[str]) -> Iterator[Frame]:
    """The frames of a CSV text, line by line; a first line of names may be left out.

    Exits, naming the line, for what is no number, a line of another length, and a time that does not rise.
    """
    names: list[str] = []
    sequence, before, width = "", -math.inf, 0
    for number, fields in enumerate(csv.reader(lines), 1):
        if not fields:
            continue
        if number == 1 and any(_is_word(field) for field in fields):
            names, width = [field.strip() for field in fields], len(fields)
            continue
        width = width or len(fields)
        if len(fields) != width:
            raise typer.BadParameter(f"line {number} has {len(fields)} fields, and the lines before it {width}")
        row = dict(zip(names, fields, strict=False))
        if row.get(SEQUENCE, "") != sequence:
            sequence, before = row[SEQUENCE], -math.inf
        if TIME in row:
            time = _number(row[TIME], number)
            if not time > before:
                raise typer.BadParameter(f"line {number}: the time goes from {before:g} to {time:g}; it must rise")
            before = time
        skipped = {place for place, name in enumerate(names) if name in (SEQUENCE, LABEL, TIME)}
        values = [_number(field, number) for place, field in enumerate(fields) if place not in skipped]
        yield Frame(sequence, values, row.get(LABEL, ""))


def recordings(frames: Iterable[Frame]) -> Iterator[tuple[str, list[list[float]]]]:
    """The label and the frames of each recording, one after the other."""
    held: list[list[float]] = []
    last = Frame("", [], "")
    for frame in frames:
        if held and frame.sequence != last.sequence:
            yield last.label, held
            held = []
        held.append(frame.values)
        last = frame
    if held:
        yield last.label, held


def _number(field: str, line: int) -> float:
    try:
        return float(field) if field.strip() else math.nan
    except ValueError as error:
        raise typer.BadParameter(f"line {line}: {field!r} is not a number") from error


def _is_word(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return bool(field.strip())
    return False
