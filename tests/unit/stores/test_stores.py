"""What all stores have in common, on each of them; Redis is a real server on a free port."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
import pytest_asyncio

from service.catalog import Catalog
from service.config import Settings
from service.keeping import keeper_of
from service.stores.file import BOOT_ID, FileStore
from service.stores.memory import MemoryStore
from service.stores.redis import RedisStore
from service.stores.store import Claim, Entry, Store, StoreError, Write
from tests.redis_process import redis_serving

LONG = 3600.0
KINDS = ("memory", "file", "redis")


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    with redis_serving() as redis:
        yield f"redis://{redis.address}/0"


@pytest_asyncio.fixture(params=KINDS)
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[Store, Store]]:
    """Two servers' views of one store."""
    both: tuple[Store, Store]
    if request.param == "memory":
        both = (MemoryStore(),) * 2
    elif request.param == "file":
        both = FileStore(tmp_path / "sessions.db"), FileStore(tmp_path / "sessions.db")
    else:
        url, prefix = request.getfixturevalue("redis_url"), f"{tmp_path}:"
        both = RedisStore(url, prefix=prefix), RedisStore(url, prefix=prefix)
    yield both
    for store in set(both):
        await store.close()


@pytest.fixture(autouse=True)
def owners_are_counted_from_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.stores.store.secrets.randbits", lambda _: 0)


async def test_who_owned_a_session_that_was_erased_does_not_own_the_next_one(stores, monkeypatch):
    monkeypatch.undo()
    here, there = stores
    former = (await here.claim("a", LONG)).epoch
    assert await there.erase("a")
    later = (await there.claim("a", LONG)).epoch
    assert await here.write([Write("a", former, b"late", LONG)]) == [False]
    assert await here.renew([Claim("a", former, LONG)]) == [False]
    assert not await here.erase("a", former)
    assert await there.write([Write("a", later, b"mine", LONG)]) == [True]
    assert await here.claim("a", LONG) == Entry(later + 1, b"mine")


async def test_a_store_tells_how_long_a_session_is_kept_and_what_it_is_listed_by(stores):
    here, there = stores
    await here.claim("a", LONG)
    assert LONG - 5 < await there.remaining("a") <= LONG
    assert await there.remaining("b") is None
    assert await here.listed() == []
    await here.write([Write("a", 1, b"one", LONG, b"listing")])
    await here.claim("c", 0.01)
    await here.write([Write("c", 1, b"three", 0.01, b"over")])
    await asyncio.sleep(0.02)
    assert await there.listed() == [("a", b"listing")]
    await there.claim("a", LONG)
    assert await there.listed() == [("a", b"listing")]
    await there.purge()


async def test_who_claims_a_session_reads_what_was_written_last(stores):
    here, there = stores
    assert await here.claim("a", LONG) == Entry(1, None)
    assert await here.write([Write("a", 1, b"one", LONG), Write("b", 1, b"two", LONG)]) == [True, False]
    assert await there.read("a") == Entry(1, b"one")
    assert await there.claim("a", LONG) == Entry(2, b"one")
    assert await there.read("b") is None


async def test_a_former_owner_writes_and_erases_nothing(stores):
    here, there = stores
    await here.claim("a", LONG)
    await there.claim("a", LONG)
    assert await here.write([Write("a", 1, b"late", LONG)]) == [False]
    assert not await here.erase("a", 1)
    assert await there.write([Write("a", 2, b"mine", LONG)]) == [True]
    assert await here.write([Write("a", 1, b"late", LONG)]) == [False]
    assert await here.read("a") == Entry(2, b"mine")


async def test_of_many_that_claim_at_once_each_has_an_epoch_of_its_own(stores):
    entries = await asyncio.gather(*(store.claim("a", LONG) for store in stores * 10))
    assert sorted(entry.epoch for entry in entries) == list(range(1, 21))


async def test_what_is_erased_is_gone_and_begins_anew(stores):
    here, _ = stores
    await here.claim("a", LONG)
    await here.write([Write("a", 1, b"one", LONG)])
    assert await here.erase("a", 1)
    assert not await here.erase("a")
    assert await here.read("a") is None
    assert await here.write([Write("a", 1, b"late", LONG)]) == [False]
    assert (await here.claim("a", LONG)).data is None


async def test_a_session_is_forgotten_when_its_time_is_over_and_every_write_gives_it_more(stores):
    here, _ = stores
    await here.claim("a", 0.05)
    await here.claim("b", 0.05)
    await here.write([Write("b", 1, b"one", LONG)])
    await asyncio.sleep(0.06)
    await here.expire()
    assert await here.read("a") is None
    assert await here.read("b") == Entry(1, b"one")


async def test_all_bytes_are_kept(stores):
    here, _ = stores
    data = bytes(range(256)) * 4000
    await here.claim("a.b-c_D", LONG)
    await here.write([Write("a.b-c_D", 1, data, LONG)])
    assert await here.read("a.b-c_D") == Entry(1, data)


async def test_a_file_is_there_again_in_another_process_of_the_same_name(tmp_path):
    first = FileStore(tmp_path / "deep" / "sessions.db", synchronous="full")
    await first.claim("a", LONG)
    await first.write([Write("a", 1, b"one", LONG)])
    await first.close()
    second = FileStore(tmp_path / "deep" / "sessions.db")
    assert await second.read("a") == Entry(1, b"one")
    await second.close()


async def test_a_file_is_opened_while_another_process_stands_still_in_a_write(tmp_path):
    first = FileStore(tmp_path / "sessions.db")
    await first.claim("a", LONG)
    await first.write([Write("a", 1, b"one", LONG)])
    with closing(sqlite3.connect(tmp_path / "sessions.db", isolation_level=None)) as frozen:
        frozen.execute("BEGIN IMMEDIATE")
        second = FileStore(tmp_path / "sessions.db")
        assert await second.read("a") == Entry(1, b"one")
        frozen.execute("ROLLBACK")
    for store in (first, second):
        await store.close()


async def test_a_store_that_cannot_be_reached_says_so(tmp_path):
    (tmp_path / "file").write_text("this is not SQLite, however long one looks at it" * 100)
    with pytest.raises(StoreError, match="cannot be opened"):
        FileStore(tmp_path / "file")
    with pytest.raises(StoreError, match="no address"):
        RedisStore("nowhere")
    nobody = RedisStore("redis://127.0.0.1:1/0")
    with pytest.raises(StoreError, match="Redis"):
        await nobody.read("a")
    await nobody.close()
    closed = FileStore(tmp_path / "sessions.db")
    await closed.close()
    with pytest.raises(StoreError):
        await closed.read("a")


async def test_a_session_is_kept_longer_by_its_owner_alone(stores):
    here, there = stores
    await here.claim("a", 0.2)
    await here.write([Write("a", 1, b"one", 0.2)])
    assert await here.renew([Claim("a", 1, LONG), Claim("a", None, LONG), Claim("b", 1, LONG)]) == [True, True, False]
    await there.claim("a", LONG)
    assert await here.renew([Claim("a", 1, 0.01)]) == [False]
    await asyncio.sleep(0.25)
    assert await here.read("a") == Entry(2, b"one")


async def test_many_sessions_whose_time_is_over_are_forgotten_and_the_others_are_not(tmp_path):
    store = FileStore(tmp_path / "sessions.db")
    for number in range(1200):
        await store.claim(f"s{number}", 0.01 if number < 1100 else LONG)
    await asyncio.sleep(0.02)
    assert await store.expire() == 1100
    assert await store.expire() == 0
    assert await store.read("s1150") == Entry(1, None)
    await store.close()


async def test_a_file_is_kept_as_long_when_the_machine_is_started_again(tmp_path, monkeypatch):
    """Its even clock begins anew then."""
    boot = tmp_path / "boot_id"
    monkeypatch.setattr("service.stores.file.BOOT_ID", boot)
    for number in range(3):
        boot.write_text(f"boot {number}")
        even = SimpleNamespace(time=time.time, monotonic=lambda number=number: time.monotonic() - 1e6 * number)
        monkeypatch.setattr("service.stores.file.time", even)
        store = FileStore(tmp_path / "sessions.db")
        epoch = (await store.claim(str(number), 60.0)).epoch
        assert await store.write([Write(str(number), epoch, b"one", 60.0)]) == [True]
        for earlier in range(number):
            assert 50 < (await store.remaining(str(earlier)) or 0) <= 60
        await store.close()


async def test_a_clock_that_is_set_ends_no_session(tmp_path, monkeypatch):
    for store in (FileStore(tmp_path / "sessions.db"), MemoryStore()):
        epoch = (await store.claim("a", 60.0)).epoch
        for jump in (86_400.0, -86_400.0):
            now = time.time()
            monkeypatch.setattr(time, "time", lambda now=now, jump=jump: now + jump)
            assert await store.expire() == 0
            assert await store.write([Write("a", epoch, b"one", 60.0)]) == [True]
            if isinstance(store, FileStore) and BOOT_ID.exists():
                later = FileStore(tmp_path / "sessions.db")
                assert await later.expire() == 0
                assert await later.read("a") == Entry(epoch, b"one")
                await later.close()
            monkeypatch.undo()
        assert await store.read("a") == Entry(epoch, b"one")
        await store.close()


@pytest.mark.parametrize(("said", "level"), [("normal", 1), ("full", 2)])
async def test_the_setting_says_whether_each_write_is_synced(tmp_path, monkeypatch, said, level):
    levels = []

    class Watched(FileStore):
        def __init__(self, *arguments, **options) -> None:
            super().__init__(*arguments, **options)
            levels.append(self._database.execute("PRAGMA synchronous").fetchone()[0])

    monkeypatch.setattr("service.keeping.FileStore", Watched)
    await keeper_of(Settings(store=str(tmp_path / "sessions.db"), store_sync=said), Catalog()).close()
    assert levels == [level]


async def test_many_more_calls_at_once_than_a_store_has_connections_are_all_answered(stores):
    here, _ = stores
    await here.claim("a", LONG)
    assert await asyncio.gather(*(here.read("a") for _ in range(500))) == [Entry(1, None)] * 500
