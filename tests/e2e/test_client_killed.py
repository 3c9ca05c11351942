"""A client that is killed goes on with what it has saved, and has every answer once."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from hiddenstate import Client
from tests.processes import ROOT, served
from tests.saving_client import ANSWERS, saved

PATIENCE = 30.0


def client_at(address: str, path: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.saving_client", address, str(path)]
    return subprocess.Popen(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)})


def test_a_client_that_is_killed_with_kill_9_goes_on_with_the_token_it_has_saved(tmp_path):
    path = tmp_path / "saved.jsonl"
    with served(tmp_path) as server:
        for count in (10, 50, 90):
            with client_at(server.address, path) as client:
                until = time.monotonic() + PATIENCE
                while not path.exists() or path.read_bytes().count(b"\n") < count:
                    assert client.poll() is None
                    assert time.monotonic() < until
                    time.sleep(0.005)
                client.kill()
        with client_at(server.address, path) as client:
            assert client.wait(PATIENCE) == 0
        with Client(server.address) as undisturbed:
            expected = undisturbed.generate("It is", model="tiny-generator", seed=5, max_tokens=ANSWERS)
            assert [each["token"] for each in saved(path)] == [token.token_id for token in expected]
