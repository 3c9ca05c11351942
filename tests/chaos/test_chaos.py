"""The short form of `make chaos`."""

import asyncio

from tests.chaos.run import Plan, run

SHORT = Plan(streams=20, tiny=True, pause=0.1, apart=1.0, length=15, script=("restart", "kill", "two", "cut", "kill"))


def test_every_client_gets_the_answers_of_an_undisturbed_run_though_servers_are_killed():
    """All tasks, both clients; one client is restarted, one token is used twice, all connections are cut once."""
    report = asyncio.run(run(SHORT))
    assert report["wrong"] == []
    assert report["problems"] == []
    assert report["resumed"] > 0
    assert report["talks"] >= SHORT.streams
