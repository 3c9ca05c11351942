"""Measure parked sessions: `python -m tests.bench.parking`.

Sessions of the reference LSTM (2 KB of state) are opened on one server with the file store, take steps, and lose their
stream. Once all are parked: what the server needs for them, and how long it takes to resume one. The figures are of
this machine and of what else runs on it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import grpc
import numpy as np

from hiddenstate.v1 import inference_pb2, session_pb2
from tests.bench import models, processes
from tests.bench.calls import chunk_of

STEPS = 4
"""Of the one chunk that each session takes before it is left, and after it is resumed."""
AT_ONCE = 32
"""Sessions that are being opened."""
PARK_AFTER = 1.0
DAY = 86_400.0
MOST_MB, MOST_MS = 600, 5


@dataclass(frozen=True)
class Figures:
    """What was measured; times in milliseconds, memory in megabytes (10^6 bytes).

    `active_mb`: what `active` sessions take that are stored and whose streams stand, on a server of their own.
    `snapshot_us`, `snapshot_bytes`: what one snapshot takes between two ticks, and its size, on average.
    `opened_ms`: from the call until the session is open again; `answered_ms`: until its next chunk is answered, too;
    `fresh_ms`: the same for new sessions that survive nothing, in turns with these: what the machine alone makes of it.
    """

    sessions: int
    active: int
    active_mb: float
    before_mb: float
    parked_mb: float
    opens_per_s: float
    snapshot_us: float
    snapshot_bytes: float
    opened_ms: np.ndarray
    answered_ms: np.ndarray
    fresh_ms: np.ndarray

    def lines(self) -> list[str]:
        """For people."""
        each = (self.parked_mb - self.before_mb) * 1e6 / self.sessions
        lines = [
            f"{self.active} active sessions: {self.active_mb * 1e3 / self.active:.1f} KB each",
            f"{self.sessions} sessions opened, one chunk of {STEPS} steps each: {self.opens_per_s:.0f} a second",
            f"resident: {self.before_mb:.0f} MB before, {self.parked_mb:.0f} MB with all of them parked ({each:.0f} "
            "bytes each)",
        ]
        lines.append(f"one snapshot: {self.snapshot_bytes:.0f} bytes, {self.snapshot_us:.0f} µs between two ticks")
        timed = {
            "resume, open again": self.opened_ms,
            "resume, next chunk answered": self.answered_ms,
            "a new session that is not stored, chunk answered": self.fresh_ms,
        }
        for what, times in timed.items():
            p50, p90, p99 = np.percentile(times, [50, 90, 99])
            share = 100 * np.mean(times < MOST_MS)
            lines.append(f"{what}: p50 {p50:.2f}, p90 {p90:.2f}, p99 {p99:.2f} ms; {share:.1f} % under {MOST_MS} ms")
        return lines


class Loading:
    """The clients of one server."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._infer: Any = channel.stream_stream(
            "/hiddenstate.v1.InferenceService/Infer",
            request_serializer=inference_pb2.InferRequest.SerializeToString,
            response_deserializer=inference_pb2.InferResponse.FromString,
        )
        self._chunk = inference_pb2.InferRequest.FromString(chunk_of(STEPS))
        self.tokens: list[str] = []

    async def open_many(self, count: int) -> float:
        """Open sessions, let each take a chunk, and leave them; how many a second."""
        begun = time.perf_counter()
        left = iter(range(count))
        await asyncio.gather(*(self._open_some(left) for _ in range(AT_ONCE)))
        return count / (time.perf_counter() - begun)

    async def open_live(self, count: int) -> list[Any]:
        """Open sessions that are stored, and let each answer a chunk; gives their streams, which stand."""
        calls = []
        for _ in range(count):
            calls.append(call := self._infer())
            await call.write(_config(_stored()))
            await call.read()
            await self._step(call, 1)
        return calls

    async def resume(self, token: str) -> tuple[float, float]:
        """Seconds until a session is open again, and until a chunk was answered."""
        begun = time.perf_counter()
        call = self._infer()
        session = session_pb2.SessionConfig(resume_token=token, received_answer_number=1)
        await call.write(_config(session))
        await call.read()
        opened = time.perf_counter() - begun
        await self._step(call, 2)
        answered = time.perf_counter() - begun
        call.cancel()
        return opened, answered

    async def open_fresh(self) -> float:
        """Seconds until a session that is not stored has answered a chunk."""
        begun = time.perf_counter()
        call = self._infer()
        session = session_pb2.SessionConfig(model=models.REFERENCE, durability=session_pb2.DURABILITY_NONE)
        await call.write(_config(session))
        await call.read()
        await self._step(call, 1)
        answered = time.perf_counter() - begun
        call.cancel()
        return answered

    async def _open_some(self, left: Iterator[int]) -> None:
        for _ in left:
            call = self._infer()
            await call.write(_config(_stored()))
            opened = await call.read()
            await self._step(call, 1)
            await call.write(
                inference_pb2.InferRequest(acknowledgement=session_pb2.Acknowledgement(), received_answer_number=1)
            )
            await call.done_writing()
            # The side was closed without an end: the stream ends, and the session waits to be resumed.
            with contextlib.suppress(grpc.aio.AioRpcError):
                while await call.read():
                    pass
            assert await call.code() is grpc.StatusCode.FAILED_PRECONDITION
            self.tokens.append(opened.opened.resume_token)

    async def _step(self, call: Any, number: int) -> None:
        request = inference_pb2.InferRequest(chunk=self._chunk.chunk, sequence_number=number)
        await call.write(request)
        while not (await call.read()).HasField("outputs"):
            pass


async def active_megabytes(served: processes.Served, count: int) -> float:
    """What sessions take whose streams stand, on a server that has had some before."""
    async with _channel(served) as channel:
        loading = Loading(channel)
        for call in await loading.open_live(AT_ONCE):
            call.cancel()
        before = served.resident_bytes()
        calls = await loading.open_live(count)
        taken = served.resident_bytes() - before
        for call in calls:
            call.cancel()
        return taken / 1e6


async def measure(
    served: processes.Served, metrics: str, sessions: int, resumes: int, active: tuple[int, float]
) -> Figures:
    """Open, wait until all are parked, weigh, resume some. `active`: what was measured of such sessions."""
    async with _channel(served) as channel:
        loading = Loading(channel)
        await loading.open_many(AT_ONCE)
        await _all_parked(metrics)
        before = served.resident_bytes()
        rate = await loading.open_many(sessions)
        await _all_parked(metrics)
        parked = served.resident_bytes()
        chosen = random.Random(1).sample(loading.tokens, resumes)
        times = np.array([(*await loading.resume(token), await loading.open_fresh()) for token in chosen]) * 1e3
        seconds, size = [await _mean(metrics, f"hiddenstate_snapshot_{unit}") for unit in ("seconds", "bytes")]
        memory = before / 1e6, parked / 1e6
        return Figures(sessions, *active, *memory, rate, 1e6 * seconds, size, times[:, 0], times[:, 1], times[:, 2])


def _channel(served: processes.Served) -> grpc.aio.Channel:
    return grpc.aio.insecure_channel(served.address, options=[("grpc.enable_http_proxy", 0)])


async def _all_parked(metrics: str) -> None:
    """Wait until no session has a slot."""
    while await _sum(metrics, "hiddenstate_active_sessions"):  # noqa: ASYNC110
        await asyncio.sleep(0.5)


async def _mean(metrics: str, name: str) -> float:
    """Of a histogram."""
    return await _sum(metrics, f"{name}_sum") / await _sum(metrics, f"{name}_count")


async def _sum(metrics: str, name: str) -> float:
    """Of all lines of a metric."""
    text = await asyncio.to_thread(lambda: urlopen(f"http://{metrics}/metrics").read().decode())
    lines = [line for line in text.splitlines() if line.startswith((f"{name}{{", f"{name} "))]
    if not lines:
        raise processes.ProcessError(f"the server has no metric {name}")
    return sum(float(line.rpartition(" ")[2]) for line in lines)


def _stored() -> session_pb2.SessionConfig:
    return session_pb2.SessionConfig(model=models.REFERENCE, durability=session_pb2.DURABILITY_STORED)


def _config(session: session_pb2.SessionConfig) -> inference_pb2.InferRequest:
    return inference_pb2.InferRequest(config=inference_pb2.InferConfig(session=session))


def _figures(sessions: int, resumes: int, active: int) -> Figures:
    server_core, load_core = processes.two_cores()
    repository = models.prepare(Path("build/bench/models"), None)

    @contextlib.contextmanager
    def serving(*further: str) -> Iterator[processes.Served]:
        port = processes.free_port()
        with tempfile.TemporaryDirectory() as folder:
            store = ("--store", f"{folder}/sessions.db")
            os.sched_setaffinity(0, {server_core, load_core})
            with processes.serve_hiddenstate(server_core, repository, port, "fp32", *store, *further) as served:
                os.sched_setaffinity(0, {load_core})
                yield served

    with serving("--park-after", "0") as served:
        active_mb = asyncio.run(active_megabytes(served, active))
    metrics = f"127.0.0.1:{processes.free_port()}"
    with serving("--park-after", str(PARK_AFTER), "--idle-timeout", str(DAY), "--metrics-listen", metrics) as served:
        return asyncio.run(measure(served, metrics, sessions, min(resumes, sessions), (active, active_mb)))


def main() -> int:
    """Measure and print; 1 when something failed, or a target was missed and that was asked."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.parking", description=__doc__)
    parser.add_argument("--sessions", type=int, default=100_000)
    parser.add_argument("--resumes", type=int, default=2000)
    parser.add_argument("--active", type=int, default=2000)
    parser.add_argument("--check", action="store_true", help=f"exit with 1 over {MOST_MB} MB or {MOST_MS} ms")
    chosen = parser.parse_args()
    try:
        figures = _figures(chosen.sessions, chosen.resumes, chosen.active)
    except processes.ProcessError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    print("\n".join(figures.lines()))
    missed = figures.parked_mb > MOST_MB or np.percentile(figures.answered_ms, 99) > MOST_MS
    return 1 if chosen.check and missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
