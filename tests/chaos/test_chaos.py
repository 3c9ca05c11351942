"""The short form of `make chaos`."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.chaos.run import Plan, run

SHORT = Plan(streams=20, tiny=True, pause=0.1, apart=1.0, length=15)
SCRIPTS = {"file": ("restart", "kill", "two", "cut", "kill"), "redis": ("kill", "stall", "freeze", "kill")}
"""What happens, by the store that servers have in common."""


@pytest.mark.parametrize(("store", "script"), SCRIPTS.items())
def test_every_client_gets_the_answers_of_an_undisturbed_run_though_servers_are_killed(
    store: str, script: Sequence[str]
):
    """All tasks, both clients."""
    report = asyncio.run(run(replace(SHORT, store=store, script=script)))
    assert report["wrong"] == []
    assert report["problems"] == []
    assert report["resumed"] > 0
    assert report["talks"] >= SHORT.streams
