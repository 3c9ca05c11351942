"""Stores that are stopped, slow, cut off or full, and servers that stand still: what is durable falls behind and
catches up, no answer waits for it, nothing is lost, and who lost a session writes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.stores.file import FileStore
from tests.calls import Target, serving, target_at
from tests.neighbours import Conversation, tokens
from tests.processes import served
from tests.proxy import Proxy, proxy_to
from tests.redis_process import RedisProcess, redis_serving
from tests.repositories import PLAIN
from tests.resuming import STORED, Client, whole

LONG = Conversation("Infer", {"session": {"model": PLAIN}}, [tokens(number % 10) for number in range(16)], [])
PROMPT = 2.0
"""Seconds within which a step is answered whatever the store does, on a busy machine."""


async def step(client: Client, number: int) -> None:
    """One message, and the answer to it at once."""
    await client.send(range(number, number + 1))
    async with asyncio.timeout(PROMPT):
        while client.received < number:
            assert await client.take()


async def durable(client: Client, number: int) -> None:
    """Take what comes until the client is told that its messages up to this one are safe."""
    async with asyncio.timeout(15):
        while client.durable < number:
            assert await client.take()


async def ends_elsewhere(client: Client, there: Target, number: int) -> None:
    """The session goes on at another server behind this message, and its answers are those of an undisturbed one."""
    await client.open(there)
    assert client.opened.next_sequence_number == number + 1
    await client.send_rest()
    await client.take_all()
    assert client.answers == await whole(there, LONG)


def breaks(fault: str, redis: RedisProcess, proxy: Proxy) -> None:
    if fault == "slow":
        proxy.stall()
    elif fault == "unreachable":
        proxy.refusing = True
        proxy.cut()
    elif fault == "full":
        redis.bound(1)
    else:
        redis.stop()


def heals(fault: str, redis: RedisProcess, proxy: Proxy) -> None:
    if fault == "slow":
        proxy.flow()
    elif fault == "unreachable":
        proxy.refusing = False
    elif fault == "full":
        redis.bound(0)
    else:
        redis.start()


@pytest.mark.parametrize("fault", ["slow", "unreachable", "stopped", "full"])
async def test_durability_falls_behind_a_redis_that_takes_nothing_and_catches_up(tmp_path, fault):
    with redis_serving(tmp_path) as redis:
        async with proxy_to(redis.address) as proxy:
            keys = {"signing_keys": str(tmp_path / "keys"), "checkpoint_interval": 0.02}
            direct, through = (f"redis://{address}/0" for address in (redis.address, proxy.address))
            async with serving(store=through, **keys) as (_, here), serving(store=direct, **keys) as (_, there):
                client = Client(LONG, STORED)
                await client.open(here)
                for number in range(1, 5):
                    await step(client, number)
                await durable(client, 4)
                breaks(fault, redis, proxy)
                for number in range(5, 9):
                    await step(client, number)
                assert client.durable < 8
                heals(fault, redis, proxy)
                await step(client, 9)
                await durable(client, 9)
                client.stream.cancel()
                await ends_elsewhere(client, there, 9)


@pytest.mark.parametrize("kept", ["nothing", "what was written"])
async def test_a_session_outlives_a_store_that_has_forgotten_it(tmp_path, kept):
    """Redis is started again with nothing in it, or so late that the session's time in it is over."""
    emptied = kept == "nothing"
    with redis_serving(None if emptied else tmp_path) as redis:
        settings = {"store": f"redis://{redis.address}/0", "signing_keys": str(tmp_path / "keys")}
        settings |= {"checkpoint_interval": 0.02, "idle_timeout": 30.0 if emptied else 1.0}
        async with serving(**settings) as (_, here), serving(**settings) as (_, there):
            client = Client(LONG, STORED)
            await client.open(here)
            for number in range(1, 5):
                await step(client, number)
            await durable(client, 4)
            redis.stop()
            for number in range(5, 9):
                await step(client, number)
                await asyncio.sleep(0 if emptied else 0.4)
            redis.start()
            await step(client, 9)
            await durable(client, 9)
            client.stream.cancel()
            await ends_elsewhere(client, there, 9)


async def test_a_client_that_was_gone_while_the_store_forgot_its_session_goes_on_where_it_was(tmp_path):
    with redis_serving() as redis:
        settings = {"store": f"redis://{redis.address}/0", "signing_keys": str(tmp_path / "keys")}
        settings |= {"checkpoint_interval": 0.02, "park_after": 1.0}
        async with serving(**settings) as (_, here):
            client, other = Client(LONG, STORED), Client(LONG, STORED)
            for each in (client, other):
                await each.open(here)
                await step(each, 1)
                await durable(each, 1)
            client.stream.cancel()
            redis.stop()
            redis.start()
            await step(other, 2)
            await durable(other, 2)
            await asyncio.sleep(1.5)  # It would be parked by now, in a store that does not know it.
            await ends_elsewhere(client, here, 1)


async def test_a_session_is_not_parked_in_a_store_that_was_started_anew_unnoticed(tmp_path):
    with redis_serving() as redis:
        settings = {"store": f"redis://{redis.address}/0", "signing_keys": str(tmp_path / "keys")}
        settings |= {"checkpoint_interval": 0.02, "park_after": 1.0}
        async with serving(**settings) as (_, here):
            client = Client(LONG, STORED)
            await client.open(here)
            await step(client, 1)
            await durable(client, 1)
            redis.stop()
            redis.start()
            await asyncio.sleep(2.0)
            await step(client, 2)
            await durable(client, 2)
            client.stream.cancel()
            await ends_elsewhere(client, here, 2)


async def test_durability_falls_behind_a_disk_that_is_full_and_catches_up(tmp_path, monkeypatch):
    stores: list[FileStore] = []

    class Watched(FileStore):
        def __init__(self, path: Path, **options: Any) -> None:
            super().__init__(path, **options)
            stores.append(self)

    async def allow(pages: int) -> None:
        """So many pages more than the file has; SQLite says SQLITE_FULL beyond them, as on a full disk."""
        database = stores[0]._database
        (count,) = await stores[0]._do(lambda: database.execute("PRAGMA page_count").fetchone())
        await stores[0]._do(lambda: database.execute(f"PRAGMA max_page_count={count + pages}").fetchone())

    monkeypatch.setattr("service.keeping.FileStore", Watched)
    store = str(tmp_path / "sessions.db")
    async with serving(store=store, checkpoint_interval=0.02) as (_, here), serving(store=store) as (_, there):
        client = Client(LONG, STORED)
        await client.open(here)
        await step(client, 1)
        await durable(client, 1)
        await allow(0)
        # Answers that are not acknowledged make the snapshot grow beyond its pages.
        await client.send(range(2, 14))
        async with asyncio.timeout(PROMPT):
            while client.received < 13:
                assert await client.take()
        await asyncio.sleep(0.1)
        assert client.durable < 13
        found = await here.call("Infer", [{"config": {"session": {"durability": STORED, "model": PLAIN}}}])
        await allow(1000)
        await step(client, 14)
        await durable(client, 14)
        client.stream.cancel()
        await ends_elsewhere(client, there, 14)
        assert found.code in ("UNAVAILABLE", "INVALID_ARGUMENT")


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A disk of one megabyte, or a skipped test that says what it needs."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if sys.platform != "linux" or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a small disk can be mounted by root on Linux alone")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk: Path) -> Path:
    """A file that takes all room there is."""
    path = disk / "filler"
    with path.open("wb", buffering=0) as filler, contextlib.suppress(OSError):
        while filler.write(bytes(4096)):
            pass
    return path


async def test_durability_falls_behind_a_real_disk_that_is_full_and_catches_up(tmp_path):
    with small_disk(tmp_path / "disk") as disk:
        store = str(disk / "sessions.db")
        async with serving(store=store, checkpoint_interval=0.02) as (_, here), serving(store=store) as (_, there):
            client = Client(LONG, STORED)
            await client.open(here)
            await step(client, 1)
            await durable(client, 1)
            filler = fill(disk)
            for number in range(2, 14):
                await step(client, number)
            await asyncio.sleep(0.1)
            assert client.durable < 13
            refused = await here.call("Infer", [{"config": {"session": {"durability": STORED, "model": PLAIN}}}])
            filler.unlink()
            await step(client, 14)
            await durable(client, 14)
            client.stream.cancel()
            await ends_elsewhere(client, there, 14)
            assert (refused.code, refused.reason) == ("UNAVAILABLE", "STORE_UNAVAILABLE")


@pytest.mark.parametrize("jump", [86_400.0, -86_400.0])
async def test_a_clock_that_is_set_changes_nothing_for_who_runs_and_for_who_comes_later(tmp_path, monkeypatch, jump):
    store = str(tmp_path / "sessions.db")
    async with serving(store=store, checkpoint_interval=0.02, park_after=0.05) as (_, here):
        client = Client(LONG, STORED)
        await client.open(here)
        await step(client, 1)
        await durable(client, 1)
        now = time.time
        monkeypatch.setattr(time, "time", lambda: now() + jump)
        await asyncio.sleep(0.2)  # It is parked meanwhile.
        for number in range(2, 5):
            await step(client, number)
        await durable(client, 4)
        async with serving(store=store) as (_, there):
            monkeypatch.undo()  # The client of this test counts its deadlines by that clock.
            client.stream.cancel()
            await ends_elsewhere(client, there, 4)


async def test_a_server_that_stood_still_for_longer_than_the_lease_writes_nothing(tmp_path):
    """It wakes up in the belief that the session is its own: its first write tells it that it is not."""
    flags = ("--store", str(tmp_path / "sessions.db"), "--checkpoint-interval", "0.02", "--idle-timeout", "2")
    with served(tmp_path, *flags) as zombie, served(tmp_path, *flags) as heir:
        async with target_at(zombie.address) as here, target_at(heir.address) as there:
            first = Client(LONG, STORED)
            await first.open(here)
            for number in range(1, 4):
                await step(first, number)
            await durable(first, 3)
            second = Client(LONG, STORED)
            second.opened, second.received, second.answers = first.opened, first.received, dict(first.answers)
            zombie.signal(signal.SIGSTOP)
            try:
                stopped = time.monotonic()
                # The zombie will find these in its sockets.
                await first.send(range(4, 8))
                await second.open(there)
                for number in range(4, 11):
                    await step(second, number)
                    await asyncio.sleep(0.4)
                assert time.monotonic() - stopped > 2.0
            finally:
                zombie.signal(signal.SIGCONT)
            # Whichever it notices first.
            with pytest.raises(Exception, match=r"another client has resumed|was silent for 2 s"):
                await first.take_all()
            await step(second, 11)
            await durable(second, 11)
            second.stream.cancel()
            await ends_elsewhere(second, there, 11)
