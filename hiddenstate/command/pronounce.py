"""`hiddenstate pronounce`: how words sound."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hiddenstate.command.terminal import ADDRESS, Address, Json, SourceFile, print_json, text_pieces

if TYPE_CHECKING:
    from hiddenstate.tasks.translation import Pronunciation


def pronounce(
    words: Annotated[list[str] | None, typer.Argument(help="Words to pronounce.", show_default=False)] = None,
    file: SourceFile = None,
    model: Annotated[str, typer.Option("--model", "-m", help="Model. Default: the only one that pronounces.")] = "",
    best: Annotated[int, typer.Option("--best", "-n", help="Tell so many pronunciations, best first.")] = 1,
    beams: Annotated[int, typer.Option("--beams", "-b", help="Hypotheses to follow. Default: as recommended.")] = 0,
    json: Json = False,
    address: Address = ADDRESS,
) -> None:
    """Tell the sounds of words, one word a line; of a file or a pipe, of every word in it."""
    from hiddenstate.client import Client
    from hiddenstate.command.words import split_words

    pieces = split_words(text_pieces(words, file, what="word"))
    spoken = (word for piece in pieces for word in piece.split())
    with Client(address) as client:
        for each in client.pronounce(spoken, model=model, hypotheses=best, beams=beams):
            print_json(each) if json else _print(each)


def _print(pronunciation: Pronunciation) -> None:
    """The word and its sounds; further pronunciations below them."""
    print(f"{pronunciation.word:<15} {' '.join(pronunciation.sounds)}", flush=True)
    for sounds in pronunciation.others:
        print(f"{'':<15} {' '.join(sounds)}", flush=True)
