"""Sessions that are silent give their slots up, and come back as if they never had."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hiddenstate import AsyncClient, ResumeEvent
from service.server import Running
from service.stores.file import FileStore
from tests.calls import Target, request_of, serving
from tests.neighbours import CONVERSATIONS
from tests.resuming import MEMORY, STORED, Client, whole
from tests.talks import plain

TEXT = next(said for said in CONVERSATIONS if said.method == "GenerateText")


@asynccontextmanager
async def parking(folder: Path, **settings: object) -> AsyncIterator[tuple[Running, Target]]:
    """A server that parks at once."""
    quick = {"store": str(folder / "sessions.db"), "park_after": 0.02, "checkpoint_interval": 0.005}
    async with serving(**quick | settings) as both:
        yield both


async def slots_free(server: Running) -> None:
    """Return once no session has a slot, those included for which a message is on its way."""
    await asyncio.sleep(0.02)
    async with asyncio.timeout(5):
        while any(engine.gauges.active_sessions for engine in server.catalog.engines):  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def holding(target: Target, method: str = TEXT.method, config: dict[str, Any] | None = None) -> Any:
    """A stream whose session survives nothing, so that it keeps its slot until it is cancelled."""
    stream = target.stream(method, timeout=10)
    await stream.write(request_of(method, {"config": config or TEXT.config}))
    assert (await stream.read()).WhichOneof("content") == "opened"
    return stream


@pytest.mark.parametrize("said", CONVERSATIONS, ids=lambda said: said.method)
@pytest.mark.parametrize("durability", [MEMORY, STORED])
async def test_a_session_that_is_parked_between_any_two_messages_answers_as_one_that_never_was(
    tmp_path, said, durability
):
    async with parking(tmp_path) as (server, target):
        expected = await whole(target, said)
        for stream_stays in (True, False):
            client = Client(said, durability)
            await client.open(target)
            for number in range(1, len(client.messages)):
                await client.send(range(number, number + 1))
                await slots_free(server)
                if not stream_stays:
                    client.stream.cancel()
                    await client.open(target)
                    await client.send(range(client.opened.next_sequence_number, number + 1))
            await client.send_rest()
            await client.take_all()
            assert client.answers == expected


async def test_a_parked_session_outlives_its_idle_time_while_its_stream_stands(tmp_path):
    async with parking(tmp_path, idle_timeout=1.0) as (server, target):
        for durability in (MEMORY, STORED):
            client = Client(TEXT, durability)
            await client.open(target)
            await client.send(range(1, 3))
            await slots_free(server)
            await asyncio.sleep(2.5)
            await client.send_rest()
            await client.take_all()
            assert client.answers == await whole(target, TEXT)


async def test_a_parked_session_without_a_stream_ends_when_its_idle_time_is_over(tmp_path):
    async with parking(tmp_path, idle_timeout=0.2) as (server, target):
        for durability in (MEMORY, STORED):
            client = Client(TEXT, durability)
            await client.open(target)
            await client.send(range(1, 3))
            await slots_free(server)
            client.stream.cancel()
            await asyncio.sleep(0.3)
            with pytest.raises(Exception, match="there is no session"):
                await client.open(target)


async def test_what_is_acknowledged_while_parked_is_not_sent_again(tmp_path):
    async with parking(tmp_path) as (server, target):
        client = Client(TEXT, STORED)
        await client.open(target)
        await client.send(range(1, 3))
        while client.received < 7:
            await client.take()
        await slots_free(server)
        await client.acknowledge()
        await client.send_rest()
        await client.take_all()
        assert client.answers == await whole(target, TEXT)


async def test_another_client_takes_a_parked_session_over(tmp_path):
    async with parking(tmp_path) as (server, target):
        for durability in (MEMORY, STORED):
            first = Client(TEXT, durability)
            await first.open(target)
            await first.send(range(1, 3))
            await slots_free(server)
            second = Client(TEXT, durability)
            second.opened = first.opened
            await second.open(target)
            with pytest.raises(Exception, match="another client has resumed"):
                await first.take_all()
            await second.send_rest()
            await second.take_all()
            assert second.answers == await whole(target, TEXT)


async def test_a_message_for_a_session_that_another_server_has_taken_ends_the_stream(tmp_path):
    async with parking(tmp_path) as (server, here), parking(tmp_path) as (_, there):
        first = Client(TEXT, STORED)
        await first.open(here)
        await first.send(range(1, 3))
        await slots_free(server)
        second = Client(TEXT, STORED)
        second.opened = first.opened
        await second.open(there)
        await first.send_rest()
        with pytest.raises(Exception, match="another client has resumed"):
            await first.take_all()
        await second.send_rest()
        await second.take_all()
        assert second.answers == await whole(there, TEXT)


async def test_bad_input_for_a_parked_session_ends_its_stream_and_harms_nothing(tmp_path):
    async with parking(tmp_path) as (server, target):
        client = Client(TEXT, STORED)
        await client.open(target)
        await client.send(range(1, 2))
        await slots_free(server)
        good, client.messages[1] = client.messages[1], {"generate": {"options": {"temperature": -1}}}
        await client.send(range(2, 3))
        with pytest.raises(Exception, match="temperature is -1"):
            await client.take_all()
        client.messages[1] = good
        await client.open(target)
        await client.send_rest()
        await client.take_all()
        assert client.answers == await whole(target, TEXT)


async def test_a_session_is_not_parked_before_it_is_open_however_long_its_store_takes(tmp_path, monkeypatch):
    write = FileStore.write

    async def slow(store, writes):
        await asyncio.sleep(0.2)
        return await write(store, writes)

    monkeypatch.setattr(FileStore, "write", slow)
    async with parking(tmp_path) as (_, target):
        # They are written one after the other.
        clients = [Client(TEXT, STORED) for _ in range(3)]
        await asyncio.gather(*(client.open(target) for client in clients))
        expected = await whole(target, TEXT)
        for client in clients:
            await client.send_rest()
            await client.take_all()
            assert client.answers == expected


async def test_many_more_sessions_than_slots_take_turns(tmp_path):
    async with parking(tmp_path, max_sessions=4) as (server, target):
        clients = [Client(TEXT, STORED if number % 2 else MEMORY) for number in range(12)]
        for client in clients:
            await client.open(target)
            await client.send(range(1, 3))
            await slots_free(server)
        for client in reversed(clients):
            await client.send_rest()
            await client.take_all()
            assert client.answers == clients[-1].answers


async def test_a_session_that_comes_back_waits_for_a_slot(tmp_path):
    async with parking(tmp_path, max_sessions=1) as (server, target):
        expected = await whole(target, TEXT)
        for durability in (MEMORY, STORED):
            client = Client(TEXT, durability)
            await client.open(target)
            await client.send(range(1, 2))
            await slots_free(server)
            other = await holding(target)
            asyncio.get_running_loop().call_later(0.3, other.cancel)
            await client.send_rest()
            await client.take_all()
            assert client.answers == expected


async def test_a_session_for_which_no_slot_comes_free_stays_parked_and_its_python_client_comes_again(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("service.parking.PAUSES", (0.01,))
    events: list[ResumeEvent] = []
    async with (
        parking(tmp_path, max_sessions=1) as (server, target),
        AsyncClient(target.address, on_resume=events.append) as client,
        client.infer_session("tiny-lstm", durability="stored") as session,
    ):
        first = await session.step(np.array([1, 2]))
        await slots_free(server)
        other = await holding(target, "Infer", {"session": {"model": "tiny-lstm"}})
        asyncio.get_running_loop().call_later(0.3, other.cancel)
        second = await session.step(np.array([3]))
        await slots_free(server)
        async with client.infer_session("tiny-lstm") as undisturbed:
            assert plain(await undisturbed.step(np.array([1, 2]))) == plain(first)
            assert plain(await undisturbed.step(np.array([3]))) == plain(second)
    assert [(event.reason, event.resumed) for event in events] == [
        ("SESSIONS_EXHAUSTED", False),
        ("SESSIONS_EXHAUSTED", True),
    ]
