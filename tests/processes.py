"""`hiddenstate serve` as a process of its own, on a free port of loopback."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.repositories import REPOSITORY

ROOT = Path(__file__).parents[1]
STARTING = 20.0
"""Seconds a process may take to start on a busy machine."""


@dataclass
class Process:
    """A server process, and what it has logged so far."""

    popen: subprocess.Popen[str]
    events: list[dict[str, Any]] = field(default_factory=list)
    serving: threading.Event = field(default_factory=threading.Event)

    def listen(self) -> None:
        """Read the log to its end; every line has to be JSON."""
        assert self.popen.stderr is not None
        for line in self.popen.stderr:
            self.events.append(json.loads(line))
            if self.events[-1]["event"] == "serving":
                self.serving.set()
        self.serving.set()

    @property
    def address(self) -> str:
        """Where it serves."""
        return str(next(event["address"] for event in self.events if event["event"] == "serving"))

    @property
    def resident_bytes(self) -> int:
        """Memory that is in use by the process now."""
        said = Path(f"/proc/{self.popen.pid}/statm").read_text(encoding="ascii").split()
        return int(said[1]) * os.sysconf("SC_PAGE_SIZE")

    def signal(self, number: int) -> float:
        """Send a signal; returns when that was."""
        self.popen.send_signal(number)
        return time.monotonic()

    def exit_code(self) -> int:
        """What it ends with."""
        return self.popen.wait(timeout=10)


@contextlib.contextmanager
def served(home: Path, *flags: str, models: Path = REPOSITORY) -> Iterator[Process]:
    """`hiddenstate serve` in an empty home; ended by its own process id, whatever happens."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HIDDENSTATE_", "XDG_"))}
    environment |= {"HOME": str(home), "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    arguments = ["serve", "--listen", "127.0.0.1:0", "--metrics-listen", "", "--models", str(models), *flags]
    popen = subprocess.Popen(
        [sys.executable, "-m", "hiddenstate", *arguments, "--log-format", "json"],
        cwd=home,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    process = Process(popen)
    reader = threading.Thread(target=process.listen)
    reader.start()
    try:
        assert process.serving.wait(STARTING)
        yield process
    finally:
        popen.kill()
        popen.wait()
        reader.join()
        assert popen.stderr is not None
        popen.stderr.close()
