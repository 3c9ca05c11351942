"""What a store keeps encrypted: nothing of it can be read, changed or moved, and keys can be changed."""

import pytest

from service.errors import Reason, ServiceError
from service.signing import Keys
from service.stores.encrypted import EncryptedStore
from service.stores.memory import MemoryStore
from service.stores.store import StoreError, Write

pytest.importorskip("cryptography", reason="pip install 'hiddenstate[encryption]'")

OLD, NEW = Keys.fresh(), Keys.fresh()
BOTH = Keys({**NEW.keys, **OLD.keys}, NEW.current)
SECRET, LISTING = b"HSSN: nobody must read this", b"[1.0, 2.0]"


async def written(keys: Keys, session_id: str = "a", into: MemoryStore | None = None) -> MemoryStore:
    inner = into or MemoryStore()
    store = EncryptedStore(inner, keys)
    epoch = (await store.claim(session_id, 60.0)).epoch
    assert await store.write([Write(session_id, epoch, SECRET, 60.0, LISTING)]) == [True]
    return inner


async def refusal(inner: MemoryStore, keys: Keys, session_id: str = "a") -> Reason:
    with pytest.raises(ServiceError) as caught:
        await EncryptedStore(inner, keys).read(session_id)
    assert session_id in caught.value.message
    return caught.value.reason


async def test_what_is_read_is_what_was_written_and_nothing_of_it_stands_in_the_store():
    inner = await written(OLD)
    store = EncryptedStore(inner, OLD)
    assert (await store.read("a")).data == SECRET
    assert (await store.claim("a", 60.0)).data == SECRET
    assert await store.listed() == [("a", LISTING)]
    kept = (await inner.read("a")).data + dict(await inner.listed())["a"]
    assert SECRET[:6] not in kept[4:]
    assert LISTING not in kept


async def test_two_writes_of_the_same_have_no_byte_in_common_but_their_head():
    one, two = [(await (await written(OLD)).read("a")).data for _ in range(2)]
    head = 5 + len(OLD.current)
    assert one[:head] == two[:head]
    assert sum(a == b for a, b in zip(one[head:], two[head:], strict=True)) < 6


async def test_an_older_key_still_decrypts_and_the_first_one_encrypts():
    inner = await written(OLD)
    assert (await EncryptedStore(inner, BOTH).read("a")).data == SECRET
    await written(BOTH, "b", inner)
    assert (await EncryptedStore(inner, NEW).read("b")).data == SECRET
    assert await refusal(inner, NEW) is Reason.SNAPSHOT_KEY_UNKNOWN
    assert await EncryptedStore(inner, NEW).listed() == [("b", LISTING)]


async def test_what_was_stored_before_is_read_as_it_is():
    inner = MemoryStore()
    epoch = (await inner.claim("a", 60.0)).epoch
    await inner.write([Write("a", epoch, SECRET, 60.0, LISTING)])
    store = EncryptedStore(inner, OLD)
    assert (await store.read("a")).data == SECRET
    assert await store.listed() == [("a", LISTING)]
    assert await store.read("nowhere") is None
    assert (await store.claim("new", 60.0)).data is None


async def changed(inner: MemoryStore, data: bytes) -> MemoryStore:
    epoch = (await inner.claim("a", 60.0)).epoch
    await inner.write([Write("a", epoch, data, 60.0)])
    return inner


async def test_no_byte_can_be_changed_and_none_left_out():
    inner = await written(OLD)
    data = (await inner.read("a")).data
    for place in range(5 + len(OLD.current), len(data)):
        wrong = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        assert await refusal(await changed(inner, wrong), OLD) is Reason.SNAPSHOT_TAMPERED
    for length in range(4, len(data)):
        assert await refusal(await changed(inner, data[:length]), OLD) in (
            Reason.SNAPSHOT_TRUNCATED,
            Reason.SNAPSHOT_TAMPERED,
            Reason.SNAPSHOT_KEY_UNKNOWN,
        )


async def test_a_value_cannot_be_moved_to_another_session():
    inner = await written(OLD)
    data = (await inner.read("a")).data
    epoch = (await inner.claim("b", 60.0)).epoch
    await inner.write([Write("b", epoch, data, 60.0)])
    assert await refusal(inner, OLD, "b") is Reason.SNAPSHOT_TAMPERED


async def test_the_library_that_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "cryptography.exceptions", None)
    with pytest.raises(StoreError, match=r"hiddenstate\[encryption\]"):
        EncryptedStore(MemoryStore(), OLD)
