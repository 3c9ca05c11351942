"""What a full, an idle and a stopping server answer: at once, with a reason, and with the time to try again."""

import asyncio
import time
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from service import server as server_module
from tests.calls import Call, Target, ended, request_of, rest, serving
from tests.neighbours import tokens
from tests.repositories import PLAIN, copy_bundle

pytestmark = pytest.mark.asyncio(loop_scope="session")

CONFIG: dict[str, Any] = {"config": {"session": {"model": PLAIN}}}
SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.fixture
def plain(tmp_path):
    """A repository of the plain model alone."""
    copy_bundle(tmp_path, PLAIN)
    return tmp_path


async def opened(target: Target, method: str = "Infer", config: dict[str, Any] = CONFIG) -> Any:
    stream = target.stream(method)
    await stream.write(request_of(method, config))
    assert (await stream.read()).WhichOneof("content") == "opened"
    return stream


async def end_of(stream: Any) -> Call:
    """What a stream still answers, and how it ends."""
    answers: list[Any] = []
    try:
        async for answer in rest(stream):
            answers.append(answer)
    except grpc.aio.AioRpcError as error:
        return ended(answers, error)
    return Call(answers, "OK")


async def test_a_full_server_refuses_with_the_time_to_try_again_and_admits_once_a_session_has_ended(plain):
    async with serving(models=plain, max_sessions=2) as (_, target):
        held = [await opened(target) for _ in range(2)]
        found = await target.call("Infer", [CONFIG, tokens(1)])
        assert (found.code, found.reason) == ("RESOURCE_EXHAUSTED", "SESSIONS_EXHAUSTED")
        assert found.retry_seconds == 1.0
        await held[0].write(request_of("Infer", tokens(1, 2)))
        await held[0].done_writing()
        assert (await end_of(held[0])).numbers == [1], "the sessions it had were not disturbed"
        assert (await target.call("Infer", [CONFIG, tokens(1)])).code == "OK"


async def test_a_silent_session_ends_and_one_that_talks_does_not(plain, monkeypatch):
    monkeypatch.setattr(server_module, "EXPIRY_INTERVAL", 0.02)
    async with serving(models=plain, idle_timeout=0.2) as (_, target):
        silent, talking = await opened(target), await opened(target)
        for _ in range(15):
            await talking.write(request_of("Infer", tokens(1)))
            await asyncio.sleep(0.02)
        found = await end_of(silent)
        assert (found.code, found.reason, found.answers) == ("ABORTED", "SESSION_EXPIRED", [])
        await talking.done_writing()
        assert (await end_of(talking)).numbers == list(range(1, 16))


async def test_limits_of_text_and_messages_follow_the_settings():
    async with serving(max_text_characters=10, max_message_bytes=2048) as (_, target):
        long = await target.call("GenerateText", [{"config": {}}, {"prompt": {"text": "eleven char"}}])
        assert (long.reason, long.field) == ("TEXT_TOO_LONG", "prompt.text")
        big = await target.call("Infer", [CONFIG, tokens(1), b"a" * 2049])
        assert (big.code, big.reason, big.numbers) == ("INVALID_ARGUMENT", "MESSAGE_TOO_LARGE", [1])


async def test_a_message_far_over_the_limit_is_cut_by_grpc_and_leaves_nothing_behind():
    """Over twice the limit nothing is read at all, so that there is no reason of ours either."""
    async with serving(max_message_bytes=2048) as (server, target):
        found = await target.call("Infer", [CONFIG, tokens(1), b"a" * 5000])
        assert (found.code, found.reason) == ("RESOURCE_EXHAUSTED", "")
        assert (await target.call("Infer", [CONFIG, tokens(1)])).code == "OK"
        assert all(each.engine.gauges.active_sessions == 0 for each in server.catalog.served)


async def test_a_message_of_more_bytes_than_a_backlog_takes_is_refused(plain):
    async with serving(models=plain, max_backlog_steps=20) as (_, target):
        found = await target.call("Infer", [CONFIG, tokens(1), tokens(*[1] * 11)])
        assert (found.code, found.reason, found.numbers) == ("INVALID_ARGUMENT", "MESSAGE_TOO_LARGE", [1])


async def test_more_than_a_backlog_is_taken_as_fast_as_it_is_run(plain):
    """A client that sends faster than the model runs is slowed down, and loses nothing."""
    async with serving(models=plain, max_backlog_steps=20, max_chunk_steps=4) as (_, target):
        found = await target.call("Infer", [CONFIG, *[tokens(*range(10))] * 40])
        assert (found.code, found.numbers) == ("OK", list(range(1, 41)))


async def test_a_server_that_stops_finishes_what_is_in_flight_and_refuses_what_is_new():
    """Meanwhile health says NOT_SERVING; a session that only waits is told at the end of the time it was given."""
    async with serving(drain_timeout=0.5) as (_, target):
        health = health_pb2_grpc.HealthStub(target.channel)
        assert (await health.Check(health_pb2.HealthCheckRequest())).status == SERVING
        writing = await opened(target, "GenerateText", {"config": {"options": {"maxTokenCount": 300}}})
        await writing.write(request_of("GenerateText", {"prompt": {"text": "It is"}}))
        await writing.done_writing()
        finishing, waiting = await opened(target), await opened(target)
        await finishing.write(request_of("Infer", tokens(1, 2)))
        stopping = asyncio.create_task(stop_in_a_moment(target, health, finishing))
        ends = asyncio.gather(*(end_of(stream) for stream in (writing, finishing, waiting)))
        await asyncio.sleep(0.02)
        started = time.perf_counter()
    assert time.perf_counter() - started < 1.5
    text, chunks, silence = await ends
    assert (text.code, text.numbers) == ("OK", list(range(1, 302)))
    assert (chunks.code, chunks.numbers) == ("OK", [1, 2])
    assert (silence.code, silence.reason, silence.retry_seconds) == ("UNAVAILABLE", "SERVER_DRAINING", 1.0)
    refused, status = await stopping
    assert (refused.code, refused.reason, refused.retry_seconds) == ("UNAVAILABLE", "SERVER_DRAINING", 1.0)
    assert status == NOT_SERVING


async def stop_in_a_moment(target: Target, health: Any, finishing: Any) -> tuple[Call, int]:
    """While the server drains: a new session, its health, and the rest of an old session."""
    await asyncio.sleep(0.1)
    refused = await target.call("Infer", [CONFIG, tokens(1)])
    status = (await health.Check(health_pb2.HealthCheckRequest())).status
    await finishing.write(request_of("Infer", tokens(3)))
    await finishing.done_writing()
    return refused, status


async def test_a_server_without_sessions_stops_at_once(plain):
    started = time.perf_counter()
    async with serving(models=plain, drain_timeout=30.0):
        pass
    assert time.perf_counter() - started < 1.0
