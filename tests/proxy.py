"""A TCP proxy of the tests: it cuts, stalls and delays the connections that run through it, and counts them."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

CHUNK = 65_536


class Proxy:
    """Leads from `address` to another one, which may change. Belongs to one event loop."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.address = ""
        self.connections = 0
        self.refusing = False
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
        try:
            while data := await reader.read(CHUNK):
                await self._flows.wait()
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
