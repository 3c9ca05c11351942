"""One run: a crowd, and faults at random moments; then each talk once more, undisturbed, to compare with."""

from __future__ import annotations

import asyncio
import random
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hiddenstate import AsyncClient, ResumeEvent
from tests.chaos.crowd import Crowd, Heard
from tests.chaos.servers import Servers, repository
from tests.proxy import proxy_to
from tests.redis_process import redis_serving

AT_ONCE = 16
"""Talks that are said again at the same time."""
FROZEN_SECONDS = 1.0
FAULTS = ("kill", "kill", "kill", "stop", "cut", "stall", "restart", "two", "freeze")
"""How often each fault is chosen: a server is killed, stopped, cut off, or frozen while another one takes its place;
nothing comes through for a while; a client is restarted, or comes twice.
"""


@dataclass(frozen=True)
class Plan:
    """What is to happen.

    kills: so many, with other `faults` between them, at random; or exactly the faults of `script`, in order.
    seconds: after which no new fault begins. apart: seconds between two faults, at most.
    pause, length: seconds between two pieces of a talk, and how many it has, about.
    """

    kills: int = 100
    streams: int = 200
    store: str = "file"
    seconds: float = 1500.0
    tiny: bool = False
    faults: bool = True
    script: Sequence[str] = ()
    apart: float = 2.0
    pause: float = 0.3
    length: int = 20
    seed: int = 1

    def next_faults(self, chance: random.Random) -> Iterator[str]:
        """Fault after fault."""
        if self.script:
            yield from self.script
            return
        kills = 0
        while kills < self.kills:
            fault = chance.choice(FAULTS) if self.faults else "kill"
            kills += fault == "kill"
            yield fault


async def run(plan: Plan) -> dict[str, Any]:
    """Carry a plan out; gives its report."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        home = Path(folder)
        models = repository(home / "models", tiny=plan.tiny)
        store = str(home / "sessions.db")
        if plan.store == "redis":
            store = f"redis://{stack.enter_context(redis_serving()).address}/0"
        async with proxy_to("127.0.0.1:1") as proxy:
            servers = Servers(proxy, home / "models", store, home / "keys")
            crowd = Crowd(proxy.address, models, plan.streams, plan.seed, plan.pause, plan.length)
            try:
                await servers.start()
                began = time.monotonic()
                tasks = crowd.begin()
                faults = await _disturb(plan, servers, crowd)
                await crowd.end(tasks)
                disturbed = time.monotonic() - began
                wrong = await _compare(servers.server.address, crowd.heard)
            finally:
                servers.close()
    return _report(plan, crowd, faults, wrong, disturbed)


async def _disturb(plan: Plan, servers: Servers, crowd: Crowd) -> Counter[str]:
    """Fault after fault, at random moments."""
    chance, faults, until = random.Random(plan.seed), Counter[str](), time.monotonic() + plan.seconds
    for fault in plan.next_faults(chance):
        if time.monotonic() > until:
            break
        await asyncio.sleep(chance.uniform(0.2, 1) * plan.apart)
        faults[fault] += 1
        match fault:
            case "kill":
                await servers.kill()
            case "stop":
                await servers.stop()
            case "cut":
                servers.proxy.cut()
            case "stall":
                servers.proxy.stall()
                await asyncio.sleep(FROZEN_SECONDS)
                servers.proxy.flow()
            case "restart":
                crowd.restarts_due += max(1, plan.streams // 20)
            case "two":
                crowd.takeovers_due += 1
            case "freeze":
                said = await servers.freeze(FROZEN_SECONDS)
                crowd.problems += [line for line in said if '"level": "error"' in line]
    return faults


async def _compare(address: str, heard: Sequence[Heard]) -> list[str]:
    """Which talks were answered in another way than by a server that nothing happens to."""
    wrong: list[str] = []
    waiting = list(heard)

    async def say_again() -> None:
        async with AsyncClient(address) as client:
            while waiting:
                each = waiting.pop()
                expected = [answer async for answer in each.said.say_async(client, durability="none")]
                if list(each.answers) != expected:
                    wrong.append(_difference(each, expected))

    await asyncio.gather(*(say_again() for _ in range(AT_ONCE)))
    return wrong


def _difference(heard: Heard, expected: Sequence[str]) -> str:
    place = next(
        (place for place, (one, other) in enumerate(zip(heard.answers, expected, strict=False)) if one != other),
        min(len(heard.answers), len(expected)),
    )
    found = heard.answers[place : place + 2]
    return (
        f"{heard.hand}: {heard.said.method} {heard.said.options}: {len(heard.answers)} answers where "
        f"{len(expected)} were due; number {place + 1} is {found} where {expected[place : place + 2]} was due"
    )


def _report(plan: Plan, crowd: Crowd, faults: Counter[str], wrong: list[str], seconds: float) -> dict[str, Any]:
    resumed = [event for event in crowd.events if event.resumed]
    attempts = sorted(event.attempt for event in resumed) or [0]
    return {
        "store": plan.store,
        "streams": plan.streams,
        "seconds": round(seconds, 1),
        "faults": dict(faults),
        **crowd.counts,
        "talks": len(crowd.heard),
        "talks by method": dict(Counter(each.said.method for each in crowd.heard)),
        "answers": sum(len(each.answers) for each in crowd.heard),
        "resumed": len(resumed),
        "lost because of": dict(Counter(_reasons(crowd.events))),
        "attempts: median, most": [statistics.median(attempts), attempts[-1]],
        "kernels changed": sum(event.kernels_changed for event in resumed),
        "wrong": wrong,
        "problems": crowd.problems,
        "ok": not wrong and not crowd.problems and bool(crowd.heard),
    }


def _reasons(events: Sequence[ResumeEvent]) -> list[str]:
    return [event.reason for event in events if event.attempt == 1 and not event.resumed]
