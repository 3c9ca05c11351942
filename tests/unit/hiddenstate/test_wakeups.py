"""What gRPC wakes an event loop by is read at once."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import grpc.aio
import pytest

from hiddenstate.wakeups import read_at_once

STREAMS, ANSWERS = 20, 60
ROUND = 0.002
"""Seconds that a round of the busy loop takes: several events happen in each."""


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs:
        yield ours, theirs


async def test_all_bytes_are_read_in_one_round(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    loop, heard = asyncio.get_running_loop(), list[bytes]()
    with read_at_once():
        loop.add_reader(ours, lambda: heard.append(ours.recv(1)))
    theirs.send(b"." * 250)
    await asyncio.sleep(0.01)
    theirs.send(b".")
    await asyncio.sleep(0.01)
    loop.remove_reader(ours)
    assert heard == [b".", b"."]


async def test_a_loop_whose_bytes_another_one_took_goes_on(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    loop, heard = asyncio.get_running_loop(), list[bytes]()

    def robbed(descriptor: socket.socket) -> None:
        descriptor.recv(1)

    with read_at_once():
        loop.add_reader(ours, lambda: heard.append(ours.recv(1)))
    loop.call_soon(robbed, ours)
    theirs.send(b".")
    await asyncio.sleep(0.01)
    loop.remove_reader(ours)
    assert heard == []


def test_without_a_loop_nothing_happens() -> None:
    with read_at_once():
        pass


async def test_a_busy_loop_hears_of_all_that_happens_in_a_round() -> None:
    """Else gRPC's own thread stands still for 208 rounds after every 278 events: this took 1,140 rounds."""
    rounds, busy = 0, True

    def work() -> None:
        nonlocal rounds
        rounds += 1
        time.sleep(ROUND)
        if busy:
            asyncio.get_running_loop().call_soon(work)

    async def count(_: bytes, __: object) -> AsyncIterator[bytes]:
        for number in range(ANSWERS):
            yield bytes([number])

    with read_at_once():
        server = grpc.aio.server()
    handler = grpc.unary_stream_rpc_method_handler(count)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Test", {"Count": handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()

    def call() -> int:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            return sum(1 for _ in channel.unary_stream("/test.Test/Count")(b""))

    with ThreadPoolExecutor(STREAMS) as pool:
        loop = asyncio.get_running_loop()
        calls = [loop.run_in_executor(pool, call) for _ in range(STREAMS)]
        work()
        heard = await asyncio.gather(*calls)
        busy = False
    await server.stop(None)
    assert heard == [ANSWERS] * STREAMS
    assert rounds < 400
