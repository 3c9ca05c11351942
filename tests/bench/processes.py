"""The processes of a benchmark, each pinned to a core and ended with it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

START_SECONDS = 60.0
STOP_SECONDS = 15.0


class ProcessError(Exception):
    """A process of the benchmark did not start or did not answer."""


def two_cores() -> tuple[int, int]:
    """A core for the server and one for the load. Raises ProcessError where there is only one."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise ProcessError("two cores are needed: one for the server, one for the load")
    return cores[0], cores[1]


def free_port() -> int:
    """One that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True)
class Served:
    """A server that runs: where, and as which process."""

    address: str
    process: subprocess.Popen[str]

    def resident_bytes(self) -> int:
        """Memory that is resident now."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def cpu_seconds(self) -> float:
        """Processor time of all its threads so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def pinned(core: int, arguments: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    """Run Python with `arguments` on one core, without the settings of a server that runs here otherwise."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HIDDENSTATE_")}
    process = subprocess.Popen(
        [sys.executable, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**environment, "OMP_NUM_THREADS": "1"},
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def first_line(process: subprocess.Popen[str]) -> str:
    """What a process says when it is ready. Raises ProcessError when it ends before."""
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    if not line:
        raise ProcessError(f"{process.args!r} ended with {process.wait()} before it was ready; its error stands above")
    return line


@contextmanager
def serve_script(core: int, module: str, *arguments: str) -> Iterator[Served]:
    """Run a server of this folder, which says its address on its first line."""
    with pinned(core, ["-m", module, *arguments]) as process:
        yield Served(first_line(process), process)


@contextmanager
def serve_hiddenstate(core: int, models: Path, port: int, precision: str = "fp32", *further: str) -> Iterator[Served]:
    """Run `hiddenstate serve` with further arguments, until its health service says SERVING."""
    address = f"127.0.0.1:{port}"
    entry = "import typer; from service.commands import serve; typer.run(serve)"
    arguments = ["-c", entry, "--listen", address, "--metrics-listen", "", "--models", str(models)]
    arguments += ["--precision", precision, *further]
    with pinned(core, [*arguments, "--log-level", "warning"]) as process:
        await_serving(address, process)
        yield Served(address, process)


def await_serving(address: str, process: subprocess.Popen[str]) -> None:
    """Wait for the standard health service. Raises ProcessError when the server ends or takes too long."""
    with grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        for _ in range(int(START_SECONDS)):
            try:
                stub.Check(health_pb2.HealthCheckRequest(), timeout=1.0, wait_for_ready=True)
            except grpc.RpcError as error:
                if process.poll() is not None:
                    raise ProcessError(f"the server ended with {process.returncode} at its start") from error
            else:
                return
    raise ProcessError(f"the server at {address} is not ready after {START_SECONDS:.0f} s")


@dataclass(frozen=True)
class Runtime:
    """The process of `tests.bench.runtime`."""

    process: subprocess.Popen[str]

    def steps_per_second(self, batch: int, steps: int, seconds: float) -> float:
        """Measure once."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{batch} {steps} {seconds}\n")
        self.process.stdin.flush()
        return float(first_line(self.process))


@contextmanager
def raw_runtime(core: int, bundle: Path, variant: str = "fp32") -> Iterator[Runtime]:
    """ONNX Runtime alone on one variant of a bundle."""
    with pinned(core, ["-m", "tests.bench.runtime", str(bundle), variant]) as process:
        first_line(process)
        yield Runtime(process)
