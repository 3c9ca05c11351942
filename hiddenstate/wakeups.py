"""How gRPC wakes an event loop: what it has written is read at once, however much has happened.

For each event gRPC's own thread writes a byte to a socket, and in each round of the loop it takes one byte, with all
events that are there. On a busy loop bytes are left over. Once their socket is full, about 280 of them, that thread
stands still until three quarters were read, a round each: no call is accepted, and no message comes, for that long.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_MOST = 65_536


@contextmanager
def read_at_once() -> Iterator[None]:
    """For the channels and servers of `grpc.aio` that are made within it, on the running loop."""
    try:
        loop: Any = asyncio.get_running_loop()
    except RuntimeError:
        yield
        return
    add_reader = loop.add_reader

    def add(source: socket.socket, callback: Callable[..., object], *values: Any) -> None:
        add_reader(source, _read, source, callback, *values)

    # gRPC asks the loop itself, once, when it is first used on it.
    loop.add_reader = add
    try:
        yield
    finally:
        del loop.add_reader


def _read(source: socket.socket, callback: Callable[..., object], *values: Any) -> None:
    """Take all bytes but one, which the callback takes itself."""
    try:
        waiting = len(source.recv(_MOST, socket.MSG_PEEK))
    except BlockingIOError:
        return  # Another loop of this process was faster, and takes the events, too.
    if waiting > 1:
        source.recv(waiting - 1)
    callback(*values)
