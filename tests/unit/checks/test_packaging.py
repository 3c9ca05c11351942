"""What the package declares exists, and its locked versions fit together."""

from __future__ import annotations

import re
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
COMMANDS = {**PROJECT["scripts"], **PROJECT["entry-points"]["hiddenstate.commands"]}
LOCKED = {
    canonicalize_name(name): version
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
    for name, _, version in [line.partition("==")]
}
UNLOCKED = {"baselines", "microphone", "voices"}
"""Extras that are installed apart: statsforecast wants an older pandas than all others, sounddevice PortAudio; voices
are tools under another licence."""


@pytest.mark.parametrize("target", COMMANDS.values(), ids=COMMANDS.keys())
def test_every_declared_command_can_be_imported(target: str):
    module, _, name = target.partition(":")
    assert callable(getattr(import_module(module), name))


def test_the_lock_holds_exact_public_versions_and_no_address():
    """A local version (`+cpu`) or an address would bind users to one index."""
    wrong = [f"{name}=={version}" for name, version in LOCKED.items() if not re.fullmatch(r"[0-9][0-9a-z.]*", version)]
    assert wrong == []


def test_every_requirement_is_locked_at_a_version_it_allows():
    extras = {name: texts for name, texts in PROJECT["optional-dependencies"].items() if name not in UNLOCKED}
    wanted = [Requirement(text) for texts in (PROJECT["dependencies"], *extras.values()) for text in texts]
    refused = [str(each) for each in wanted if not each.specifier.contains(LOCKED[canonicalize_name(each.name)])]
    assert refused == []
    assert len(wanted) > 20


def test_the_locked_grpc_runs_the_stubs_and_the_locked_protobuf_is_one_that_other_clients_take():
    assert LOCKED["grpcio"] == LOCKED["grpcio-tools"]
    assert LOCKED["protobuf"].startswith("6.")
