"""A server of one's own: `hiddenstate serve` as a child process on free ports, for demonstrations and tests."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from queue import Empty, Queue
from urllib.request import urlopen

START_SECONDS = 60.0
STOP_SECONDS = 30.0
SCRAPE_SECONDS = 10.0
LOG_LINES = 200

_FRAME = " │╭╮╰╯─"
_SAMPLE = re.compile(r"^(?P<name>\w+)(?:\{(?P<labels>.*)\})? (?P<value>\S+)$")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


class StartError(Exception):
    """The server did not begin to serve; the message ends with what it said last."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of the Prometheus endpoint."""

    name: str
    labels: Mapping[str, str]
    value: float


@dataclass
class LocalServer:
    """A running server. `address` and `metrics_address` are host:port."""

    process: subprocess.Popen[str]
    address: str
    metrics_address: str
    log: deque[str] = field(default_factory=deque)

    def samples(self) -> list[Sample]:
        """What the Prometheus endpoint says now."""
        with urlopen(f"http://{self.metrics_address}/metrics", timeout=SCRAPE_SECONDS) as response:
            return parse_metrics(response.read().decode())

    def stop(self) -> int:
        """Ask the server to finish (SIGTERM) and give its exit code. Raises TimeoutExpired when it does not end."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS)


@contextlib.contextmanager
def local_server(models: str, *flags: str) -> Iterator[LocalServer]:
    """Serve a model repository until the block is left; the process never outlives it. Raises StartError."""
    command = [
        sys.executable, "-m", "hiddenstate", "serve", "--models", models, "--listen", "127.0.0.1:0",
        "--metrics-listen", "127.0.0.1:0", "--log-format", "json", *flags,
    ]  # fmt: skip
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as process:
        try:
            events: Queue[dict[str, str]] = Queue()
            log: deque[str] = deque(maxlen=LOG_LINES)
            threading.Thread(target=_read_log, args=(process, log, events), daemon=True).start()
            event = _serving(process, log, events)
            yield LocalServer(process, event["address"], event["metrics"], log)
        finally:
            if process.poll() is None:
                process.kill()


def parse_metrics(text: str) -> list[Sample]:
    """The samples of a page in Prometheus' text format; comments are passed over."""
    matches = (_SAMPLE.match(line) for line in text.splitlines())
    return [
        Sample(match["name"], dict(_LABEL.findall(match["labels"] or "")), float(match["value"]))
        for match in matches
        if match
    ]


def _read_log(process: subprocess.Popen[str], log: deque[str], events: Queue[dict[str, str]]) -> None:
    """Keep the last lines of the log and tell when the server serves, or has ended."""
    assert process.stderr is not None
    for line in process.stderr:
        log.append(line.rstrip())
        with contextlib.suppress(ValueError):
            event = json.loads(line)
            if event.get("event") == "serving":
                events.put(event)
    events.put({})


def _serving(process: subprocess.Popen[str], log: deque[str], events: Queue[dict[str, str]]) -> dict[str, str]:
    try:
        event = events.get(timeout=START_SECONDS)
    except Empty:
        event = {}
    if not event:
        process.kill()
        said = next((text for line in reversed(log) if (text := line.strip(_FRAME))), "it said nothing")
        raise StartError(f"the server did not start: {said}")
    return event
