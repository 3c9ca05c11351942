"""`hiddenstate translate`: sentences in another language, token by token as they are settled."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hiddenstate.command.terminal import ADDRESS, Address, Json, SourceFile, note, print_json, text_pieces

if TYPE_CHECKING:
    from hiddenstate.client import Client
    from hiddenstate.tasks.translation import TranslateOptions, Translation

PlotFile = Annotated[
    Path | None,
    typer.Option("--plot", help="Draw what each token looked at into this picture.", show_default=False),
]


def translate(
    text: Annotated[list[str] | None, typer.Argument(help="Sentence to translate.", show_default=False)] = None,
    file: SourceFile = None,
    model: Annotated[str, typer.Option("--model", "-m", help="Model. Default: the only one for the languages.")] = "",
    source: Annotated[str, typer.Option("--from", help="Language of the text, such as en.")] = "",
    target: Annotated[str, typer.Option("--to", help="Language of the translation, such as es.")] = "",
    beams: Annotated[int, typer.Option("--beams", "-b", help="Hypotheses to follow. Default: as recommended.")] = 0,
    best: Annotated[int, typer.Option("--best", "-n", help="Tell so many translations, best first.")] = 1,
    length_penalty: Annotated[float | None, typer.Option(help="0: short ones are preferred; up to 2.")] = None,
    max_tokens: Annotated[int, typer.Option(help="Most tokens. Default: as many as the model can.")] = 0,
    attention: Annotated[bool, typer.Option("--attention", help="Show what each token looked at.")] = False,
    plot: PlotFile = None,
    json: Json = False,
    address: Address = ADDRESS,
) -> None:
    """Translate a sentence, or every line of a file or a pipe.

    With several beams a token appears once all hypotheses agree on it; with --beams 1 at once.
    """
    from hiddenstate.client import Client
    from hiddenstate.command.words import split_lines

    options: TranslateOptions = {
        "model": model,
        "source_language": source,
        "target_language": target,
        "beams": beams,
        "hypotheses": best,
        "length_penalty": length_penalty,
        "max_tokens": max_tokens,
        "attention": attention or plot is not None,
    }
    sentences = split_lines(text_pieces(text, file, what="sentence"))
    last: Translation | None = None
    with Client(address) as client:
        if json:
            for last in client.translations(sentences, **options):
                print_json({"text": last.text, **asdict(last)})
        else:
            for last in _live(client, sentences, options):
                _print_more(last, attention=attention)
    if plot is not None and last is not None:
        from hiddenstate.command.attention import save_attention

        save_attention(last, plot)
        note(f"wrote {plot}")


def _live(client: Client, sentences: Iterator[str], options: TranslateOptions) -> Iterator[Translation]:
    """Print the tokens of each sentence as they come; through a pipe, each translation when it is complete."""
    if not sys.stdout.isatty():
        for translation in client.translations(sentences, **options):
            print(translation.text, flush=True)
            yield translation
        return
    for sentence in sentences:
        stream = client.translate(sentence, **options)
        for token in stream:
            print(token.text, end="", flush=True)
        print()
        yield stream.translation()


def _print_more(translation: Translation, *, attention: bool) -> None:
    """Further hypotheses, each with its score, and what the tokens looked at."""
    if len(translation.hypotheses) == 1 and not attention:
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    if len(translation.hypotheses) > 1:
        for each in translation.hypotheses:
            console.print(Text.assemble((f"{each.score:8.3f}  ", "dim"), each.text))
    if attention:
        from hiddenstate.command.attention import AttentionMap

        console.print(AttentionMap(translation))
