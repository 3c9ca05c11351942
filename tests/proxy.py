"""A TCP proxy of the tests: it cuts and stalls the connections that run through it, says things twice, and counts."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

CHUNK = 65_536
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
FRAME_HEAD = 9
DATA_FRAME, END_STREAM = 0, 1


class Twice:
    """One direction of an HTTP/2 connection, in which messages are said twice: all but the first of each stream."""

    def __init__(self) -> None:
        self.repeated = 0
        self._rest = b""
        self._streams: set[int] = set()

    def said(self, data: bytes) -> bytes:
        """What is to be sent now that this has come: whole frames."""
        self._rest += data
        said = b""
        if PREFACE.startswith(self._rest[: len(PREFACE)]):
            if len(self._rest) < len(PREFACE):
                return b""
            said, self._rest = PREFACE, self._rest[len(PREFACE) :]
        while len(self._rest) >= FRAME_HEAD:
            length = FRAME_HEAD + int.from_bytes(self._rest[:3], "big")
            if len(self._rest) < length:
                break
            frame, self._rest = self._rest[:length], self._rest[length:]
            said += frame + self._again(frame)
        return said

    def _again(self, frame: bytes) -> bytes:
        stream = int.from_bytes(frame[5:FRAME_HEAD], "big")
        if frame[3] != DATA_FRAME or frame[4] & END_STREAM:
            return b""
        if stream not in self._streams:
            self._streams.add(stream)
            return b""
        self.repeated += 1
        return frame


class Proxy:
    """Leads from `address` to another one, which may change. Belongs to one event loop."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.address = ""
        self.connections = 0
        self.refusing = False
        self.repeating: list[Twice] | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._flows = asyncio.Event()
        self._flows.set()
        self._budget: int | None = None

    def cut(self) -> None:
        """Reset all connections, as a router that was restarted does."""
        for writer in self._open:
            sock = writer.get_extra_info("socket")
            with suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        self._open.clear()

    def cut_after(self, count: int) -> None:
        """Reset all connections once so many more bytes have come from the server."""
        self._budget = count

    def repeat(self) -> None:
        """Say every message twice, both ways, on connections that come from now on."""
        self.repeating = []

    @property
    def repeated(self) -> tuple[int, ...]:
        """Frames that were sent twice: those of the client and of the server of the first connection, and so on."""
        return tuple(each.repeated for each in self.repeating or ())

    def stall(self) -> None:
        """Let nothing through, and say so to nobody."""
        self._flows.clear()

    def flow(self) -> None:
        """Let all through again that was held back."""
        self._flows.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.add(writer)
        try:
            if self.refusing:
                writer.transport.abort()
                return
            host, _, port = self.target.rpartition(":")
            back_reader, back_writer = await asyncio.open_connection(host, int(port))
            self._open.add(back_writer)
            await asyncio.gather(self._pump(reader, back_writer), self._pump(back_reader, writer, counted=True))
        except (OSError, asyncio.CancelledError):
            # The latter as the loop ends: a task of asyncio's streams may not end so.
            writer.transport.abort()
        finally:
            self._open.discard(writer)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, counted: bool = False) -> None:
        twice = None
        if self.repeating is not None:
            self.repeating.append(twice := Twice())
        try:
            while data := await reader.read(CHUNK):
                await self._flows.wait()
                if twice is not None:
                    data = twice.said(data)
                if counted and self._budget is not None:
                    data, self._budget = data[: self._budget], self._budget - len(data)
                writer.write(data)
                await writer.drain()
                if counted and self._budget is not None and self._budget <= 0:
                    self._budget = None
                    self.cut()
        except OSError:
            pass
        finally:
            self._open.discard(writer)
            writer.close()


@asynccontextmanager
async def proxy_to(target: str) -> AsyncIterator[Proxy]:
    """A proxy on a free port."""
    proxy = Proxy(target)
    server = await asyncio.start_server(proxy._serve, "127.0.0.1", 0)
    proxy.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        server.close()
        proxy.flow()
        proxy.cut()
        await asyncio.sleep(0)
