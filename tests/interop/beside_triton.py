"""The same LSTM, the same client, two servers: `make triton` measures this one beside Triton, in turns.

perf_analyzer sends one step a request, of as many sequences as are asked for, each on its way to 50 steps. The server
runs on one core and the client on another one; every count is measured once a round, ours and Triton's one behind the
other, and the table has the medians. Triton runs its Python backend on ONNX Runtime with one thread: its backend for
ONNX Runtime is in no package.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import grpc

from hiddenstate.oip import open_inference_pb2 as oip
from tests.bench import models
from tests.bench.processes import Served, serve_hiddenstate
from tests.calls import path_of
from tests.interop.tools import PERF_ANALYZER, Tool, from_pip, in_bin

PYTRITON, RELEASE = "0.7.0", "2.51"
TRITON = Tool(
    "Triton",
    RELEASE,
    partial(from_pip, "Triton", [f"nvidia-pytriton=={PYTRITON}", "onnxruntime"]),
    partial(in_bin, "python"),
)
HERE = Path(__file__).parent / "triton"
COUNTS = (1, 16, 64, 128, 256, 1024)
PATIENCE = 60.0


@dataclass(frozen=True)
class Measured:
    """A run of perf_analyzer: steps a second, milliseconds until 99 of 100 answers, and how many requests were lost."""

    throughput: float
    p99: float
    lost: int

    @classmethod
    def of(cls, requests: Sequence[dict[str, Any]], asked: int) -> Measured:
        """From the times of all requests, in nanoseconds: perf_analyzer itself counts in whole seconds."""
        answered = [each for each in requests if each["response_timestamps"]]
        ends = [each["response_timestamps"][-1] for each in answered]
        begins = [each["timestamp"] for each in answered]
        p99 = statistics.quantiles((end - begin for begin, end in zip(begins, ends, strict=True)), n=100)[98]
        return cls(len(answered) / (max(ends) - min(begins)) * 1e9, p99 / 1e6, max(0, asked - len(answered)))


class RunError(Exception):
    """A run gave no figures; the message says why."""


def measure(served: Served, count: int, requests: int, core: int) -> Measured:
    """Load a server with `requests` steps of so many sequences at once. Raises RunError when one of them gives up."""
    with tempfile.TemporaryDirectory() as folder:
        found = _profile(served, count, requests, core, Path(folder) / "profile.json")
    return Measured.of(found, requests)


def _profile(served: Served, count: int, requests: int, core: int, profile: Path) -> list[dict[str, Any]]:
    """All requests of a run, with their times."""
    command = [
        *PERF_ANALYZER.found(), "-m", models.REFERENCE, "-u", served.address, "-i", "grpc", "--streaming", "--async",
        "--input-data", "zero", "--shape", f"inputs:1,{models.FEATURES}", "--sequence-length", "50",
        "--num-of-sequences", str(count), "--concurrency-range", str(count), "--request-count", str(requests),
        "--profile-export-file", str(profile),
    ]  # fmt: skip
    client = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )  # fmt: skip
    said = _until_ended(client, served)
    if client.returncode or not profile.exists():
        raise RunError(said.strip().splitlines()[-1])
    (experiment,) = json.loads(profile.read_text(encoding="utf-8"))["experiments"]
    found: list[dict[str, Any]] = experiment["requests"]
    return found


@contextmanager
def serve_triton(core: int, reference: Path) -> Iterator[Served]:
    """Run Triton on one core."""
    folder, port = TRITON.folder, _free_port()
    site = next(folder.glob("lib/python*/site-packages"))
    triton = site / "pytriton" / "tritonserver"
    minor = f"{sys.version_info[0]}.{sys.version_info[1]}"
    shutil.copy(triton / "python_backend_stubs" / minor / "triton_python_backend_stub", triton / "backends" / "python")
    environment = os.environ | {
        "LD_LIBRARY_PATH": f"{site / 'nvidia_pytriton.libs'}:{Path(sys.base_prefix) / 'lib'}",
        "PYTHONPATH": str(site),
        "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
        "OMP_NUM_THREADS": "1",
    }
    with tempfile.TemporaryDirectory() as root:
        model = Path(root) / models.REFERENCE
        shutil.copytree(reference, model / "1")
        shutil.copy(HERE / "model.py", model / "1")
        shutil.copy(HERE / "config.pbtxt", model)
        arguments = [
            str(triton / "bin" / "tritonserver"), f"--model-repository={root}",
            f"--backend-directory={triton / 'backends'}", "--grpc-address=127.0.0.1", f"--grpc-port={port}",
            "--allow-http=false", "--allow-metrics=false", "--log-info=false",
        ]  # fmt: skip
        process: subprocess.Popen[str] = subprocess.Popen(
            arguments, cwd=triton, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),
        )  # fmt: skip
        try:
            _wait_until_ready(f"127.0.0.1:{port}", process)
            yield Served(f"127.0.0.1:{port}", process)
        finally:
            ended = process.poll()
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
            process.wait()
            if ended is not None:
                raise RunError(f"Triton ended by itself with {ended}")


@contextmanager
def serve_ours(core: int, repository: Path) -> Iterator[Served]:
    """Run this server on one core."""
    with serve_hiddenstate(core, repository, _free_port()) as served:
        yield served


Serve = Callable[[], AbstractContextManager[Served]]


def in_turns(
    servers: Sequence[tuple[str, Serve]], counts: Sequence[int], rounds: int, requests: int, core: int
) -> dict[tuple[str, int], list[Measured | str]]:
    """Every server at every count, once a round; a fresh process for each, so that one that crashed spoils one run."""
    found: dict[tuple[str, int], list[Measured | str]] = {}
    for number in range(rounds):
        for count in counts:
            for name, serve in servers:
                try:
                    with serve() as served:
                        result: Measured | str = measure(served, count, requests, core)
                except RunError as error:
                    result = str(error)
                found.setdefault((name, count), []).append(result)
                print(f"round {number + 1}, {count} sequences, {name}: {result}", file=sys.stderr, flush=True)
    return found


def table(found: dict[tuple[str, int], list[Measured | str]], names: Sequence[str], counts: Sequence[int]) -> str:
    """Medians, as rows of Markdown; how many runs gave none, where there were such."""
    lines = [
        "| sequences at once | " + " | ".join(f"{name}: steps / s | p99" for name in names) + " | times as many |",
        "|---" * (2 * len(names) + 2) + "|",
    ]
    for count in counts:
        cells, medians = [], []
        for name in names:
            runs = found[name, count]
            good = [run for run in runs if isinstance(run, Measured)]
            medians.append(statistics.median(run.throughput for run in good) if good else 0.0)
            failed = f" ({len(runs) - len(good)} of {len(runs)} runs failed)" if len(good) < len(runs) else ""
            cells.append(f"{medians[-1]:,.0f}{failed}" if good else f"none{failed}")
            cells.append(f"{statistics.median(run.p99 for run in good):.1f} ms" if good else "")
        ratio = f"{medians[0] / medians[1]:.2f}" if medians[1] else ""
        lines.append(f"| {count} | " + " | ".join(cells) + f" | {ratio} |")
    return "\n".join(lines)


def _until_ended(client: subprocess.Popen[str], served: Served) -> str:
    """What a client says until it ends. Raises RunError when it hangs, as it does behind a server that is gone."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return client.communicate(timeout=1.0)[0]
        except subprocess.TimeoutExpired:
            gone = served.process.poll() is not None
            if gone or time.monotonic() > until:
                client.kill()
                client.communicate()
                raise RunError("its server is gone" if gone else f"hung for {PATIENCE:g} s") from None


def _wait_until_ready(address: str, process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + PATIENCE
    request = oip.ModelReadyRequest(name=models.REFERENCE).SerializeToString()
    with grpc.insecure_channel(address) as channel:
        ready = channel.unary_unary(path_of("ModelReady"), bytes, oip.ModelReadyResponse.FromString)
        while time.monotonic() < until and process.poll() is None:
            with contextlib.suppress(grpc.RpcError):
                if ready(request, timeout=2, wait_for_ready=True).ready:
                    return
            time.sleep(0.1)
    raise RunError(f"Triton was not ready within {PATIENCE:g} s")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def main() -> None:
    """Install, measure in turns, print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.interop.beside_triton", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=20_000, help="of one run")
    parser.add_argument("--counts", type=int, nargs="+", default=COUNTS)
    said = parser.parse_args()
    TRITON.ensure()
    PERF_ANALYZER.ensure()
    server_core, client_core = sorted(os.sched_getaffinity(0))[:2]
    repository = models.prepare(Path("build/triton/models"), None)
    servers: list[tuple[str, Serve]] = [
        ("hiddenstate", partial(serve_ours, server_core, repository)),
        ("Triton", partial(serve_triton, server_core, repository / models.REFERENCE / "1")),
    ]
    found = in_turns(servers, said.counts, said.rounds, said.requests, client_core)
    print(table(found, [name for name, _ in servers], said.counts))


if __name__ == "__main__":
    main()
