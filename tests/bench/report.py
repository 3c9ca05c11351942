"""The result of a benchmark: a table, the targets, and bench.json."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench.scenarios import Row, speedups

RATIO_TARGET, LATENCY_TARGET, SPEEDUP_TARGET = 0.6, 2.0, 5.0
LIBRARIES = ("grpcio", "onnxruntime", "uvloop", "protobuf", "numpy")


@dataclass(frozen=True)
class Target:
    """What was promised, and what was measured."""

    name: str
    measured: float
    wanted: str
    met: bool


def targets(rows: Sequence[Row]) -> list[Target]:
    """The promises that these rows can answer."""
    by_shape = {(row.scenario, row.sessions, row.steps_per_message): row for row in rows}
    found: list[Target] = []
    crowd = by_shape.get(("infer", 64, 1))
    if crowd is not None and crowd.ratio is not None:
        wanted = f"at least {RATIO_TARGET}"
        found.append(Target("64 sessions, served over limit", crowd.ratio, wanted, crowd.ratio >= RATIO_TARGET))
    alone, echo = by_shape.get(("infer", 1, 1)), by_shape.get(("echo", 1, 1))
    run = by_shape.get(("runtime", 1, 1))
    if (
        alone is not None
        and alone.p50_ms is not None
        and echo is not None
        and echo.p50_ms is not None
        and run is not None
    ):
        times = alone.p50_ms / (echo.p50_ms + 1e3 / run.served_per_s)
        wanted = f"at most {LATENCY_TARGET:g}"
        found.append(Target("one session, p50 over (echo + run)", times, wanted, times <= LATENCY_TARGET))
    for variant, times_naive in speedups(rows).items():
        met = times_naive >= SPEEDUP_TARGET
        name = f"text {variant}, ours over the naive server"
        found.append(Target(name, times_naive, f"at least {SPEEDUP_TARGET:g}", met))
    return found


def show(rows: Sequence[Row], console: Console) -> None:
    """Print the table and the targets."""
    table = Table(title="One server core; rates are steps or tokens a second", title_justify="left")
    for name in ("scenario", "sessions", "steps / message", "served / s", "limit / s", "ratio", "p50 ms", "p99 ms"):
        table.add_column(name, justify="left" if name == "scenario" else "right")
    table.add_column("server µs / message", justify="right")
    table.add_column("client core", justify="right")
    scenario = rows[0].scenario if rows else ""
    for row in rows:
        if row.scenario != scenario:
            table.add_section()
            scenario = row.scenario
        table.add_row(*_cells(row))
    console.print(table)
    for target in targets(rows):
        mark = "[green]met[/]" if target.met else "[red]missed[/]"
        console.print(f"{target.name}: {target.measured:.2f} (wanted {target.wanted}): {mark}")


def _cells(row: Row) -> list[str]:
    def cell(value: float | None, form: str) -> str:
        return "" if value is None else format(value, form)

    return [
        row.scenario,
        str(row.sessions),
        str(row.steps_per_message),
        cell(row.served_per_s, ",.0f"),
        cell(row.limit_per_s, ",.0f"),
        cell(row.ratio, ".2f"),
        cell(row.p50_ms, ".2f"),
        cell(row.p99_ms, ".2f"),
        cell(row.server_cpu_us, ".1f"),
        cell(row.client_share, ".0%"),
    ]


def write(rows: Sequence[Row], path: Path) -> None:
    """Write bench.json: rows, targets and what they were measured on."""
    document: dict[str, Any] = {
        "rows": [asdict(row) for row in rows],
        "targets": [asdict(target) for target in targets(rows)],
        "machine": {
            "processor": _processor(),
            "cores": len(os.sched_getaffinity(0)),
            "python": platform.python_version(),
        },
        "libraries": {name: version(name) for name in LIBRARIES},
    }
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
