"""A lean gRPC client for load: HTTP/2 frames written and read by hand, many streams on one connection.

An ordinary asyncio client spends as much processor time on a message as the server, so that a server on one core can
never be filled from another one. Here the frames of a request are made once, all answers of one read are taken
together, and all requests that follow from them leave in one write. Only what a load generator needs is here: streams
that stay open, and flow control; trailers are not decoded, so a stream that the server ends is an error. The layout of
frames is that of RFC 9113, the layout of messages that of the gRPC protocol over HTTP/2.
"""

from __future__ import annotations

import socket
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
ACK = END_STREAM = 0x1
END_HEADERS = 0x4
PADDED = 0x8

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DEFAULT_WINDOW = 65_535
LARGEST_WINDOW = 2**31 - 1
SETTING_INITIAL_WINDOW, SETTING_MAX_FRAME = 0x4, 0x5
READ_BYTES = 1 << 20


class WireError(Exception):
    """The server ended a stream or the connection, or broke the protocol."""


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """One HTTP/2 frame."""
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def _literal(text: str) -> bytes:
    raw = text.encode("ascii")
    if len(raw) > 126:
        raise ValueError(f"a header text of at most 126 bytes is needed, not {text!r}")
    return bytes([len(raw)]) + raw


def request_headers(path: str, authority: str) -> bytes:
    """A header block that uses neither the dynamic table nor Huffman codes (RFC 7541)."""
    static = b"\x83\x86"  # :method POST, :scheme http
    named = b"\x04" + _literal(path) + b"\x01" + _literal(authority) + b"\x0f\x10" + _literal("application/grpc")
    return static + named + b"\x00" + _literal("te") + _literal("trailers")


@dataclass(slots=True)
class _Stream:
    window: int
    partial: bytes = b""


@dataclass(slots=True)
class Connection:
    """One connection. `on_message(stream, message)` is called for each message that `receive` finds."""

    address: str
    on_message: Callable[[int, bytes], None]
    _socket: socket.socket = field(init=False)
    _outgoing: list[bytes] = field(init=False, default_factory=list)
    _held: deque[tuple[int, bytes]] = field(init=False, default_factory=deque)
    _unread: bytes = field(init=False, default=b"")
    _window: int = field(init=False, default=DEFAULT_WINDOW)
    _stream_window: int = field(init=False, default=DEFAULT_WINDOW)
    _streams: dict[int, _Stream] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        host, _, port = self.address.rpartition(":")
        self._socket = socket.create_connection((host, int(port)), timeout=10)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        settings = struct.pack(">HI", SETTING_INITIAL_WINDOW, LARGEST_WINDOW)
        grown = struct.pack(">I", LARGEST_WINDOW - DEFAULT_WINDOW)
        self._outgoing += [PREFACE, frame(SETTINGS, 0, 0, settings), frame(WINDOW_UPDATE, 0, 0, grown)]

    def fileno(self) -> int:
        """The socket, for a selector."""
        return self._socket.fileno()

    def open(self, path: str) -> int:
        """Begin a call of `/package.Service/Method`; the number of its stream."""
        stream = 2 * len(self._streams) + 1
        self._streams[stream] = _Stream(self._stream_window)
        self._outgoing.append(frame(HEADERS, END_HEADERS, stream, request_headers(path, self.address)))
        return stream

    def send(self, stream: int, message: bytes) -> None:
        """Queue one message; `flush` writes it, as soon as the windows of the server allow."""
        body = b"\x00" + struct.pack(">I", len(message)) + message
        self._held.append((stream, body))

    def flush(self) -> None:
        """Write all that is queued and allowed."""
        while self._held:
            stream, body = self._held[0]
            state = self._streams[stream]
            if len(body) > self._window or len(body) > state.window:
                break
            self._window -= len(body)
            state.window -= len(body)
            self._outgoing.append(frame(DATA, 0, stream, body))
            self._held.popleft()
        if self._outgoing:
            self._socket.sendall(b"".join(self._outgoing))
            self._outgoing.clear()

    def receive(self) -> None:
        """Read what has arrived, at least one byte, and hand over its messages. Raises WireError."""
        arrived = self._socket.recv(READ_BYTES)
        if not arrived:
            raise WireError(f"{self.address} closed the connection")
        data = self._unread + arrived if self._unread else arrived
        position, end = 0, len(data)
        while end - position >= 9:
            size = int.from_bytes(data[position : position + 3], "big")
            if end - position - 9 < size:
                break
            kind, flags = data[position + 3], data[position + 4]
            stream = int.from_bytes(data[position + 5 : position + 9], "big")
            self._take(kind, flags, stream, data[position + 9 : position + 9 + size])
            position += 9 + size
        self._unread = data[position:]

    def close(self) -> None:
        """End the connection; the server sees its calls as cancelled."""
        self._socket.close()

    def _take(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == DATA:
            self._take_data(stream, payload[1 : len(payload) - payload[0]] if flags & PADDED else payload)
        elif kind == WINDOW_UPDATE:
            self._take_window(stream, int.from_bytes(payload, "big"))
        elif kind == PING and not flags & ACK:
            self._outgoing.append(frame(PING, ACK, 0, payload))
        elif kind == SETTINGS and not flags & ACK:
            self._take_settings(payload)
        elif kind == GOAWAY:
            raise WireError(f"{self.address} sent GOAWAY: {payload[8:].decode(errors='replace')}")
        if kind == RST_STREAM or (kind in (DATA, HEADERS) and flags & END_STREAM):
            raise WireError(f"{self.address} ended stream {stream}; call it once with an ordinary client to see why")

    def _take_data(self, stream: int, payload: bytes) -> None:
        state = self._streams[stream]
        data = state.partial + payload if state.partial else payload
        position, end = 0, len(data)
        while end - position >= 5:
            size = int.from_bytes(data[position + 1 : position + 5], "big")
            if end - position - 5 < size:
                break
            self.on_message(stream, data[position + 5 : position + 5 + size])
            position += 5 + size
        state.partial = data[position:]

    def _take_window(self, stream: int, increment: int) -> None:
        if stream == 0:
            self._window += increment
        else:
            self._streams[stream].window += increment

    def _take_settings(self, payload: bytes) -> None:
        for name, value in struct.iter_unpack(">HI", payload):
            if name == SETTING_INITIAL_WINDOW:
                for state in self._streams.values():
                    state.window += value - self._stream_window
                self._stream_window = value
        self._outgoing.append(frame(SETTINGS, ACK, 0))
