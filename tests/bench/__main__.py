"""Run the benchmark: `make bench`, or `python -m tests.bench --quick` for a look that takes seconds."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from service.bundle import load_bundle
from tests.bench import models, processes, report, scenarios
from tests.bench.wire import WireError

FULL = scenarios.Plan(rounds=3, steady=0.3, seconds=1.0, generation_seconds=4.0)
QUICK = scenarios.Plan(rounds=1, steady=0.1, seconds=0.2, generation_seconds=0.5)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="very short measurements: shows that it works, no more")
    parser.add_argument("--text-model", type=Path, default=Path("models/austen/1"), help="bundle that generates text")
    parser.add_argument("--sessions-per-connection", type=int, default=1, help="1: as many clients; more: a proxy")
    parser.add_argument("--output", type=Path, default=Path("bench.json"))
    parser.add_argument("--check", action="store_true", help="exit with 1 when a target is missed")
    return parser.parse_args()


def measure(plan: scenarios.Plan, text_model: Path | None, console: Console) -> list[scenarios.Row]:
    """Start all servers on one core, load them from another one, and measure in turns."""
    server_core, load_core = processes.two_cores()
    repository = models.prepare(Path("build/bench/models"), text_model)
    with contextlib.ExitStack() as stack, console.status("starting") as status:
        ours = stack.enter_context(processes.serve_hiddenstate(server_core, repository, processes.free_port()))
        echo = stack.enter_context(processes.serve_script(server_core, "tests.bench.echo_server"))
        runtime = stack.enter_context(processes.raw_runtime(server_core, repository / models.REFERENCE / "1"))
        os.sched_setaffinity(0, {load_core})
        rows = scenarios.measure_steps(echo, ours, runtime, plan, status.update)
    if text_model is not None:
        for variant in load_bundle(text_model).manifest.variants:
            with console.status("starting") as status:
                rows += _measure_text(plan, text_model, variant, (server_core, repository), status.update)
    return rows


def _measure_text(
    plan: scenarios.Plan, bundle: Path, variant: str, ours: tuple[int, Path], tell: Callable[[str], None]
) -> list[scenarios.Row]:
    """Text generation in one variant; `ours` is the core and the model repository of the servers."""
    core, repository = ours
    with contextlib.ExitStack() as stack:
        # `auto` takes int8 where there is one; the reference model has none.
        precision = "auto" if variant == "int8" else variant
        server = stack.enter_context(processes.serve_hiddenstate(core, repository, processes.free_port(), precision))
        naive = stack.enter_context(
            processes.serve_script(core, "tests.bench.naive_server", str(bundle), "--variant", variant)
        )
        runtime = stack.enter_context(processes.raw_runtime(core, bundle, variant))
        return scenarios.measure_generation(naive, server, runtime, bundle.parent.name, variant, plan, tell)


def main() -> int:
    """Measure, print, write; 1 when something failed, or a target was missed and that was asked."""
    chosen, console = arguments(), Console()
    text_model = chosen.text_model if chosen.text_model.exists() else None
    if text_model is None:
        console.print(f"[yellow]{chosen.text_model} is not there: text generation is left out[/]")
    try:
        plan = replace(QUICK if chosen.quick else FULL, per_connection=chosen.sessions_per_connection)
        rows = measure(plan, text_model, console)
    except (processes.ProcessError, WireError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    report.show(rows, console)
    report.write(rows, chosen.output)
    console.print(f"written to {chosen.output}")
    return 1 if chosen.check and not all(target.met for target in report.targets(rows)) else 0


if __name__ == "__main__":
    raise SystemExit(main())
