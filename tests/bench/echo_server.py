"""The transport alone: a bare grpc.aio server on uvloop that answers each message of a stream with zeros.

The first four bytes of a message say, big-endian, how many bytes the answer has.
"""

from __future__ import annotations

import functools
from typing import Any

import grpc
import uvloop

PATH = "/bench.Echo/Stream"


def request(request_bytes: int, answer_bytes: int) -> bytes:
    """A message of `request_bytes` (at least 4) that asks for an answer of `answer_bytes`."""
    return answer_bytes.to_bytes(4, "big") + bytes(request_bytes - 4)


class _Echo(grpc.GenericRpcHandler):  # type: ignore[type-arg]  # generic in the stubs alone
    def __init__(self) -> None:
        self._handler = grpc.stream_stream_rpc_method_handler(_stream)

    def service(self, handler_call_details: Any) -> Any:
        return self._handler if handler_call_details.method == PATH else None


async def _stream(_requests: Any, context: Any) -> None:
    answer = functools.cache(bytes)
    while (message := await context.read()) is not grpc.aio.EOF:  # type: ignore[attr-defined]
        await context.write(answer(int.from_bytes(message[:4], "big")))


async def serve() -> None:
    """Serve on a free port of loopback and say which, until the process is ended."""
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers((_Echo(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(f"127.0.0.1:{port}", flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    uvloop.run(serve())
