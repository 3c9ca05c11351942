"""`hiddenstate generate`: text that goes on from a prompt, as it is written."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from hiddenstate.command.explaining import plot_gates, print_all_json, show_gates
from hiddenstate.command.terminal import (
    ADDRESS,
    Address,
    Explain,
    GatePlot,
    Json,
    SourceFile,
    note,
    print_json,
    text_pieces,
)

if TYPE_CHECKING:
    from hiddenstate.sessions import TextStream


def generate(
    prompt: Annotated[list[str] | None, typer.Argument(help="Text to go on from.", show_default=False)] = None,
    file: SourceFile = None,
    model: Annotated[str, typer.Option("--model", "-m", help="Model. Default: the only one that writes.")] = "",
    max_tokens: Annotated[
        int | None, typer.Option("--max-tokens", "-n", help="Most tokens to write. Default: 256.")
    ] = None,
    temperature: Annotated[
        float | None, typer.Option("--temperature", "-t", help="0 (always the likeliest) to 100. Default: 1.")
    ] = None,
    top_k: Annotated[int | None, typer.Option(help="Choose among the k likeliest tokens.")] = None,
    top_p: Annotated[float | None, typer.Option(help="Choose among the likeliest that reach p together.")] = None,
    min_p: Annotated[
        float | None, typer.Option(help="Choose among those p times as likely as the best, or more.")
    ] = None,
    repetition_penalty: Annotated[float | None, typer.Option(help="Above 1: avoid tokens that were used.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", "-s", help="The same seed gives the same text.")] = None,
    stop: Annotated[list[str] | None, typer.Option(help="End before this text. May be repeated.")] = None,
    alternatives: Annotated[
        int | None, typer.Option(help="With --json: tell so many likeliest tokens in the place of each.")
    ] = None,
    explain: Explain = False,
    plot: GatePlot = None,
    json: Json = False,
    address: Address = ADDRESS,
) -> None:
    """Write on from a prompt; text appears as it is written.

    The prompt may come from a file or a pipe:  echo 'It was' | hiddenstate generate
    """
    from hiddenstate.client import Client

    pieces = _Prompt(without_last_newline(text_pieces(prompt, file, what="prompt")))
    with Client(address) as client:
        stream = client.generate(
            pieces,
            model=model,
            max_tokens=max_tokens,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            min_p=min_p,
            repetition_penalty=repetition_penalty,
            seed=seed,
            stop=stop,
            alternatives=alternatives,
            log_probabilities=json,
            explain=explain or plot is not None,
        )
        if json:
            _print_json(stream)
        elif explain:
            show_gates(stream)
        else:
            _print_text(stream, pieces)
        if plot is not None:
            plot_gates(stream.explanations, plot)


def without_last_newline(pieces: Iterable[str]) -> Iterator[str]:
    """The pieces less one newline at their very end, which an editor or `echo` has put there."""
    held = ""
    for piece in pieces:
        text = held + piece
        held = "\n" if text.endswith("\n") else ""
        if text := text.removesuffix(held):
            yield text


class _Prompt:
    """The pieces of a prompt, remembered as they are sent, to be shown before the text."""

    def __init__(self, pieces: Iterator[str]) -> None:
        self._pieces = pieces
        self.sent = ""

    def __iter__(self) -> Iterator[str]:
        for piece in self._pieces:
            self.sent += piece
            yield piece


def _print_json(stream: TextStream) -> None:
    print_all_json(stream)
    if stream.completion is not None:
        print_json(stream.completion)


def _print_text(stream: TextStream, prompt: _Prompt) -> None:
    """The prompt, dim, at a terminal; the text as it comes; what it took, on standard error."""
    show_prompt = sys.stdout.isatty()
    started = time.perf_counter()
    for token in stream:
        if show_prompt:
            typer.secho(prompt.sent, dim=True, nl=False)
            show_prompt = False
        print(token.text, end="", flush=True)
    print(flush=True)
    seconds = time.perf_counter() - started
    done, opened = stream.completion, stream.opened
    if done is None or opened is None or not sys.stderr.isatty():
        return
    rate = done.token_count / seconds
    note(
        f"{done.token_count} tokens · {seconds:.2f} s · {rate:.0f} tokens/s · {done.stop_reason.replace('_', ' ')} · "
        f"seed {done.seed} · {opened.model} {opened.version} {opened.variant}"
    )
