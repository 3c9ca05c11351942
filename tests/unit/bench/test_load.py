"""A closed loop counts each answer once, and notices a server that does not answer."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest

from tests.bench import load
from tests.bench.load import Call, Load
from tests.bench.wire import WireError

PATH = "/test.Count/Stream"


class Count(grpc.GenericRpcHandler):
    """Answers every message but `silence`, and remembers how many came."""

    def __init__(self) -> None:
        self.received = 0

    def service(self, handler_call_details: Any) -> Any:
        return grpc.stream_stream_rpc_method_handler(self.stream)

    def stream(self, requests: Iterator[bytes], _context: grpc.ServicerContext) -> Iterator[bytes]:
        for request in requests:
            self.received += 1
            if request != b"silence":
                yield request


@pytest.fixture
def counter() -> Count:
    return Count()


@pytest.fixture
def address(counter: Count) -> Iterator[str]:
    server = grpc.server(ThreadPoolExecutor(8), handlers=[counter], options=[("grpc.so_reuseport", 0)])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None).wait()


def call(message: bytes) -> Call:
    return Call(PATH, (message,), units=lambda _: 3, next_message=lambda _: message)


@pytest.mark.parametrize("per_connection", [1, 3, 5])
def test_each_session_has_one_message_under_way_and_every_answer_counts_its_units(
    address: str, counter: Count, per_connection: int
):
    sessions = Load(address, call(b"step"), 5, per_connection)
    try:
        measured = sessions.run(0.2)
    finally:
        sessions.close()
    answered = measured.messages_per_second * 0.2
    assert measured.units_per_second == pytest.approx(3 * measured.messages_per_second)
    assert 0 < answered <= counter.received <= 1.5 * answered + 5
    assert 0 < measured.p50_ms <= measured.p99_ms < 200


def test_a_server_that_does_not_answer_is_given_up(address: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(load, "QUIET_SECONDS", 0.2)
    sessions = Load(address, call(b"silence"), 1, 1)
    try:
        with pytest.raises(WireError, match="no answer"):
            sessions.run(1.0)
    finally:
        sessions.close()
