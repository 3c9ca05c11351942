"""Clients are asked to go on elsewhere, and lose nothing whether they do or not."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack

import pytest

from hiddenstate import AsyncClient, ResumeEvent, ResumeLimits
from hiddenstate.v1 import session_pb2
from tests.calls import Target, serving
from tests.neighbours import CONVERSATIONS
from tests.resuming import MEMORY, STORED, Client, whole
from tests.talks import TINY, talk

TEXT = next(said for said in CONVERSATIONS if said.method == "GenerateText")


async def asked(client: Client) -> session_pb2.Move:
    """Take answers until the client is asked to move."""
    async with asyncio.timeout(5):
        while client.move is None:
            assert await client.take()
    assert client.move.resume_token == client.opened.resume_token
    return client.move


async def begun(target: Target, durability: str = STORED) -> Client:
    """A client whose first two messages are answered."""
    client = Client(TEXT, durability)
    await client.open(target)
    await client.send(range(1, 3))
    while client.received < 7:
        await client.take()
    return client


async def ends_elsewhere(client: Client, there: Target) -> None:
    await client.open(there)
    assert client.opened.next_sequence_number == 3
    await client.send_rest()
    await client.take_all()
    assert client.answers == await whole(there, TEXT)


@pytest.mark.parametrize("park_after", [0.0, 0.02])
async def test_a_server_that_stops_asks_its_clients_to_move_and_is_gone_as_soon_as_they_have(tmp_path, park_after):
    store = {"store": str(tmp_path / "sessions.db"), "drain_timeout": 20.0, "park_after": park_after}
    async with serving(**store) as (_, there), AsyncExitStack() as stopping:
        _, here = await stopping.enter_async_context(serving(**store))
        clients = [await begun(here) for _ in range(3)]
        await asyncio.sleep(0.1)
        begun_at = time.monotonic()
        stopped = asyncio.create_task(stopping.aclose())
        for client in clients:
            move = await asked(client)
            assert move.reason == session_pb2.MOVE_REASON_DRAIN
            assert move.grace_duration.ToTimedelta().total_seconds() == 10.0
            client.stream.cancel()
            await ends_elsewhere(client, there)
        await stopped
        assert time.monotonic() - begun_at < 5


async def test_a_client_that_does_not_move_is_cut_off_in_time_and_goes_on_elsewhere(tmp_path):
    store = {"store": str(tmp_path / "sessions.db"), "drain_timeout": 1.0}
    async with serving(**store) as (_, there), AsyncExitStack() as stopping:
        _, here = await stopping.enter_async_context(serving(**store))
        client = await begun(here)
        begun_at = time.monotonic()
        stopped = asyncio.create_task(stopping.aclose())
        with pytest.raises(Exception, match="shutting down"):
            await client.take_all()
        assert client.move is not None
        await stopped
        assert time.monotonic() - begun_at < 3
        await ends_elsewhere(client, there)


async def test_while_a_server_drains_a_stored_session_is_resumed_elsewhere_alone(tmp_path):
    store = {"store": str(tmp_path / "sessions.db"), "drain_timeout": 4.0}
    async with serving(**store) as (_, there), AsyncExitStack() as stopping:
        _, here = await stopping.enter_async_context(serving(**store))
        first, second = await begun(here), await begun(here)
        stopped = asyncio.create_task(stopping.aclose())
        await asked(first)
        session = {"resumeToken": first.opened.resume_token}
        found = await here.call("GenerateText", [{"config": {"session": session}}])
        assert (found.code, found.reason) == ("UNAVAILABLE", "SERVER_DRAINING")
        # What is asked to move may go on until its time is over.
        await second.send(range(3, 4))
        for client in (first, second):
            client.stream.cancel()
        await ends_elsewhere(first, there)
        await second.open(there)
        await second.send_rest()
        await second.take_all()
        assert second.answers == first.answers
        await stopped


async def test_a_session_that_lives_in_memory_alone_may_end_here(tmp_path):
    async with serving() as (_, there), AsyncExitStack() as stopping:
        _, here = await stopping.enter_async_context(serving(drain_timeout=10.0))
        client = await begun(here, MEMORY)
        stopped = asyncio.create_task(stopping.aclose())
        await asyncio.sleep(0.1)
        await client.send_rest()
        await client.take_all()
        assert client.move is None
        assert client.answers == await whole(there, TEXT)
        await stopped


async def test_a_stream_that_is_old_is_asked_to_move_and_then_ended(tmp_path):
    async with serving(store=str(tmp_path / "sessions.db"), max_stream_age=0.3) as (_, target):
        client = await begun(target)
        move = await asked(client)
        assert move.reason == session_pb2.MOVE_REASON_CONNECTION_AGE
        with pytest.raises(Exception, match="open for about") as caught:
            await client.take_all()
        assert "UNAVAILABLE" in str(caught.value)
        await ends_elsewhere(client, target)


async def test_who_leaves_an_old_stream_in_time_is_not_ended_on_the_next(tmp_path):
    async with serving(store=str(tmp_path / "sessions.db"), max_stream_age=0.4) as (_, target):
        client = await begun(target)
        await asked(client)
        client.stream.cancel()
        await ends_elsewhere(client, target)


async def test_the_python_client_moves_by_itself_whenever_it_is_asked(tmp_path):
    events: list[ResumeEvent] = []
    said = talk(TINY["inference"], "inference", 1, 20)
    limits = ResumeLimits(first_wait=0.01, longest_wait=0.1, seconds=10)
    async with (
        serving(store=str(tmp_path / "sessions.db"), max_stream_age=0.3) as (_, target),
        AsyncClient(target.address, resume=limits, on_resume=events.append) as client,
    ):
        expected = [answer async for answer in said.say_async(client)]
        answers = [answer async for answer in said.say_async(client, 0.1, durability="stored")]
    assert answers == expected
    assert {event.reason for event in events} == {"SESSION_MOVES"}
