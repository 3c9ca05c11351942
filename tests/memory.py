"""What a model costs in memory, and what comes back: a server process that loads and unloads it, round after round.

python -m tests.memory models/movie-sentiment --rounds 8
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc

from hiddenstate.oip import open_inference_pb2 as oip
from tests.calls import path_of
from tests.processes import Process, served
from tests.repositories import TABLE, copy_bundle

MEGABYTE = 1e6
PATIENCE = 60.0
GIVING_BACK = 0.5
"""Seconds that a server has to give memory back."""


@dataclass(frozen=True)
class Round:
    """Resident bytes of the server: before a model is loaded, while it serves, and after it was unloaded."""

    before: int
    loaded: int
    after: int


def rounds(process: Process, name: str, count: int) -> Iterator[Round]:
    """Load and unload a model of a running server, which has another one beside."""
    with grpc.insecure_channel(process.address) as channel:
        for _ in range(count):
            before = process.resident_bytes
            _call(channel, "RepositoryModelLoad", oip.RepositoryModelLoadRequest(model_name=name))
            loaded = process.resident_bytes
            _call(channel, "RepositoryModelUnload", oip.RepositoryModelUnloadRequest(model_name=name))
            _wait_until_gone(channel, name)
            yield Round(before, loaded, _least(process))


@contextlib.contextmanager
def server_of(folder: Path, model: Path) -> Iterator[Process]:
    """A server that has one small model; `model`, a folder of versions, is laid into its repository once it serves."""
    models, home = folder / "models", folder / "home"
    home.mkdir()
    copy_bundle(models, TABLE)
    with served(home, models=models) as process:
        shutil.copytree(model, models / model.name)
        yield process


def _least(process: Process) -> int:
    """The least that is resident within a while: memory is given back behind the answer that a model is gone."""
    least, until = process.resident_bytes, time.monotonic() + GIVING_BACK
    while time.monotonic() < until:
        time.sleep(0.02)
        least = min(least, process.resident_bytes)
    return least


def _wait_until_gone(channel: grpc.Channel, name: str) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        index = _call(channel, "RepositoryIndex", oip.RepositoryIndexRequest())
        if all(each.state == "UNAVAILABLE" for each in index.models if each.name == name):
            return
        time.sleep(0.02)
    raise TimeoutError(f"{name} was not unloaded within {PATIENCE:g} s")


def _call(channel: grpc.Channel, method: str, request: object) -> oip.RepositoryIndexResponse:
    read = getattr(oip, f"{method}Response").FromString
    call = channel.unary_unary(path_of(method), response_deserializer=read)
    return call(request.SerializeToString(), timeout=PATIENCE)


def main() -> None:
    """Print a line for each round."""
    parser = argparse.ArgumentParser(prog="python -m tests.memory", description=__doc__)
    parser.add_argument("model", type=Path, help="folder of a model's versions")
    parser.add_argument("--rounds", type=int, default=8)
    said = parser.parse_args()
    print("round   before   loaded    after   (resident MB)")
    with tempfile.TemporaryDirectory() as folder, server_of(Path(folder), said.model) as process:
        for number, each in enumerate(rounds(process, said.model.name, said.rounds), 1):
            cells = (each.before, each.loaded, each.after)
            print(f"{number:5}  " + "  ".join(f"{cell / MEGABYTE:7.1f}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
