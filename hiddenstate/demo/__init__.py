"""`hiddenstate demo`: a server on the shipped models, a scene for every task, many sessions at once, a clean stop."""

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
from hiddenstate.demo.made_up import PROMPT
from hiddenstate.demo.scenes import SCENES, SEED, TEMPERATURE
from hiddenstate.local_server import LocalServer, Sample, StartError, local_server
from hiddenstate.results import Model

CROWD = 32
CROWD_TOKENS = 100
WIDTH = 100
"""Columns, at most."""

console = Console(highlight=False)
console.width = min(console.width, WIDTH)


def run(models: str) -> int:
    """Show everything; gives the exit code, which is the server's own unless something else failed."""
    started = time.perf_counter()
    try:
        with local_server(models) as server:
            took = time.perf_counter() - started
            console.print(f"[bold]hiddenstate serve[/] is up at {server.address} after {took:.1f} s")
            served = _show_models(server)
            _play(server, served)
            writer = next((model.name for model in served if model.task == "text_generation" and _ready(model)), "")
            alike = _show_crowd(server, writer) if writer else True
            _show_metrics(server.samples())
            code = server.stop()
    except StartError as error:
        console.print(f"[red]error: {error}[/]", soft_wrap=True)
        return 1
    console.print(f"\nSIGTERM: the server drained and left with exit code {code}.")
    if not any(map(_ready, served)):
        console.print(f"[red]error: {models} holds no model that is ready[/]")
        return 1
    return code if alike else 1


def _show_models(server: LocalServer) -> list[Model]:
    with Client(server.address) as client:
        found = client.models()
    console.print(models_table(found))
    return found


def _ready(model: Model) -> bool:
    return model.state == "ready"


def _play(server: LocalServer, served: Sequence[Model]) -> None:
    """Every scene that a model is served for."""
    with Client(server.address) as client:
        for scene in SCENES:
            if name := scene.model(served):
                _title(f"{scene.title}  ·  {name}")
                scene.play(client, name, console)
                console.print()


def _title(text: str) -> None:
    console.print(Rule(text, align="left", style="dim"))


def _show_crowd(server: LocalServer, model: str) -> bool:
    """Write many texts at once; true when each is the text that its seed gives alone."""
    _title(f"{CROWD} sessions at once")
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
            client.generate(PROMPT, model=model, seed=seed, max_tokens=CROWD_TOKENS, temperature=TEMPERATURE).text()
            for seed in seeds
        ]
        return list(await asyncio.gather(*texts)), time.perf_counter() - started


def _show_metrics(samples: Sequence[Sample]) -> None:
    """A line for each model that has run."""
    _title("what Prometheus would scrape")
    by_model: dict[str, dict[str, float]] = {}
    for sample in samples:
        if model := sample.labels.get("model"):
            # A model has several lines where its gates are explained by a graph of their own.
            values, name = by_model.setdefault(model, {}), sample.name.removeprefix("hiddenstate_")
            values[name] = values.get(name, 0.0) + sample.value
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("", no_wrap=True)
    for title in _FIGURES:
        table.add_column(title, justify="right", vertical="bottom")
    for model, values in by_model.items():
        if values.get("tick_rows_count"):
            table.add_row(model, *_figures(values))
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
