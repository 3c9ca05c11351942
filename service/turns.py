"""Turns: one engine works in each round of the event loop, so that the loop serves its sockets between two ticks."""

import asyncio


class Turns:
    """Shared by the engines of one loop.

    gRPC accepts one call in each round. Were a round as long as a tick of every model that is busy, clients that come
    back to a server all at once would wait for each other.
    """

    def __init__(self) -> None:
        self._taken = asyncio.Lock()

    async def next(self) -> None:
        """Wait until nobody else works in this round; first come, first served."""
        await self._taken.acquire()
        asyncio.get_running_loop().call_soon(self._taken.release)
