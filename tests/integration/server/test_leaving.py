"""Clients that leave: by deadline, by cancelling, by losing the connection. Their slot is free within a tick."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from service.catalog import Served
from service.server import Running
from tests.calls import Target, request_of, rest, target_at
from tests.neighbours import tokens
from tests.repositories import GENERATOR, PLAIN

pytestmark = pytest.mark.asyncio(loop_scope="session")

AT_ONCE = 0.25
"""Seconds; a tick takes far less than a millisecond, a busy machine needs some more."""
ENDLESS: dict[str, Any] = {"generate": {"options": {"maxTokenCount": 100000}}}


def served(server: Running, name: str) -> Served:
    return next(each for each in server.catalog.served if each.manifest.name == name)


async def until(holds: Callable[[], bool], within: float = 1.0) -> float:
    """Wait until something holds; returns how long that took, in seconds."""
    started = time.perf_counter()
    while not holds():
        assert time.perf_counter() - started < within, "it never came to hold"
        await asyncio.sleep(0.001)
    return time.perf_counter() - started


@asynccontextmanager
async def cable(address: str) -> AsyncIterator[tuple[str, Callable[[], None]]]:
    """Another address of a server, and what cuts all connections to it without a goodbye."""
    writers: list[asyncio.StreamWriter] = []

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            writer.write(data)

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(*address.split(":"))
        writers.extend((writer, back))
        await asyncio.gather(carry(reader, back), carry(there, writer), return_exceptions=True)

    def cut() -> None:
        for writer in writers:
            writer.transport.abort()

    between = await asyncio.start_server(connect, "127.0.0.1", 0)
    async with between:
        host, port = between.sockets[0].getsockname()
        yield f"{host}:{port}", cut
        cut()


async def writing(target: Target, timeout: float | None = None) -> Any:
    """A stream in the middle of a text of 100,000 tokens."""
    stream = target.stream("GenerateText", timeout)
    for message in ({"config": {}}, {"prompt": {"text": "It is"}}, ENDLESS):
        await stream.write(request_of("GenerateText", message))
    assert (await stream.read()).WhichOneof("content") == "opened"
    assert (await stream.read()).WhichOneof("content") == "tokens"
    return stream


async def waiting(target: Target, timeout: float | None = None) -> Any:
    """A stream that has been answered and says nothing more."""
    stream = target.stream("Infer", timeout)
    for message in ({"config": {"session": {"model": PLAIN}}}, tokens(1, 2)):
        await stream.write(request_of("Infer", message))
    assert (await stream.read()).WhichOneof("content") == "opened"
    assert (await stream.read()).WhichOneof("content") == "outputs"
    return stream


@pytest.mark.parametrize(("begin", "model"), [(writing, GENERATOR), (waiting, PLAIN)])
async def test_a_cancelled_stream_frees_its_slot(begin: Any, model: str, target: Target, server: Running):
    engine = served(server, model).engine
    stream = await begin(target)
    assert engine.gauges.active_sessions == 1
    stream.cancel()
    assert await until(lambda: engine.gauges.active_sessions == 0) < AT_ONCE
    assert engine.gauges.backlog_steps == 0


@pytest.mark.parametrize(("begin", "model"), [(writing, GENERATOR), (waiting, PLAIN)])
async def test_a_stream_whose_deadline_passes_ends_and_frees_its_slot(
    begin: Any, model: str, target: Target, server: Running
):
    engine = served(server, model).engine
    stream = await begin(target, timeout=0.15)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        _ = [answer async for answer in rest(stream)]
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert await until(lambda: engine.gauges.active_sessions == 0) < AT_ONCE


@pytest.mark.parametrize(("begin", "model"), [(writing, GENERATOR), (waiting, PLAIN)])
async def test_a_lost_connection_frees_the_slots_of_all_its_streams(
    begin: Any, model: str, target: Target, server: Running
):
    engine = served(server, model).engine
    async with cable(target.address) as (address, cut), target_at(address) as other:
        streams = [await begin(other) for _ in range(3)]
        assert engine.gauges.active_sessions == len(streams)
        cut()
        assert await until(lambda: engine.gauges.active_sessions == 0) < AT_ONCE


async def test_a_client_that_does_not_read_holds_its_own_session_and_no_other(target: Target, server: Running):
    """The session of a slow reader stops once its outbox and the buffers of the connection are full."""
    engine = served(server, GENERATOR).engine
    before = engine.counters.steps
    stream = await writing(target)
    await asyncio.sleep(0.2)
    others = await target.call(
        "GenerateText", [{"config": {}}, {"prompt": {"text": "and"}}, {"generate": {"options": {"maxTokenCount": 3}}}]
    )
    assert others.numbers == [1, 2, 3, 4]
    assert engine.counters.steps - before < 100_000
    stream.cancel()
    await until(lambda: engine.gauges.active_sessions == 0)


async def test_an_ended_session_id_can_be_used_again_at_once(target: Target, server: Running):
    config = {"config": {"session": {"model": PLAIN, "sessionId": "phoenix"}}}
    for _ in range(3):
        found = await target.call("Infer", [config, tokens(1, 2, 3)])
        assert (found.code, found.numbers) == ("OK", [1])


async def test_a_client_that_leaves_is_counted_as_cancelled(target: Target, server: Running):
    counters = served(server, PLAIN).engine.counters
    before = counters.sessions_ended.get("cancelled", 0)
    (await waiting(target)).cancel()
    await until(lambda: counters.sessions_ended.get("cancelled", 0) == before + 1)
