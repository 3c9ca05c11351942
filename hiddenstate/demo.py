"""`hiddenstate demo`: a server on the shipped models, text and sentiment streamed from it, metrics, a clean stop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from rich.console import Console
from rich.rule import Rule
from rich.table import Table

from hiddenstate.async_client import AsyncClient
from hiddenstate.client import Client
from hiddenstate.command.models import models_table
from hiddenstate.command.reading import show_live
from hiddenstate.command.words import Remembered, paced, split_words
from hiddenstate.local_server import LocalServer, Sample, StartError, local_server
from hiddenstate.results import Model

PROMPT = "It is a truth universally acknowledged, that"
SNIPPETS = (
    "A warm, funny and beautifully acted film that never once talks down to its audience.",
    "The first half is a joy, but then it collapses into a dull and endless mess of cheap tears.",
    "I expected nothing, and was surprised to find it moving.",
)
WORDS_PER_SECOND = 14.0
TEXT_TOKENS = 120
CROWD = 32
CROWD_TOKENS = 100
CROWD_TEMPERATURE = 0.8
SEED = 1813

console = Console(highlight=False)


def run(models: str) -> int:
    """Show everything; gives the exit code, which is the server's own unless something else failed."""
    started = time.perf_counter()
    try:
        with local_server(models) as server:
            took = time.perf_counter() - started
            console.print(f"[bold]hiddenstate serve[/] is up at {server.address} after {took:.1f} s")
            served = _show_models(server)
            if writer := _first(served, "text_generation"):
                _show_text(server, writer)
            if reader := _first(served, "sentiment"):
                _show_sentiment(server, reader)
            alike = _show_crowd(server, writer) if writer else True
            _show_metrics(server.samples())
            code = server.stop()
    except StartError as error:
        console.print(f"[red]error: {error}[/]", soft_wrap=True)
        return 1
    console.print(f"\nSIGTERM: the server drained and left with exit code {code}.")
    if not writer and not reader:
        console.print(f"[red]error: {models} holds no model that is ready[/]")
        return 1
    return code if alike else 1


def _show_models(server: LocalServer) -> list[Model]:
    with Client(server.address) as client:
        found = client.models()
    console.print(models_table(found))
    return found


def _first(found: Sequence[Model], task: str) -> str:
    return next((model.name for model in found if model.task == task and model.state == "ready"), "")


def _show_text(server: LocalServer, model: str) -> None:
    console.print(Rule(f"text from {model}, token by token", align="left", style="dim"))
    console.print(PROMPT, style="dim", end="")
    with Client(server.address) as client:
        text = client.generate(PROMPT, model=model, max_tokens=TEXT_TOKENS, temperature=CROWD_TEMPERATURE, seed=SEED)
        for token in text:
            # The server is faster than anybody reads.
            time.sleep(0.01)
            console.print(token.text, end="", markup=False, soft_wrap=True)
    console.print("\n")


def _show_sentiment(server: LocalServer, model: str) -> None:
    console.print(Rule("sentiment while the words come in", align="left", style="dim"))
    with Client(server.address) as client:
        for snippet in SNIPPETS:
            words = Remembered(paced(split_words([snippet]), WORDS_PER_SECOND))
            show_live(words, client.sentiment(words, model=model), console)
            console.print()


def _show_crowd(server: LocalServer, model: str) -> bool:
    """Write many texts at once; true when each is the text that its seed gives alone."""
    console.print(Rule(f"{CROWD} sessions at once", align="left", style="dim"))
    alone, alone_seconds = asyncio.run(_write(server.address, model, [SEED]))
    crowd, crowd_seconds = asyncio.run(_write(server.address, model, range(SEED, SEED + CROWD)))
    alike = crowd[0] == alone[0]
    one, many = CROWD_TOKENS / alone_seconds, CROWD * CROWD_TOKENS / crowd_seconds
    console.print(f"one session alone    {one:8,.0f} tokens/s")
    console.print(f"{CROWD} sessions together {many:7,.0f} tokens/s  ({many / one:.1f} times as many)")
    verdict = "[green]the same text[/] alone and among strangers" if alike else "[red]another text among strangers[/]"
    console.print(f"seed {SEED} gives {verdict}\n")
    return alike


async def _write(address: str, model: str, seeds: Sequence[int]) -> tuple[list[str], float]:
    """The text of each seed, all at once, and the seconds that all of them took."""
    async with AsyncClient(address) as client:
        await client.models()  # connects, so that what follows is the sessions' own time
        started = time.perf_counter()
        texts = [
            client.generate(
                PROMPT, model=model, seed=seed, max_tokens=CROWD_TOKENS, temperature=CROWD_TEMPERATURE
            ).text()
            for seed in seeds
        ]
        return list(await asyncio.gather(*texts)), time.perf_counter() - started


def _show_metrics(samples: Sequence[Sample]) -> None:
    console.print(Rule("what Prometheus would scrape", align="left", style="dim"))
    by_model: dict[str, dict[str, float]] = {}
    for sample in samples:
        if model := sample.labels.get("model"):
            by_model.setdefault(model, {})[sample.name.removeprefix("hiddenstate_")] = sample.value
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("", no_wrap=True)
    for model in by_model:
        table.add_column(model, justify="right")
    for title, figures in zip(_FIGURES, zip(*map(_figures, by_model.values()), strict=True), strict=False):
        table.add_row(title, *figures)
    console.print(table)


_FIGURES = ("ticks", "mean rows per tick", "steps", "answers", "padding", "mean model run", "mean queue wait")


def _figures(values: dict[str, float]) -> tuple[str, ...]:
    ticks = values.get("tick_rows_count", 0.0)
    steps, padding = values.get("steps_total", 0.0), values.get("padding_steps_total", 0.0)

    def mean(name: str) -> float:
        return values.get(f"{name}_sum", 0.0) / max(values.get(f"{name}_count", 0.0), 1.0)

    return (
        f"{ticks:,.0f}",
        f"{mean('tick_rows'):.1f}",
        f"{steps:,.0f}",
        f"{values.get('items_total', 0.0):,.0f}",
        f"{padding / max(padding + steps, 1.0):.1%}",
        f"{mean('model_run_seconds') * 1e3:.2f} ms",
        f"{mean('queue_wait_seconds') * 1e3:.2f} ms",
    )
