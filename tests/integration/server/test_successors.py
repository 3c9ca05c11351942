"""Sessions of a version that is no longer served go on with one that takes them over, or wait for their own."""

from pathlib import Path

import pytest

from tests.calls import serving
from tests.neighbours import CONVERSATIONS
from tests.repositories import GENERATOR, PLAIN, SERIES, copy_bundle, edit_manifest
from tests.resuming import STORED, Client, whole

TENSORS, TEXT = CONVERSATIONS[:2]


def successor(root: Path, name: str, *, of: str | None = None, takes_over: tuple[int, ...] = (1,)) -> None:
    """Version 2 of a model; `of`: with the graph of another one."""
    folder = copy_bundle(root, of or name, as_name=name, as_version=2)
    edit_manifest(folder, lambda said: said.update(takes_over=takes_over))


async def left_at(models: Path, store: dict[str, object], said=TENSORS) -> Client:
    """A stored session of version 1 whose server is gone."""
    client = Client(said, STORED)
    async with serving(models=models, **store) as (_, target):
        await client.open(target)
        assert client.opened.version == 1
        await client.send(range(1, len(said.before) + 1))
        while client.durable < len(said.before):
            await client.take()
    return client


@pytest.fixture
def store(tmp_path: Path) -> dict[str, object]:
    return {"store": str(tmp_path / "sessions.db"), "checkpoint_interval": 0.01}


@pytest.mark.parametrize(("name", "said"), [(PLAIN, TENSORS), (GENERATOR, TEXT)])
async def test_a_version_that_says_so_goes_on_with_sessions_of_the_one_before(tmp_path, store, name, said):
    copy_bundle(tmp_path / "old", name)
    successor(tmp_path / "new", name)
    client = await left_at(tmp_path / "old", store, said)
    async with serving(models=tmp_path / "new", **store) as (_, target):
        await client.open(target)
        assert (client.opened.version, client.opened.kernels_changed) == (2, False)
        await client.send_rest()
        await client.take_all()
        assert client.answers == await whole(target, said)


async def test_a_version_that_does_not_say_so_leaves_them_to_their_own(tmp_path, store):
    copy_bundle(tmp_path / "old", PLAIN)
    successor(tmp_path / "new", PLAIN, takes_over=())
    client = await left_at(tmp_path / "old", store)
    async with serving(models=tmp_path / "new", **store) as (_, target):
        found = await target.call("Infer", [{"config": {"session": {"resumeToken": client.opened.resume_token}}}])
        assert (found.code, found.reason) == ("NOT_FOUND", "MODEL_VERSION_NOT_FOUND")
    async with serving(models=tmp_path / "old", **store) as (_, target):
        await client.open(target)
        await client.send_rest()
        await client.take_all()


async def test_a_version_whose_state_is_another_takes_nothing_over(tmp_path, store):
    copy_bundle(tmp_path / "old", PLAIN)
    successor(tmp_path / "new", PLAIN, of=SERIES)
    client = await left_at(tmp_path / "old", store)
    async with serving(models=tmp_path / "new", **store) as (_, target):
        found = await target.call("Infer", [{"config": {"session": {"resumeToken": client.opened.resume_token}}}])
        assert (found.code, found.reason) == ("FAILED_PRECONDITION", "SNAPSHOT_STATE_MISMATCH")


async def test_sessions_stay_with_their_version_while_it_serves(tmp_path, store):
    copy_bundle(tmp_path, PLAIN)
    client = await left_at(tmp_path, store)
    successor(tmp_path, PLAIN)
    async with serving(models=tmp_path, **store) as (_, target):
        await client.open(target)
        assert client.opened.version == 1
        fresh = Client(TENSORS)
        await fresh.open(target)
        assert fresh.opened.version == 2
        fresh.stream.cancel()
        client.stream.cancel()
