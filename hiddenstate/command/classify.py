"""`hiddenstate classify`: a class for every row of numbers."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hiddenstate.command.terminal import ADDRESS, Address, Json, lines_of, print_json

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from hiddenstate.tasks.classification import Classification

PICTURE = 8
"""Pixels along the side of a digit, of 0 (white) to 16 (black)."""
BAR, SHADES = 24, " ░▒▓█"


def classify(
    file: Annotated[
        Path | None, typer.Argument(help="CSV file of rows; -: standard input.", show_default=False)
    ] = None,
    model: Annotated[str, typer.Option("--model", "-m", help="Model. Default: the only one that classifies.")] = "",
    classes: Annotated[int, typer.Option(help="Classes to show of each row. 0: all.", min=0)] = 3,
    picture: Annotated[bool, typer.Option("--picture", help="Draw each row as a picture of 8 by 8 pixels.")] = False,
    json: Json = False,
    address: Address = ADDRESS,
) -> None:
    """Say of every row of numbers what it is; rows may come through a pipe, one line at a time.

    A first line of names is passed over, and so is a column called label:  hiddenstate classify rows.csv -m digits
    """
    from rich.console import Console

    from hiddenstate.client import Client

    console = Console(highlight=False)
    if file is None and sys.stdin.isatty():
        raise typer.BadParameter("give a CSV file of rows, or rows through a pipe")
    sent: list[list[float]] = []
    with lines_of(file) as source, Client(address) as client:
        for place, found in enumerate(client.classify(_remembered(rows_of(source), sent), model=model)):
            if json:
                print_json(found)
            elif sys.stdout.isatty():
                console.print(_picture_and_bars(found, sent[place] if picture else [], classes))
            else:
                print(f"{found.label}\t{found.probabilities[found.label]:.3f}", flush=True)


def rows_of(lines: Iterable[str]) -> Iterator[list[float]]:
    """The numbers of each line. Exits, naming the line, when there is something else."""
    skipped: set[int] = set()
    for number, fields in enumerate(csv.reader(lines), 1):
        if number == 1 and any(not _is_number(field) for field in fields):
            skipped = {place for place, name in enumerate(fields) if name.strip() == "label"}
            continue
        if fields:
            for place, field in enumerate(fields):
                if place not in skipped and not _is_number(field):
                    raise typer.BadParameter(f"line {number}: {field!r} is not a number")
            yield [float(field) for place, field in enumerate(fields) if place not in skipped]


def _remembered(rows: Iterable[list[float]], sent: list[list[float]]) -> Iterator[list[float]]:
    for row in rows:
        sent.append(row)
        yield row


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _picture_and_bars(found: Classification, pixels: list[float], classes: int) -> Table:
    """A bar for each of the likeliest classes, beside the picture if there is one."""
    from rich.table import Table
    from rich.text import Text

    bars = Text()
    for label, probability in list(found.probabilities.items())[: classes or None]:
        style = "bold green" if label == found.label else "dim"
        bars.append(f"{label:>12} ", style)
        bars.append("━" * max(round(probability * BAR), 1), style)
        bars.append(f" {probability:.1%}\n", style)
    grid = Table.grid(padding=(0, 2))
    grid.add_row(*([picture_of(pixels)] if len(pixels) == PICTURE * PICTURE else []), bars)
    return grid


def picture_of(pixels: list[float]) -> Text:
    """A digit of 8 by 8 pixels in shades of grey."""
    from rich.text import Text

    lines = (pixels[start : start + PICTURE] for start in range(0, len(pixels), PICTURE))
    return Text("\n".join("".join(2 * SHADES[min(int(pixel / 4), 4)] for pixel in line) for line in lines))
