"""`hiddenstate sentiment`: how favourable a text is, while it comes in."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from hiddenstate.command.explaining import plot_gates, print_all_json, show_gates
from hiddenstate.command.terminal import ADDRESS, Address, Explain, GatePlot, Json, SourceFile, print_json, text_pieces
from hiddenstate.command.words import Remembered, paced, split_lines, split_words

if TYPE_CHECKING:
    from hiddenstate.results import Sentiment


def sentiment(
    text: Annotated[list[str] | None, typer.Argument(help="Text to read.", show_default=False)] = None,
    file: SourceFile = None,
    lines: Annotated[bool, typer.Option("--lines", "-l", help="Every line is a text of its own.")] = False,
    model: Annotated[str, typer.Option("--model", "-m", help="Model. Default: the only one that reads.")] = "",
    pace: Annotated[float, typer.Option(help="Words a second to send, to watch it read. 0: at once.", min=0)] = 0.0,
    explain: Explain = False,
    plot: GatePlot = None,
    json: Json = False,
    address: Address = ADDRESS,
) -> None:
    """Read a text word by word and say how favourable it is, so far and as a whole.

    The text may come from a file or a pipe, at any pace:  tail -f reviews.txt | hiddenstate sentiment
    """
    from hiddenstate.client import Client

    if text and not "".join(text).strip():
        raise typer.BadParameter("the text is empty")
    pieces = text_pieces(text, file, what="text")
    with Client(address) as client:
        if lines:
            documents = Remembered(split_lines(pieces))
            for result in client.sentiments(documents, model=model):
                _print_document(documents.next_answered(), result, json)
            return
        words = Remembered(paced(split_words(pieces), pace))
        results = client.sentiment(words, model=model, explain=explain or plot is not None)
        if json:
            print_all_json(results)
        elif explain:
            show_gates(results)
        elif sys.stdout.isatty():
            from hiddenstate.command.reading import show_live

            show_live(words, results)
        else:
            _print_plain(results.final())
        if plot is not None:
            plot_gates(results.explanations, plot)


def _print_plain(result: Sentiment, text: str = "") -> None:
    """Score, label, its probability and the text, separated by tabs."""
    fields = [f"{result.score:+.3f}", result.label, f"{result.probabilities.get(result.label, 0.0):.3f}", text]
    print("\t".join(fields).rstrip("\t"), flush=True)


def _print_document(text: str, result: Sentiment, json: bool) -> None:
    if json:
        print_json({**asdict(result), "text": text})
    elif sys.stdout.isatty():
        from rich.console import Console

        from hiddenstate.command.reading import colour

        console = Console(highlight=False)
        style = colour(result.score) or "default"
        console.print(f"[bold {style}]{result.score:+.2f}[/]  [{style}]{result.label:<9}[/]", end=" ")
        console.print(text, markup=False)
    else:
        _print_plain(result, text)
