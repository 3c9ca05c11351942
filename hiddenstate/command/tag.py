"""`hiddenstate tag`: words with their tags, in colours, as they are settled."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from hiddenstate.command.explaining import plot_gates, print_all_json, show_gates
from hiddenstate.command.terminal import ADDRESS, Address, Explain, GatePlot, Json, SourceFile, print_json, text_pieces

if TYPE_CHECKING:
    from rich.console import Console

    from hiddenstate.tasks.tagging import Tag, TaggedSentence

COLOURS = {"n": "cyan", "v": "green", "j": "yellow", "r": "magenta", "p": "blue", "c": "dim", "i": "dim", "a": "dim"}
"""By the first letter of a part of speech: nouns, verbs, adjectives, adverbs, pronouns; small words are dim."""
ENTITY_COLOURS = ("cyan", "green", "magenta", "yellow", "blue", "red")


def tag(
    text: Annotated[list[str] | None, typer.Argument(help="Text to tag.", show_default=False)] = None,
    file: SourceFile = None,
    words: Annotated[bool, typer.Option("--words", "-w", help="The text is split already: by blanks alone.")] = False,
    model: Annotated[str, typer.Option("--model", "-m", help="Model. Default: the only one that tags.")] = "",
    look_ahead: Annotated[int | None, typer.Option(help="Words to wait for. Default: as it was trained.")] = None,
    alternatives: Annotated[int, typer.Option(help="Tell so many likeliest labels of each word.")] = 0,
    explain: Explain = False,
    plot: GatePlot = None,
    json: Json = False,
    address: Address = ADDRESS,
) -> None:
    """Tag every word of a text; sentences and words are found by their marks and blanks.

    The text may come from a file or a pipe, line by line:  tail -f notes.txt | hiddenstate tag
    """
    from hiddenstate.client import Client

    sentences = _sentences(text_pieces(text, file, what="text"), words=words)
    watched = explain or plot is not None
    with Client(address) as client:
        tags = client.tag_sentences(
            sentences, model=model, look_ahead=look_ahead, alternatives=alternatives, explain=watched
        )
        if explain and not json:
            show_gates(tags)
        elif json:
            print_all_json(tags)
            for sentence in tags.sentences:
                for entity in sentence.entities:
                    print_json(entity)
        else:
            _print(tags)
        if plot is not None:
            plot_gates(tags.explanations, plot)


def _sentences(pieces: Iterator[str], *, words: bool) -> Iterator[list[str]]:
    """The sentences of a text that comes in pieces: every line is complete."""
    from hiddenstate.command.words import split_lines
    from hiddenstate.tasks.tagging import split_sentences, split_words

    for line in split_lines(pieces):
        for sentence in [line] if words else split_sentences(line):
            if found := line.split() if words else split_words(sentence):
                yield found


def _print(tags: Iterator[Tag]) -> None:
    """A word and its tag a line through a pipe; at a terminal running text, and the names below it."""
    if not sys.stdout.isatty():
        for each in tags:
            if each.word_number == 0 and each.answer_number > 1:
                print()
            print(f"{each.word}\t{each.label}\t{each.probability:.3f}", flush=True)
        return
    from rich.console import Console

    print_live(tags, Console(highlight=False))


def print_live(tags: Iterator[Tag], console: Console) -> None:
    """Running text, every word in the colour of its tag; the names that were found below it."""
    from rich.text import Text

    known: dict[str, str] = {}
    shown = column = 0
    for each in tags:
        width = len(each.word) + len(each.label) + 2
        # A sentence begins a line, and so does a word that a terminal would cut.
        if (each.word_number == 0 and each.answer_number > 1) or column + width > console.width:
            console.print()
            column = 0
        column += width
        style = _style(each.label, known)
        console.print(Text.assemble((each.word, f"{style} bold"), ("/" + each.label, f"{style} dim"), " "), end="")
        sentences: list[TaggedSentence] = getattr(tags, "sentences", [])
        shown = len(sentences)
    console.print()
    for sentence in getattr(tags, "sentences", [])[:shown]:
        for entity in sentence.entities:
            console.print(f"  [bold]{entity.text}[/]  {entity.label} {entity.probability:.0%}")


def _style(label: str, known: dict[str, str]) -> str:
    if label.startswith(("B-", "I-")):
        return known.setdefault(label[2:], ENTITY_COLOURS[len(known) % len(ENTITY_COLOURS)]) + " underline"
    return "default" if label == "O" else COLOURS.get(label[:1].lower(), "default")
