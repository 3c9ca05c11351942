"""Everything at once: streams of all tasks are cut, change their server, grow old and fall silent, and lose nothing."""

from __future__ import annotations

import asyncio
import random

from hiddenstate import AsyncClient, ResumeEvent, ResumeLimits
from tests.calls import Target, serving
from tests.proxy import Proxy, proxy_to
from tests.talks import TINY, talk

EAGER = ResumeLimits(first_wait=0.01, longest_wait=0.2, seconds=30)
LENGTH = 15


async def unrest(proxy: Proxy, addresses: tuple[str, str], chance: random.Random) -> None:
    """Cut all connections over and over; now and then they lead to the other server afterwards."""
    while True:
        await asyncio.sleep(chance.uniform(0.05, 0.4))
        if chance.random() < 0.3:
            proxy.target = chance.choice(addresses)
        proxy.cut()


async def wandered(task: str, seed: int, here: Target, proxy: Proxy) -> list[ResumeEvent]:
    """One stream through the proxy gives what an undisturbed one gives; returns how it went."""
    said, events = talk(TINY[task], task, seed, LENGTH), []
    async with AsyncClient(here.address) as client:
        expected = [answer async for answer in said.say_async(client)]
    async with AsyncClient(proxy.address, resume=EAGER, on_resume=events.append) as client:
        pause = random.Random(seed).uniform(0.01, 0.15)
        answers = [answer async for answer in said.say_async(client, pause, durability="stored")]
    assert answers == expected, task
    return events


async def test_streams_that_are_cut_moved_and_parked_at_any_moment_lose_nothing(tmp_path):
    settings = {"store": str(tmp_path / "sessions.db"), "checkpoint_interval": 0.01}
    settings |= {"park_after": 0.02, "max_stream_age": 0.7}
    async with serving(**settings) as (_, here), serving(**settings) as (_, there), proxy_to(here.address) as proxy:
        restless = asyncio.create_task(unrest(proxy, (here.address, there.address), random.Random(1)))
        try:
            async with asyncio.timeout(60):
                streams = (wandered(task, seed, here, proxy) for seed in range(2) for task in TINY)
                found = await asyncio.gather(*streams)
        finally:
            restless.cancel()
    assert sum(event.resumed for events in found for event in events) > len(found)
