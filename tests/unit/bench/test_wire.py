"""The lean client speaks gRPC to a real server, within its windows, and says when a stream ends."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest

from tests.bench.wire import END_HEADERS, HEADERS, Connection, WireError, frame, request_headers

PATH = "/test.Echo/Stream"


class Echo(grpc.GenericRpcHandler):
    """Answers every message with itself twice over; the message `stop` ends the stream."""

    def service(self, handler_call_details: Any) -> Any:
        return grpc.stream_stream_rpc_method_handler(self.stream) if handler_call_details.method == PATH else None

    def stream(self, requests: Iterator[bytes], _context: grpc.ServicerContext) -> Iterator[bytes]:
        for request in requests:
            if request == b"stop":
                return
            yield request
            yield request + request


@pytest.fixture
def address() -> Iterator[str]:
    server = grpc.server(ThreadPoolExecutor(4), handlers=[Echo()], options=[("grpc.so_reuseport", 0)])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None).wait()


@pytest.fixture
def answers() -> dict[int, list[bytes]]:
    return {}


@pytest.fixture
def connection(address: str, answers: dict[int, list[bytes]]) -> Iterator[Connection]:
    opened = Connection(address, lambda stream, message: answers.setdefault(stream, []).append(message))
    yield opened
    opened.close()


def until(connection: Connection, done: Any) -> None:
    while not done():
        connection.receive()
        connection.flush()


def test_a_frame_has_its_length_kind_flags_and_stream():
    assert frame(HEADERS, END_HEADERS, 5, b"abc") == b"\x00\x00\x03\x01\x04\x00\x00\x00\x05abc"


def test_a_header_too_long_for_one_length_byte_is_refused():
    with pytest.raises(ValueError, match="at most 126 bytes"):
        request_headers("/" + "x" * 200, "localhost")


def test_streams_of_one_connection_keep_their_own_answers_in_order(
    connection: Connection, answers: dict[int, list[bytes]]
):
    first, second = connection.open(PATH), connection.open(PATH)
    for number in range(3):
        connection.send(first, b"a%d" % number)
        connection.send(second, b"b%d" % number)
    connection.flush()
    until(connection, lambda: sum(map(len, answers.values())) == 12)
    assert answers[first] == [b"a0", b"a0a0", b"a1", b"a1a1", b"a2", b"a2a2"]
    assert answers[second] == [b"b0", b"b0b0", b"b1", b"b1b1", b"b2", b"b2b2"]


def test_more_than_a_window_waits_until_the_server_has_made_room(
    connection: Connection, answers: dict[int, list[bytes]]
):
    """400 messages of 2,000 bytes are twelve times the window that a connection begins with."""
    stream = connection.open(PATH)
    messages = [struct.pack(">I", number) * 500 for number in range(400)]
    for message in messages:
        connection.send(stream, message)
    connection.flush()
    until(connection, lambda: len(answers.get(stream, ())) == 800)
    assert answers[stream][::2] == messages


def test_a_stream_that_the_server_ends_is_an_error_that_says_what_to_do(connection: Connection):
    stream = connection.open(PATH)
    connection.send(stream, b"stop")
    connection.flush()
    with pytest.raises(WireError, match="ordinary client to see why"):
        until(connection, lambda: False)


def test_an_unknown_method_is_an_error(connection: Connection):
    connection.open("/test.Echo/Unknown")
    connection.flush()
    with pytest.raises(WireError, match="ended stream 1"):
        until(connection, lambda: False)
