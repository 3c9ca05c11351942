"""A connection that is dead without a word is noticed at both ends, with all times a hundredth of what they are."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import numpy as np
import pytest

from hiddenstate import AsyncClient, ResumeEvent
from hiddenstate.connection import CHANNEL_OPTIONS
from service.server import PINGS
from tests.calls import serving
from tests.proxy import Proxy, proxy_to

FASTER = 100
PINGED = 0.2
"""Seconds between the pings of a client that does nothing, and a tenth of that for the answer."""


def hastened(options: Sequence[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    pinging = ("keepalive", "ping_timeout", "ping_interval")
    return tuple((name, value // FASTER if any(word in name for word in pinging) else value) for name, value in options)


@asynccontextmanager
async def between(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[str, Proxy]]:
    monkeypatch.setattr("service.server.PINGS", hastened(PINGS))
    async with serving() as (_, target), proxy_to(target.address) as proxy:
        yield target.address, proxy


@pytest.mark.parametrize("silence", [0.0, 5 * PINGED])
async def test_a_client_leaves_a_connection_on_which_nothing_comes_any_more(monkeypatch, silence):
    """Whether it was silent before, or has just been answered; and a connection that is only silent stands."""
    monkeypatch.setattr("hiddenstate.async_client.CHANNEL_OPTIONS", hastened(CHANNEL_OPTIONS))
    events: list[ResumeEvent] = []
    async with (
        between(monkeypatch) as (_, proxy),
        AsyncClient(proxy.address, on_resume=events.append) as client,
        client.infer_session("tiny-lstm", durability="memory") as session,
    ):
        await session.step(np.array([1, 2]))
        await asyncio.sleep(silence)
        await session.step(np.array([3]))
        await asyncio.sleep(silence)
        assert not events
        assert proxy.connections == 1
        proxy.stall()
        asyncio.get_running_loop().call_later(1.0, proxy.flow)
        await session.step(np.array([4]))
    assert [(event.reason, event.resumed) for event in events if event.attempt == 1][:1] == [("CONNECTION_LOST", False)]
    assert events[-1].resumed


async def test_a_server_detaches_the_sessions_of_a_client_that_is_gone_without_a_word(monkeypatch):
    async with (
        between(monkeypatch) as (address, proxy),
        AsyncClient(proxy.address) as client,
        AsyncClient(address) as watching,
        client.infer_session("tiny-lstm", durability="memory") as session,
    ):
        await session.step(np.array([1, 2]))
        assert (await watching.get_session(session.opened.session_id)).state == "attached"
        proxy.stall()
        async with asyncio.timeout(5):
            while (await watching.get_session(session.opened.session_id)).state == "attached":  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        proxy.flow()
        await session.step(np.array([3]))
