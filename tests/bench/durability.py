"""Measure what durability costs: `python -m tests.bench.durability`.

Sessions of the reference LSTM that are stored against sessions that are not, in turns on one server, whose sessions are
written about as often as each of them takes 64 steps. What counts is the ratio of each pair: absolute figures are those
of the machine, and of what else runs on it. Where much else runs, the ratio of the server's processor time for a
message says more than that of the throughput.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

from hiddenstate.v1 import inference_pb2, session_pb2
from tests.bench import models, processes
from tests.bench.calls import OUTPUTS_KEY, chunk_of
from tests.bench.load import Call
from tests.bench.scenarios import Plan, Sample, measure_call
from tests.bench.wire import WireError
from tests.redis_process import MISSING, RedisProcess, redis_program

STEPS_BETWEEN = 64
"""Steps of one session between two of its snapshots."""
SESSIONS = 64
MOST = {"file": 0.10, "redis": 0.15}
"""What durability may cost, as a share of throughput."""


@dataclass(frozen=True)
class Cost:
    """Pairs of one store: what was measured without and with durability."""

    store: str
    steps: int
    interval: float
    pairs: list[tuple[Sample, Sample]]

    @property
    def ratios(self) -> list[float]:
        """Throughput with over without."""
        return [stored.per_second / none.per_second for none, stored in self.pairs]

    @property
    def time_ratios(self) -> list[float]:
        """Processor time for a message, without over with."""
        return [none.server_cpu_us / stored.server_cpu_us for none, stored in self.pairs]

    def lines(self) -> list[str]:
        """For people."""
        steps = median(stored.per_second for _, stored in self.pairs) * self.interval / SESSIONS
        return [
            f"{self.store}, {self.steps} steps a message, {SESSIONS} sessions written every "
            f"{1e3 * self.interval:.0f} ms ({steps:.0f} steps of each), {len(self.pairs)} pairs:",
            f"  throughput with over without: {_spread(self.ratios)}",
            f"  processor time for a message, without over with: {_spread(self.time_ratios)}",
        ]


def _spread(ratios: list[float]) -> str:
    low, high = quantiles(ratios, n=4)[::2] if len(ratios) > 1 else (ratios[0], ratios[0])
    return f"{median(ratios):.3f} (half of them {low:.3f} to {high:.3f}, all {min(ratios):.3f} to {max(ratios):.3f})"


def infer(steps: int, durability: int) -> Call:
    """Sessions that acknowledge each answer with their next message."""
    session = session_pb2.SessionConfig(model=models.REFERENCE, durability=durability)  # type: ignore[arg-type]
    config = inference_pb2.InferRequest(config=inference_pb2.InferConfig(session=session))
    chunk = chunk_of(steps)

    def following(answer: bytes) -> bytes | None:
        if answer[0] != OUTPUTS_KEY:
            return None
        received = inference_pb2.InferResponse.FromString(answer).outputs.answer_number
        # A field behind a message is a field of it.
        return chunk + inference_pb2.InferRequest(received_answer_number=received).SerializeToString()

    return Call(
        path="/hiddenstate.v1.InferenceService/Infer",
        opening=(config.SerializeToString(), chunk),
        units=lambda answer: steps if answer[0] == OUTPUTS_KEY else 0,
        next_message=following,
    )


def measure(store: str, address: str, keys: Path, steps: int, plan: Plan) -> Cost:
    """Pairs of windows, on one server."""
    core, load_core = processes.two_cores()
    repository = models.prepare(Path("build/bench/models"), None)
    none, stored = (infer(steps, each) for each in (session_pb2.DURABILITY_NONE, session_pb2.DURABILITY_STORED))

    @contextmanager
    def serving(interval: float) -> Iterator[processes.Served]:
        further = ("--store", address, "--signing-keys", str(keys), "--checkpoint-interval", str(interval))
        port = processes.free_port()
        with processes.serve_hiddenstate(core, repository, port, "fp32", *further, "--park-after", "1") as served:
            yield served

    os.sched_setaffinity(0, {load_core})
    try:
        with serving(1.0) as served:
            rate = measure_call(served, none, SESSIONS, plan, plan.seconds).per_second
        interval = STEPS_BETWEEN * SESSIONS / rate
        with serving(interval) as served:
            pairs = []
            for number in range(plan.rounds):
                calls = (none, stored) if number % 2 else (stored, none)
                found = {call.opening: measure_call(served, call, SESSIONS, plan, plan.seconds) for call in calls}
                pairs.append((found[none.opening], found[stored.opening]))
    finally:
        os.sched_setaffinity(0, {core, load_core})
    return Cost(store, steps, interval, pairs)


def main() -> int:
    """Measure and print; 1 when something failed, or a target was missed and that was asked."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.durability", description=__doc__)
    parser.add_argument("--stores", nargs="+", choices=sorted(MOST), default=sorted(MOST))
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each half of a pair")
    parser.add_argument("--check", action="store_true", help="exit with 1 when durability costs more than it may")
    chosen = parser.parse_args()
    plan = Plan(rounds=chosen.pairs, steady=1.0, seconds=chosen.seconds, generation_seconds=0.0)
    costs = []
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        addresses = {"file": str(folder / "sessions.db")} if "file" in chosen.stores else {}
        if "redis" not in chosen.stores:
            pass
        elif (program := redis_program()) is None:
            print(MISSING)
        else:
            redis = RedisProcess(program, folder)
            stack.callback(redis.stop)
            addresses["redis"] = f"redis://{redis.address}/0"
        try:
            for store, address in addresses.items():
                for steps in (1, 16):
                    cost = measure(store, address, folder / "keys", steps, plan)
                    print("\n".join(cost.lines()), flush=True)
                    costs.append(cost)
        except (processes.ProcessError, WireError) as error:
            print(f"bench: {error}", file=sys.stderr)
            return 1
    missed = [cost for cost in costs if 1 - median(cost.time_ratios) > MOST[cost.store]]
    return 1 if chosen.check and missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
