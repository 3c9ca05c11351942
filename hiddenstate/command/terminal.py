"""What all commands share at the terminal: the address, where text comes from, how errors look."""

from __future__ import annotations

import codecs
import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from hiddenstate.errors import ServerError
from hiddenstate.protocol import DEFAULT_ADDRESS

Address = Annotated[str, typer.Option("--address", "-a", envvar="HIDDENSTATE_ADDRESS", help="host:port of the server.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]
Explain = Annotated[bool, typer.Option("--explain", help="Show what the gates did at every step.")]
GatePlot = Annotated[
    Path | None,
    typer.Option("--plot", help="Draw the gates of every step into this picture.", show_default=False),
]
SourceFile = Annotated[
    Path | None,
    typer.Option("--file", "-f", help="Read the text from a file; -: standard input.", show_default=False),
]
ADDRESS = DEFAULT_ADDRESS
CHUNK_BYTES = 4096


def text_pieces(words: list[str] | None, file: Path | None, *, what: str) -> Iterator[str]:
    """The text of the arguments, else of the file, else of standard input as it comes in.

    Exits with code 2, saying what to give, when there is none of them.
    """
    if words and file:
        raise typer.BadParameter(f"give the {what} as an argument or by --file, not both")
    if words:
        return iter([" ".join(words)])
    if file is not None and str(file) != "-":
        return iter([file.read_text(encoding="utf-8")])
    if file is None and sys.stdin.isatty():
        raise typer.BadParameter(f"give a {what}: as an argument, by --file, or through a pipe")
    return _standard_input()


def lines_of(file: Path | None) -> AbstractContextManager[Iterable[str]]:
    """The lines of a file, to be closed; without one, or of `-`, those of standard input as they come."""
    return nullcontext(sys.stdin) if file is None or str(file) == "-" else file.open(encoding="utf-8")


def print_json(value: Any) -> None:
    """One line of JSON for a result or a dictionary."""
    data = value if isinstance(value, dict) else asdict(value)
    print(json.dumps(data, ensure_ascii=False), flush=True)


def missing_extra(extra: str, purpose: str) -> typer.Exit:
    """Say which extra brings what is missing; raise what is returned."""
    typer.secho(f"error: to {purpose}, run pip install 'hiddenstate[{extra}]'", fg=typer.colors.RED, err=True)
    return typer.Exit(1)


def note(message: str) -> None:
    """A dim line for people, on standard error, so that piped output holds results alone."""
    typer.secho(message, dim=True, err=True)


def complain(error: Exception) -> None:
    """One clear line, in red."""
    message = str(error)
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        message = f"{error.filename}: {error.strerror[:1].lower()}{error.strerror[1:]}"
    if isinstance(error, ServerError) and error.retry_after is not None:
        message += f"; try again in {error.retry_after:g} s"
    typer.secho(f"error: {message}", fg=typer.colors.RED, err=True)


def _standard_input() -> Iterator[str]:
    """Text as it comes in, cut anywhere but inside a character."""
    source: Any = sys.stdin.buffer
    decoder = codecs.getincrementaldecoder("utf-8")()
    while data := source.read1(CHUNK_BYTES):
        if text := decoder.decode(data):
            yield text
    decoder.decode(b"", final=True)
