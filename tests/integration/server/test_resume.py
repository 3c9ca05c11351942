"""Sessions that outlive their stream and their server: each answer arrives once, as if nothing had happened."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
import pytest_asyncio

from tests.calls import Target, serving
from tests.neighbours import CONVERSATIONS
from tests.resuming import MEMORY, STORED, Client, whole

BY_METHOD = {each.method: each for each in CONVERSATIONS}
TEXT = BY_METHOD["GenerateText"]
PROMPT = {"prompt": {"text": "a"}}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def target() -> AsyncIterator[Target]:
    async with serving() as (_, found):
        yield found


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("said", CONVERSATIONS, ids=lambda said: said.method)
@pytest.mark.parametrize("before", [0, 1, 2, 9])
async def test_a_stream_that_is_lost_at_any_message_is_resumed_and_answers_each_thing_once(target, said, before):
    client = Client(said)
    await client.open(target)
    await client.send(range(1, min(before, len(client.messages)) + 1))
    if before > 1:
        with suppress(TimeoutError):
            await asyncio.wait_for(client.take(), 0.1)
    client.stream.cancel()
    await client.open(target)
    await client.send_rest()
    await client.take_all()
    assert client.answers == await whole(target, said)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("method", "message", "answered"), [("Infer", BY_METHOD["Infer"].before[0], True), ("GenerateText", PROMPT, False)]
)
async def test_a_client_is_told_how_far_it_has_come_where_no_answer_tells_it(target, method, message, answered):
    client = Client(BY_METHOD[method])
    client.messages = [message] * 40
    await client.open(target)
    told = []
    for number in range(1, 41):
        await client.send(range(number, number + 1))
        if answered:
            told.append((await client.stream.read()).WhichOneof("content"))
    if answered:
        assert set(told) == {"outputs"}
    else:
        assert (await client.stream.read()).receipt.accepted_sequence_number >= 16
    client.stream.cancel()


@pytest.mark.asyncio(loop_scope="module")
async def test_messages_that_come_twice_are_dropped_and_a_gap_is_refused_and_harms_nothing(target):
    client = Client(TEXT)
    await client.open(target)
    await client.send(range(1, 3))
    await client.send(range(1, 3))
    await client.send(range(4, 5))
    with pytest.raises(Exception, match="message 4 came where 3 was due"):
        await client.take_all()
    await client.open(target)
    assert client.opened.next_sequence_number == 3
    await client.send_rest()
    await client.take_all()
    assert client.answers == await whole(target, TEXT)


@pytest.mark.asyncio(loop_scope="module")
async def test_after_bad_input_the_session_goes_on_from_before_it(target):
    client = Client(TEXT)
    await client.open(target)
    await client.send(range(1, 2))
    good, client.messages[1] = client.messages[1], {"generate": {"options": {"temperature": -1}}}
    await client.send(range(2, 4))
    with pytest.raises(Exception, match="temperature is -1"):
        await client.take_all()
    client.messages[1] = good
    await client.open(target)
    assert client.opened.next_sequence_number == 2
    await client.send_rest()
    await client.take_all()
    assert client.answers == await whole(target, TEXT)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_second_client_takes_over_and_the_first_is_told(target):
    first = Client(TEXT)
    await first.open(target)
    await first.send(range(1, 2))
    second = Client(TEXT)
    second.opened = first.opened
    await second.open(target)
    with pytest.raises(Exception, match="another client has resumed"):
        await first.take_all()
    await second.send_rest()
    await second.take_all()
    assert second.answers == await whole(target, TEXT)


@pytest.mark.asyncio(loop_scope="module")
async def test_the_last_answers_can_be_read_again_until_they_are_acknowledged(target):
    client = Client(TEXT)
    await client.open(target)
    await client.send_rest()
    await client.take_all()
    answers, client.answers, client.received = client.answers, {}, 0
    await client.open(target)
    await client.take_all()
    assert client.answers == answers


async def half_heard(target: Target, durability: str = MEMORY) -> Client:
    """A client in the midst of its talk."""
    client = Client(TEXT, durability)
    await client.open(target)
    await client.send(range(1, 3))
    while client.received < 7:
        await client.take()
    return client


async def acknowledged(client: Client, target: Target) -> None:
    """Acknowledge, and wait until the server knows."""
    await client.acknowledge()
    while True:
        found = await target.call("GetSession", [{"sessionId": client.opened.session_id}])
        if found.answers[0].session.received_answer_number == client.received:
            return


async def behind(client: Client, target: Target) -> tuple[str, str, str]:
    """What somebody is told who has the token of a client, and an answer less than it has acknowledged."""
    session = {"resumeToken": client.opened.resume_token, "receivedAnswerNumber": client.received - 1}
    found = await target.call(client.said.method, [{"config": {"session": session}}])
    return found.code, found.reason, found.field


LACKING = ("FAILED_PRECONDITION", "ANSWERS_ACKNOWLEDGED", "config.session.received_answer_number")


@pytest.mark.asyncio(loop_scope="module")
async def test_a_client_that_lacks_acknowledged_answers_is_refused_and_harms_nobody(target):
    client = await half_heard(target)
    await acknowledged(client, target)
    assert await behind(client, target) == LACKING
    await client.send_rest()
    await client.take_all()
    assert client.answers == await whole(target, TEXT)


@pytest.mark.parametrize("park_after", [0.0, 0.02])
async def test_a_client_that_lacks_acknowledged_answers_takes_no_session_from_another_server(tmp_path, park_after):
    store = {"store": str(tmp_path / "sessions.db"), "checkpoint_interval": 0.01, "park_after": park_after}
    async with serving(**store) as (_, here), serving(**store) as (_, there):
        client = await half_heard(here, STORED)
        await acknowledged(client, here)
        await asyncio.sleep(0.1)
        assert await behind(client, there) == LACKING
        assert await behind(client, here) == LACKING
        await client.send_rest()
        await client.take_all()
        assert client.answers == await whole(here, TEXT)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_side_that_is_closed_without_a_numbered_end_ends_no_session(target):
    client = Client(TEXT)
    await client.open(target)
    await client.send(range(1, 2))
    await client.stream.done_writing()
    with pytest.raises(Exception, match="without a numbered end"):
        await client.take_all()
    await client.open(target)
    await client.send_rest()
    await client.take_all()
    assert client.answers == await whole(target, TEXT)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("token", ["abc", "a.b.c", "{}x", "", "x{}"])
async def test_a_token_that_was_changed_is_refused(target, token):
    client = Client(TEXT)
    await client.open(target)
    changed = token.format(client.opened.resume_token)
    session = {"resumeToken": changed, "receivedAnswerNumber": 1}
    found = await target.call("GenerateText", [{"config": {"session": session}}])
    assert (found.code, found.reason) == ("INVALID_ARGUMENT", "RESUME_TOKEN_INVALID")
    client.stream.cancel()


@pytest.mark.parametrize("said", CONVERSATIONS, ids=lambda said: said.method)
async def test_a_stored_session_goes_on_at_another_server_and_the_first_one_is_fenced_off(tmp_path, said):
    store = {"store": str(tmp_path / "sessions.db"), "checkpoint_interval": 0.02}
    async with serving(**store) as (_, here), serving(**store) as (_, there):
        client = Client(said, STORED)
        await client.open(here)
        await client.send(range(1, 3))
        while client.durable < 2:
            await client.take()
        left, stale = client.stream, client.opened.resume_token
        await client.open(there)
        assert client.opened.resume_token == stale
        assert client.opened.next_sequence_number == 3
        await client.send_rest()
        await client.take_all()
        assert client.answers == await whole(there, said)
        left.cancel()


async def test_a_server_that_stops_hands_its_stored_sessions_over(tmp_path):
    store = {"store": str(tmp_path / "sessions.db"), "checkpoint_interval": 60.0}
    client = Client(TEXT, STORED)
    async with serving(**store) as (_, target):
        await client.open(target)
        await client.send(range(1, 3))
        while client.received < 3:
            await client.take()
    async with serving(**store) as (_, target):
        await client.open(target)
        assert client.opened.next_sequence_number == 3
        await client.send_rest()
        await client.take_all()
        assert client.answers == await whole(target, TEXT)


@pytest.mark.parametrize("park_after", [0.0, 0.02])
async def test_a_stream_that_is_lost_again_before_its_first_message_ends_no_input(tmp_path, park_after):
    """The session has come out of the store, where nothing tells how many clients it had."""
    store = {"store": str(tmp_path / "sessions.db"), "checkpoint_interval": 0.01, "park_after": park_after}
    async with serving(**store) as (_, here), serving(**store) as (_, there):
        client = await half_heard(here, STORED)
        for target in (there, here, here):
            client.stream.cancel()
            await asyncio.sleep(0.1)
            await client.open(target)
            await client.stream.done_writing()
            with pytest.raises(Exception, match="without a numbered end"):
                await client.take_all()
        await client.open(there)
        assert client.opened.next_sequence_number == 3
        await client.send_rest()
        await client.take_all()
        assert client.answers == await whole(there, TEXT)


async def test_a_session_in_memory_ends_with_its_server(tmp_path):
    client = Client(TEXT)
    keys = {"signing_keys": str(tmp_path / "keys")}
    async with serving(**keys) as (_, target):
        await client.open(target)
    async with serving(**keys) as (_, target):
        session = {"resumeToken": client.opened.resume_token}
        found = await target.call("GenerateText", [{"config": {"session": session}}])
        assert (found.code, found.reason) == ("NOT_FOUND", "SESSION_NOT_FOUND")


async def test_a_store_that_is_gone_stalls_nobody_and_durability_catches_up(tmp_path, monkeypatch):
    from service.stores.file import FileStore
    from service.stores.store import StoreError

    write, broken = FileStore.write, asyncio.Event()

    async def failing(store, writes):
        if broken.is_set():
            raise StoreError("the disk is full")
        return await write(store, writes)

    monkeypatch.setattr(FileStore, "write", failing)
    async with serving(store=str(tmp_path / "sessions.db"), checkpoint_interval=0.02) as (_, target):
        client = Client(TEXT, STORED)
        await client.open(target)
        broken.set()
        await client.send(range(1, 3))
        while client.received < 7:
            await client.take()
        assert client.durable == 0
        broken.clear()
        while client.durable < 2:
            await client.take()
        await client.send_rest()
        await client.take_all()
        broken.set()
        found = await target.call(
            "GenerateText", [{"config": {"session": {"durability": STORED}}}, {"prompt": {"text": "a"}}]
        )
        assert (found.code, found.reason) == ("UNAVAILABLE", "STORE_UNAVAILABLE")
