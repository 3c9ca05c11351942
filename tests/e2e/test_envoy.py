"""Two servers that share a store, behind a real Envoy: restarts and faults end no stream for its user."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from hiddenstate import AsyncClient, ResumeEvent, ResumeLimits
from tests.bench.processes import free_port
from tests.envoy_process import Envoy, envoy_before
from tests.processes import Process, served
from tests.redis_process import redis_serving
from tests.talks import TINY, Talk, talk

PATIENT = ResumeLimits(first_wait=0.02, longest_wait=0.5, seconds=60)
TASKS = ("text_generation", "inference", "tagging", "forecast")


class Replicas:
    """Two servers, each of which can be started anew at its address."""

    def __init__(self, folder: Path, store: str) -> None:
        self.addresses = [f"127.0.0.1:{free_port()}" for _ in range(2)]
        self._flags = ("--store", store, "--signing-keys", str(folder / "keys"), "--drain-timeout", "4",
                       "--checkpoint-interval", "0.02")  # fmt: skip
        self._folder = folder
        self._stacks = [ExitStack(), ExitStack()]
        self._processes: list[Process] = [self._started(0), self._started(1)]

    def _started(self, number: int) -> Process:
        home = self._folder / f"home-{number}"
        home.mkdir(exist_ok=True)
        return self._stacks[number].enter_context(served(home, "--listen", self.addresses[number], *self._flags))

    def restart(self, number: int) -> None:
        """As a rolling update does it: SIGTERM, wait, start anew."""
        self._processes[number].signal(signal.SIGTERM)
        assert self._processes[number].exit_code() == 0
        self._stacks[number].close()
        self._processes[number] = self._started(number)

    def close(self) -> None:
        for stack in self._stacks:
            stack.close()


@pytest.fixture(params=["file", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """What both servers write to."""
    if request.param == "file":
        yield str(tmp_path / "sessions.db")
        return
    with redis_serving() as redis:
        yield f"redis://{redis.address}/0"


async def said_by_all(address: str, talks: list[Talk], pause: float, events: list[ResumeEvent]) -> list[list[str]]:
    """The answers of each talk, each on a connection of its own."""

    async def one(said: Talk) -> list[str]:
        async with AsyncClient(address, resume=PATIENT, on_resume=events.append) as client:
            return [answer async for answer in said.say_async(client, pause, durability="stored")]

    return list(await asyncio.gather(*map(one, talks)))


async def restarted_one_after_the_other(replicas: Replicas, envoy: Envoy) -> None:
    for number in range(2):
        await asyncio.to_thread(replicas.restart, number)
        await asyncio.to_thread(envoy.await_healthy, 2)


async def test_a_rolling_restart_under_load_ends_no_stream_for_its_user(tmp_path, store):
    replicas = Replicas(tmp_path, store)
    try:
        with envoy_before(replicas.addresses, tmp_path) as envoy:
            envoy.await_healthy(2)
            talks = [talk(TINY[task], task, seed, 40) for seed in range(3) for task in TASKS]
            expected = await said_by_all(replicas.addresses[0], talks, 0.0, [])
            events: list[ResumeEvent] = []
            talking = asyncio.create_task(said_by_all(envoy.address, talks, 0.5, events))
            await asyncio.sleep(1.0)
            await restarted_one_after_the_other(replicas, envoy)
            assert not talking.done(), "the restarts came after all was said"
            assert await talking == expected
            assert sum(event.resumed for event in events) >= len(talks)
    finally:
        replicas.close()


@pytest.mark.parametrize("store", ["redis"], indirect=True)
async def test_streams_that_envoy_refuses_and_delays_are_opened_all_the_same(tmp_path, store):
    replicas = Replicas(tmp_path, store)
    try:
        with envoy_before(replicas.addresses, tmp_path) as envoy:
            envoy.await_healthy(2)
            talks = [talk(TINY[task], task, seed, 12) for seed in range(2) for task in TASKS]
            expected = await said_by_all(replicas.addresses[0], talks, 0.0, [])
            envoy.set(fault__http__abort__abort_percent=50, fault__http__delay__fixed_delay_percent=30)
            events: list[ResumeEvent] = []
            talking = asyncio.create_task(said_by_all(envoy.address, talks, 0.5, events))
            await asyncio.sleep(1.5)
            await asyncio.to_thread(replicas.restart, 0)
            assert await talking == expected
            assert any(not event.resumed for event in events)
    finally:
        replicas.close()
