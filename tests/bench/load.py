"""Closed-loop load: every session sends its next message as soon as the last one is answered."""

from __future__ import annotations

import selectors
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from tests.bench.wire import Connection, WireError

QUIET_SECONDS = 10.0
"""Silence after which a measurement is given up."""


@dataclass(frozen=True)
class Call:
    """What each session says: messages at the start, then one for each answer that asks for one.

    `units(answer)` is how much an answer counts (steps, tokens; 0 for one that is not counted);
    `next_message(answer)` is what to send on an answer, or None to wait for another one.
    """

    path: str
    opening: tuple[bytes, ...]
    units: Callable[[bytes], int]
    next_message: Callable[[bytes], bytes | None]


@dataclass(frozen=True)
class Measured:
    """One window of load. Latency: between a message, or the last answer, and the answer, in milliseconds."""

    units_per_second: float
    messages_per_second: float
    p50_ms: float
    p99_ms: float
    client_share: float
    """Processor time of the load generator over wall time: near 1 it is the limit, not the server."""


@dataclass
class _Window:
    """Counts of one window; answers before `begins` are let by."""

    begins: float
    units: int = 0
    waits: list[float] = field(default_factory=list)


class Load:
    """Sessions of one call, `per_connection` of them on each connection."""

    def __init__(self, address: str, call: Call, sessions: int, per_connection: int) -> None:
        self._call = call
        self._sent: dict[tuple[int, int], float] = {}
        self._window = _Window(float("inf"))
        self._selector = selectors.DefaultSelector()
        self._connections: list[Connection] = []
        for number in range(-(-sessions // per_connection)):
            connection = Connection(address, partial(self._answered, number))
            self._connections.append(connection)
            self._selector.register(connection, selectors.EVENT_READ, connection)
            for _ in range(min(per_connection, sessions - number * per_connection)):
                self._begin(number, connection)
            connection.flush()

    def settle(self, seconds: float) -> None:
        """Load without counting."""
        ends = time.perf_counter() + seconds
        while time.perf_counter() < ends:
            self._turn()

    def run(self, seconds: float) -> Measured:
        """Load and count. Raises WireError when the server gives up, or answers nothing."""
        begins = time.perf_counter()
        self._window = _Window(begins)
        burned = time.process_time()
        while time.perf_counter() < begins + seconds:
            self._turn()
        taken = time.perf_counter() - begins
        burned = time.process_time() - burned
        waits = np.array(self._window.waits)
        if not waits.size:
            raise WireError("no answer arrived within the measured time")
        p50, p99 = np.percentile(waits, [50, 99]) * 1e3
        return Measured(self._window.units / taken, waits.size / taken, float(p50), float(p99), burned / taken)

    def close(self) -> None:
        """Hang up."""
        for connection in self._connections:
            self._selector.unregister(connection)
            connection.close()
        self._selector.close()

    def _begin(self, number: int, connection: Connection) -> None:
        stream = connection.open(self._call.path)
        for message in self._call.opening:
            connection.send(stream, message)
        self._sent[number, stream] = time.perf_counter()

    def _turn(self) -> None:
        ready = self._selector.select(QUIET_SECONDS)
        if not ready:
            raise WireError(f"no answer for {QUIET_SECONDS:.0f} s")
        for key, _ in ready:
            key.data.receive()
            key.data.flush()

    def _answered(self, number: int, stream: int, answer: bytes) -> None:
        now = time.perf_counter()
        units = self._call.units(answer)
        window = self._window
        if units and now >= window.begins:
            window.units += units
            window.waits.append(now - self._sent[number, stream])
        if units:
            self._sent[number, stream] = now
        following = self._call.next_message(answer)
        if following is not None:
            self._connections[number].send(stream, following)
            self._sent[number, stream] = now
