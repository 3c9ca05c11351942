"""Which sessions were forgotten by their store, and which belong to somebody else."""

from types import SimpleNamespace

import pytest

from service.reentry import Reentry, Verdict
from service.stores.memory import MemoryStore

LIFETIME = 60.0


class Restarted(MemoryStore):
    """A store in memory whose incarnation can be set."""

    who = "first"

    async def incarnation(self):
        return self.who


class Scene:
    """A store that knows session `a`, its owner, and a clock."""

    def __init__(self):
        self.now = 0.0
        self.store = Restarted(lambda: self.now)
        self.reentry = Reentry(self.store, lambda: self.now)
        label = SimpleNamespace(session_id="a", idle_timeout=LIFETIME)
        self.kept = SimpleNamespace(label=label, epoch=None, attached=True, written=None)

    async def open(self):
        await self.reentry.look()
        self.kept.epoch = (await self.store.claim("a", LIFETIME)).epoch
        self.reentry.wrote(self.kept)
        return self

    async def judged(self, wanted=False):
        await self.reentry.look()
        return await self.reentry.judge(self.kept, wanted=wanted)


@pytest.fixture
async def scene():
    return await Scene().open()


async def test_a_session_that_somebody_erased_is_lost(scene):
    await scene.store.erase("a")
    assert await scene.judged(wanted=True) is Verdict.LOST
    assert await scene.store.read("a") is None


async def test_a_session_that_a_store_which_was_started_anew_does_not_know_is_entered_again(scene):
    await scene.store.erase("a")
    scene.store.who = "second"
    assert await scene.judged() is Verdict.ENTERED
    assert (await scene.store.read("a")).epoch == scene.kept.epoch
    await scene.store.erase("a")
    assert await scene.judged() is Verdict.LOST, "it was entered in the second one, which forgets nothing"


async def test_a_session_that_another_server_owns_is_lost_though_the_store_was_started_anew(scene):
    scene.store.who = "second"
    await scene.store.claim("a", LIFETIME)
    assert await scene.judged(wanted=True) is Verdict.LOST


async def test_a_store_that_went_back_to_an_earlier_owner_gets_its_last_one_again(scene):
    scene.store.who, scene.kept.epoch = "second", scene.kept.epoch + 5
    assert await scene.judged() is Verdict.ENTERED
    assert (await scene.store.read("a")).epoch == scene.kept.epoch


async def test_a_session_whose_time_was_over_because_nobody_could_write_is_entered_again(scene):
    scene.now = LIFETIME
    assert await scene.judged() is Verdict.ENTERED


async def test_a_session_without_a_client_waits_for_one(scene):
    await scene.store.erase("a")
    scene.store.who, scene.kept.attached = "second", False
    assert await scene.judged() is Verdict.FORGOTTEN
    assert await scene.store.read("a") is None
    assert await scene.judged(wanted=True) is Verdict.ENTERED


async def test_the_store_is_asked_again_who_it_is_after_it_failed():
    reentry = Reentry(Restarted())
    assert reentry.uncertain
    await reentry.look()
    assert not reentry.uncertain
    assert not await reentry.look()
    reentry.failed()
    assert reentry.uncertain
    assert await reentry.look(), "it may have forgotten what was over meanwhile"
