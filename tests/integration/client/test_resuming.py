"""Both clients resume by themselves, at every task: whatever a proxy does to their connections, nothing is lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import pytest
import pytest_asyncio

from hiddenstate import AsyncClient, Client, ResumeEvent, ResumeLimits, ServerError
from hiddenstate.replay import MAX_REQUESTS
from tests.calls import Target, serving
from tests.proxy import Proxy, proxy_to
from tests.talks import TINY, Talk, talk

LENGTH = 12
EAGER = ResumeLimits(first_wait=0.01, longest_wait=0.1, seconds=10)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def target() -> AsyncIterator[Target]:
    async with serving() as (_, found):
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def proxy(target: Target) -> AsyncIterator[Proxy]:
    async with proxy_to(target.address) as found:
        yield found


async def whole(target: Target, said: Talk) -> list[str]:
    """The answers when nothing happens."""
    async with AsyncClient(target.address) as client:
        answers = [answer async for answer in said.say_async(client)]
    assert answers
    return answers


@asynccontextmanager
async def cutting(proxy: Proxy, every: float):
    """Connections are cut over and over."""

    async def cut():
        while True:
            await asyncio.sleep(every)
            proxy.cut()

    cutter = asyncio.create_task(cut())
    try:
        yield
    finally:
        cutter.cancel()


def blocking(said: Talk, address: str, events: list[ResumeEvent], pause: float = 0.0, **options) -> list[str]:
    with Client(address, resume=EAGER, on_resume=events.append) as client:
        return list(said.say(client, pause, **options))


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("task", TINY)
async def test_the_async_client_goes_on_whenever_its_connection_is_cut(target, proxy, task):
    said, events = talk(TINY[task], task, 1, LENGTH), []
    async with cutting(proxy, 0.05), AsyncClient(proxy.address, resume=EAGER, on_resume=events.append) as client:
        answers = [answer async for answer in said.say_async(client, 0.03, durability="memory")]
    assert answers == await whole(target, said)
    assert {event.reason for event in events} <= {"CONNECTION_LOST", "SERVER_UNREACHABLE"}
    if task != "music":
        assert any(event.resumed for event in events)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("task", TINY)
async def test_the_blocking_client_goes_on_whenever_its_connection_is_cut(target, proxy, task):
    said, events = talk(TINY[task], task, 2, LENGTH), []
    async with cutting(proxy, 0.05):
        answers = await asyncio.to_thread(blocking, said, proxy.address, events, 0.03, durability="memory")
    assert answers == await whole(target, said)
    assert {event.reason for event in events} <= {"CONNECTION_LOST", "SERVER_UNREACHABLE"}
    if task != "music":
        assert any(event.resumed for event in events)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("count", [0, 1, 60, 200, 400, 1000])
async def test_a_connection_that_is_cut_after_any_byte_loses_nothing(target, proxy, count):
    said = talk(TINY["text_generation"], "text_generation", 3, LENGTH)
    proxy.cut_after(count)
    async with AsyncClient(proxy.address, resume=EAGER) as client:
        answers = [answer async for answer in said.say_async(client, durability="memory")]
    assert answers == await whole(target, said)
    assert proxy.connections > 1


@pytest.mark.asyncio(loop_scope="module")
async def test_a_connection_that_stalls_delays_and_loses_nothing(target, proxy):
    said, events = talk(TINY["inference"], "inference", 4, LENGTH), []
    async with AsyncClient(proxy.address, on_resume=events.append) as client:
        answers = []
        async for answer in said.say_async(client, durability="memory"):
            answers.append(answer)
            proxy.stall()
            asyncio.get_running_loop().call_later(0.02, proxy.flow)
    assert answers == await whole(target, said)
    assert not events


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("task", TINY)
async def test_messages_that_come_twice_over_the_wire_count_once(target, proxy, task):
    """Both ways: steps are taken once, and answers are."""
    said, events = talk(TINY[task], task, 11, LENGTH), []
    proxy.repeat()
    async with AsyncClient(proxy.address, on_resume=events.append) as client:
        answers = [answer async for answer in said.say_async(client, 0.01, durability="memory")]
    assert answers == await whole(target, said)
    assert all(proxy.repeated)
    assert not events


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("durability", ["memory", "none"])
async def test_more_answers_than_a_server_keeps_unacknowledged_arrive(target, durability):
    """The input ends long before; only acknowledgements keep the session going."""
    async with AsyncClient(target.address) as client:
        stream = client.generate("a", model=TINY["text_generation"], seed=1, max_tokens=3000, durability=durability)
        assert len([token async for token in stream]) == 3000
    with Client(target.address) as blocking_client:
        stream = blocking_client.generate(
            "a", model=TINY["text_generation"], seed=1, max_tokens=3000, durability=durability
        )
        assert len(await asyncio.to_thread(list, stream)) == 3000


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("durability", ["memory", "none"])
async def test_a_client_that_is_left_in_the_midst_of_a_stream_leaves_nothing_running(target, durability):
    before = asyncio.all_tasks()
    async with AsyncClient(target.address) as client:
        async for _ in client.generate("a", model=TINY["text_generation"], max_tokens=3000, durability=durability):
            break
    await asyncio.sleep(0.1)
    assert asyncio.all_tasks() <= before


@pytest.mark.asyncio(loop_scope="module")
async def test_sends_that_run_far_ahead_wait_for_room_and_none_is_dropped(target):
    """Nobody receives meanwhile: a client that has no room reads ahead by itself, to learn what is safe."""
    ahead = MAX_REQUESTS + 100
    steps = [np.array([number % 11]) for number in range(ahead)]

    def run() -> list[bytes]:
        with Client(target.address) as client, client.infer_session("tiny-lstm", durability="memory") as session:
            for step in steps:
                session.send(step)
            return [session.receive()["logits"].tobytes() for _ in steps]

    async with AsyncClient(target.address) as client, client.infer_session("tiny-lstm", durability="memory") as session:
        for step in steps:
            await session.send(step)
        answers = [(await session.receive())["logits"].tobytes() for _ in steps]
    assert answers == await asyncio.to_thread(run)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_client_that_was_restarted_goes_on_with_its_point(target):
    """It says the same once more: what the server has is not sent again, and answers go on behind those it had."""
    said = talk(TINY["classification"], "classification", 5, LENGTH)
    calls = []
    async with AsyncClient(target.address) as client:
        answers = said.say_async(client, 0.01, calls.append, durability="memory")
        first = [await anext(answers) for _ in range(5)]
        point = calls[0].resume_point
        calls[0].close()
    async with AsyncClient(target.address) as client:
        rest = [answer async for answer in said.say_async(client, resume=point)]
    assert point.received_answer_number == len(first)
    assert first + rest == await whole(target, said)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("task", TINY)
async def test_who_goes_on_from_behind_the_last_answer_hears_nothing_more_and_no_error(target, task):
    said, calls = talk(TINY[task], task, 4, LENGTH), []
    async with AsyncClient(target.address) as first:
        async for _ in said.say_async(first, watch=calls.append, durability="memory"):
            pass
        point = calls[0].resume_point
    async with AsyncClient(target.address) as second:
        assert [answer async for answer in said.say_async(second, resume=point)] == []


@pytest.mark.asyncio(loop_scope="module")
async def test_a_session_that_its_caller_drives_numbers_on_from_where_it_stands(target):
    said = talk(TINY["inference"], "inference", 6, LENGTH)
    calls = []
    async with AsyncClient(target.address) as client:
        answers = said.say_async(client, 0, calls.append, durability="memory")
        first = [await anext(answers) for _ in range(5)]
        point = calls[0].resume_point
        calls[0].close()
    again: list[str] = await asyncio.to_thread(blocking, said, target.address, [], resume=point)
    assert first + again == await whole(target, said)


@pytest.mark.asyncio(loop_scope="module")
async def test_where_nothing_answers_any_more_the_limit_ends_it_with_the_reason(target, proxy):
    said, events = talk(TINY["inference"], "inference", 7, LENGTH), []
    limits = ResumeLimits(attempts=3, first_wait=0.01)
    async with AsyncClient(proxy.address, resume=limits, on_resume=events.append) as client:
        answers = said.say_async(client, durability="memory")
        await anext(answers)
        proxy.refusing = True
        proxy.cut()
        with pytest.raises(ServerError, match="3 attempts") as caught:
            await anext(answers)
    assert caught.value.code == "UNAVAILABLE"
    assert [(event.attempt, event.resumed) for event in events] == [(1, False), (2, False), (3, False)]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("options", [{}, {"durability": "none"}])
async def test_a_session_that_survives_nothing_is_lost_with_its_connection(proxy, options):
    said = talk(TINY["inference"], "inference", 8, LENGTH)
    async with AsyncClient(proxy.address, resume=EAGER) as client:
        answers = said.say_async(client, **options)
        await anext(answers)
        proxy.cut()
        with pytest.raises(ServerError) as caught:
            await anext(answers)
    assert caught.value.reason == "CONNECTION_LOST"


@pytest.mark.asyncio(loop_scope="module")
async def test_who_was_taken_over_is_told_and_does_not_fight(target):
    said, events = talk(TINY["inference"], "inference", 9, LENGTH), []
    calls = []
    async with (
        AsyncClient(target.address, on_resume=events.append) as first,
        AsyncClient(target.address) as second,
    ):
        answers = said.say_async(first, 0, calls.append, durability="memory")
        await anext(answers)
        async with second.infer_session("tiny-lstm", resume=calls[0].resume_point):
            with pytest.raises(ServerError) as caught:
                await anext(answers)
    assert caught.value.reason == "SESSION_TAKEN_OVER"
    assert not events


@pytest.mark.asyncio(loop_scope="module")
async def test_a_stored_session_goes_on_at_the_next_server(tmp_path):
    store = {"store": str(tmp_path / "sessions.db"), "checkpoint_interval": 0.02, "drain_timeout": 0.0}
    said, events = talk(TINY["inference"], "inference", 10, LENGTH), []
    answers = []
    async with (
        proxy_to("127.0.0.1:1") as proxy,
        AsyncClient(proxy.address, resume=EAGER, on_resume=events.append) as client,
    ):
        say = said.say_async(client, durability="stored")
        for _ in range(LENGTH // 3):
            async with serving(**store) as (_, target):
                proxy.target = target.address
                answers += [await anext(say) for _ in range(3)]
        async with serving(**store) as (_, target):
            proxy.target = target.address
            answers += [answer async for answer in say]
            assert answers == await whole(target, said)
    assert {"SESSION_MOVES", "SERVER_DRAINING"} & {event.reason for event in events}


@pytest.mark.asyncio(loop_scope="module")
async def test_a_caller_that_gave_up_waiting_may_receive_again(target):
    """To cancel `receive` cancels the call; the session is there for the next one."""
    async with AsyncClient(target.address) as client, client.infer_session("tiny-lstm", durability="memory") as session:
        await session.step(np.array([1, 2]))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(session.receive(), 0.05)
        await session.step(np.array([3]))
