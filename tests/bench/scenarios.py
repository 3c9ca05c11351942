"""The scenarios, measured in turns: absolute times of a machine drift, so what is compared is measured side by side."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median

from tests.bench import calls
from tests.bench.load import Call, Load
from tests.bench.processes import Runtime, Served

SETTLE_SECONDS = 0.1
"""Between two measurements, in which the server ends the sessions of the one before."""


@dataclass(frozen=True)
class Row:
    """One line of the result; rates are steps or tokens a second. Latencies are None where nothing waits.

    `ratio` is served over limit. `server_cpu_us` is the server's processor time for one message; `client_share` is the
    part of its own core that the load generator used: near 1 it, and not the server, was the limit.
    """

    scenario: str
    sessions: int
    steps_per_message: int
    served_per_s: float
    limit_per_s: float | None = None
    ratio: float | None = None
    p50_ms: float | None = None
    p99_ms: float | None = None
    server_cpu_us: float | None = None
    client_share: float | None = None


@dataclass(frozen=True)
class Plan:
    """How long and how often to measure; `steady` is the uncounted beginning of each measurement. In seconds."""

    rounds: int
    steady: float
    seconds: float
    generation_seconds: float
    shapes: tuple[tuple[int, int], ...] = ((1, 1), (16, 1), (64, 1), (256, 1), (64, 16))
    """Sessions, and steps in each message."""
    generating_sessions: int = 64
    per_connection: int = 1
    """Sessions on each connection: 1 is as many clients, more is a proxy in front of them."""


@dataclass(frozen=True)
class Sample:
    """What one measurement of one scenario gave."""

    per_second: float
    p50_ms: float
    p99_ms: float
    server_cpu_us: float
    client_share: float


def measure_call(served: Served, call: Call, sessions: int, plan: Plan, seconds: float) -> Sample:
    """Load a server with one call."""
    load = Load(served.address, call, sessions, plan.per_connection)
    try:
        load.settle(plan.steady)
        before, begun = served.cpu_seconds(), time.perf_counter()
        measured = load.run(seconds)
        cpu_share = (served.cpu_seconds() - before) / (time.perf_counter() - begun)
    finally:
        load.close()
    time.sleep(SETTLE_SECONDS)
    return Sample(
        measured.units_per_second,
        measured.p50_ms,
        measured.p99_ms,
        1e6 * cpu_share / measured.messages_per_second,
        measured.client_share,
    )


def measure_steps(echo: Served, ours: Served, runtime: Runtime, plan: Plan, tell: Callable[[str], None]) -> list[Row]:
    """Transport, runtime and server for each number of sessions, in turns."""
    echoed: dict[tuple[int, int], list[Sample]] = defaultdict(list)
    served: dict[tuple[int, int], list[Sample]] = defaultdict(list)
    ran: dict[tuple[int, int], list[float]] = defaultdict(list)
    for number in range(plan.rounds):
        for shape in plan.shapes:
            sessions, steps = shape
            tell(f"round {number + 1} of {plan.rounds}: {sessions} sessions, {steps} steps a message")
            echoed[shape].append(measure_call(echo, calls.echo(steps), sessions, plan, plan.seconds))
            ran[shape].append(runtime.steps_per_second(sessions, steps, plan.seconds / 2))
            served[shape].append(measure_call(ours, calls.infer(steps), sessions, plan, plan.seconds))
    return [
        *(_row("echo", shape, echoed[shape], None) for shape in plan.shapes),
        *(Row("runtime", *shape, median(ran[shape])) for shape in plan.shapes),
        *(_row("infer", shape, served[shape], limit_of(echoed[shape], ran[shape])) for shape in plan.shapes),
    ]


def measure_generation(
    naive: Served, ours: Served, runtime: Runtime, model: str, variant: str, plan: Plan, tell: Callable[[str], None]
) -> list[Row]:
    """Tokens a second of ours and of the naive server, all on one variant, in turns; the limit is the runtime alone."""
    sessions, call = plan.generating_sessions, calls.generate(model)
    shape = sessions, 1
    samples: dict[str, list[Sample]] = defaultdict(list)
    ran: list[float] = []
    for number in range(plan.rounds):
        tell(f"round {number + 1} of {plan.rounds}: {sessions} sessions generate text in {variant}")
        ran.append(runtime.steps_per_second(sessions, 1, plan.seconds / 2))
        for name, server in ((f"generate {variant}, naive", naive), (f"generate {variant}", ours)):
            sample = measure_call(server, call, sessions, plan, plan.generation_seconds)
            samples[name].append(sample)
    return [
        Row(f"runtime, text {variant}", *shape, median(ran)),
        *(_row(name, shape, samples[name], median(ran)) for name in samples),
    ]


def speedups(rows: Iterable[Row]) -> dict[str, float]:
    """Tokens a second of ours over those of the naive server, by variant."""
    rates = {row.scenario: row.served_per_s for row in rows}
    naive = {name: name.removeprefix("generate ").removesuffix(", naive") for name in rates if name.endswith(", naive")}
    return {variant: rates[f"generate {variant}"] / rates[name] for name, variant in naive.items()}


def limit_of(echoed: list[Sample], ran: list[float]) -> float:
    """Steps a second if a step cost what its message and its run cost alone."""
    return 1 / (1 / median(sample.per_second for sample in echoed) + 1 / median(ran))


def _row(scenario: str, shape: tuple[int, int], samples: list[Sample], limit: float | None) -> Row:
    rate = median(sample.per_second for sample in samples)
    return Row(
        scenario,
        *shape,
        served_per_s=rate,
        limit_per_s=limit,
        ratio=None if limit is None else rate / limit,
        p50_ms=median(sample.p50_ms for sample in samples),
        p99_ms=median(sample.p99_ms for sample in samples),
        server_cpu_us=median(sample.server_cpu_us for sample in samples),
        client_share=median(sample.client_share for sample in samples),
    )
