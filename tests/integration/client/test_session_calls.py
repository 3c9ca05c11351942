"""Both clients and the command look after sessions of a real server: see, copy, roll back, close."""

import asyncio
import json
from collections.abc import AsyncIterator

import numpy as np
import pytest
import pytest_asyncio
from rich.console import Console
from typer.testing import CliRunner

from hiddenstate import AsyncClient, Client, ServerError
from hiddenstate.command.app import app
from hiddenstate.command.sessions import sessions_table
from hiddenstate.session_service import fork_request, list_request
from tests.calls import Target, serving
from tests.repositories import GENERATOR, PLAIN

pytestmark = pytest.mark.asyncio(loop_scope="module")

STEPS = [np.array([number, 2 * number % 11]) for number in range(1, 6)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def target() -> AsyncIterator[Target]:
    async with serving() as (_, found):
        yield found


async def blocking(work, target: Target):
    """What a blocking client does, in a thread of its own."""

    def run():
        with Client(target.address) as client:
            return work(client)

    return await asyncio.to_thread(run)


def rest(client: Client, point, steps) -> list[bytes]:
    """What a session answers from a point on."""
    with client.infer_session(PLAIN, resume=point) as session:
        return [session.step(each)["logits"].tobytes() for each in steps]


async def test_a_forked_and_a_restored_session_go_on_as_the_original(target):
    def work(client: Client):
        with client.infer_session(PLAIN, durability="memory", session_id="original", idle_timeout=30) as session:
            whole = [session.step(each)["logits"].tobytes() for each in STEPS[:2]]
            snapshot = client.snapshot("original")
            one, two = client.fork("original", names=["one", "two"])
            assert (one.session.session_id, two.session.branch_number) == ("one", 1)
            whole += [session.step(each)["logits"].tobytes() for each in STEPS[2:]]
        assert rest(client, one.resume_point, STEPS[2:]) == whole[2:]
        made = client.restore(snapshot)
        assert rest(client, made.resume_point, STEPS[2:]) == whole[2:]
        back = client.restore(snapshot, "original")
        assert (back.session.session_id, back.session.branch_number, back.kernels_changed) == ("original", 1, False)
        assert rest(client, back.resume_point, STEPS[2:]) == whole[2:]
        return two

    two = await blocking(work, target)
    async with AsyncClient(target.address) as client:
        async with client.infer_session(PLAIN, resume=two.resume_point) as session:
            answers = [(await session.step(each))["logits"].tobytes() for each in STEPS[2:]]
        assert len(answers) == 3
        assert (await client.close_session("two")).session_id == "two"


async def test_sessions_are_listed_looked_at_and_closed(target):
    async with AsyncClient(target.address) as client:
        for number in range(3):
            session = client.infer_session(PLAIN, durability="memory", session_id=f"seen-{number}", priority="bulk")
            async with session:
                await session.step(STEPS[0])
        found = [facts async for facts in client.sessions(model=PLAIN, prefix="seen-")]
        assert [facts.session_id for facts in found] == ["seen-2", "seen-1", "seen-0"]
        facts = await client.get_session("seen-1")
        assert (facts.state, facts.step_count, facts.durability, facts.priority) == ("detached", 2, "memory", "bulk")
        assert facts.create_time <= facts.last_step_time < facts.expire_time
        assert (await client.close_session("seen-1")).step_count == 2
        assert await client.close_session("seen-1") is None
        assert await client.close_session("seen-2", erase=True) is None
        with pytest.raises(ServerError) as caught:
            await client.get_session("seen-1")
        assert caught.value.reason == "SESSION_NOT_FOUND"
        (made,) = await client.fork("seen-0")
        data = await client.snapshot("seen-0")
        again = await client.restore(data)
        assert made.session.session_id != again.session.session_id
    seen = await blocking(lambda client: [each.session_id for each in client.sessions(prefix="seen-")], target)
    assert seen == ["seen-0"]
    looked = await blocking(lambda client: client.get_session("seen-0"), target)
    assert looked.step_count == 2
    assert await blocking(lambda client: client.close_session("seen-0"), target)


async def test_forks_of_a_text_draw_with_their_own_seeds_and_give_no_answer_of_the_original_again(target):
    def work(client: Client):
        with client.generate_session(model=GENERATOR, durability="memory", session_id="tale", seed=1) as session:
            session.prompt("It is")
            first = session.generate(max_tokens=5).text()
            copies = client.fork("tale", seeds=[1, 2, 2])
        assert first
        texts = []
        for copy in copies:
            with client.generate_session(model=GENERATOR, resume=copy.resume_point) as session:
                session.prompt(" and")
                texts.append(session.generate(max_tokens=12).text())
        return texts

    one, two, three = await blocking(work, target)
    assert two == three != one


async def test_a_session_begins_with_a_given_state(target):
    def work(client: Client):
        model = next(each for each in client.models() if each.name == PLAIN)
        state = {each.name: np.full(each.shape, 0.5, np.float32) for each in model.state_tensors}
        with client.infer_session(PLAIN, initial_state=state) as given, client.infer_session(PLAIN) as fresh:
            return given.step(STEPS[0])["logits"], fresh.step(STEPS[0])["logits"]

    given, fresh = await blocking(work, target)
    assert not np.array_equal(given, fresh)


async def test_requests_that_contradict_themselves_are_refused_before_they_are_sent():
    with pytest.raises(ValueError, match="different numbers of copies"):
        fork_request("a", 3, [1, 2], None)
    with pytest.raises(ValueError, match="there is no 'asleep', only attached, detached, parked, ended"):
        list_request({"state": "asleep"})
    assert len(fork_request("a", None, None, None).forks) == 1


async def test_the_command_lists_copies_rolls_back_and_closes(target, tmp_path):
    said = {"durability": "memory", "session_id": "commanded"}
    async with AsyncClient(target.address) as client, client.infer_session(PLAIN, **said) as session:
        await session.step(STEPS[0])

    async def run(*arguments: str, code: int = 0) -> str:
        command = ["sessions", *arguments, "--address", target.address]
        result = await asyncio.to_thread(CliRunner().invoke, app, command)
        assert result.exit_code == code, result.output
        return result.output

    (listed,) = map(json.loads, (await run("list", "--prefix", "commanded", "--json")).splitlines())
    assert (listed["session_id"], listed["state"], listed["step_count"]) == ("commanded", "detached", 2)
    assert "commanded" in await run("list", "--state", "detached")
    assert json.loads(await run("show", "commanded", "--json"))["model"] == PLAIN
    assert "last step time" in await run("show", "commanded")
    file = tmp_path / "it.snapshot"
    await run("snapshot", "commanded", "-o", str(file))
    assert file.read_bytes().startswith(b"HSSN")
    back = json.loads(await run("restore", str(file), "--session", "commanded", "--json"))
    assert (back["session_id"], back["branch_number"]) == ("commanded", 1)
    assert back["resume_token"]
    copies = (await run("fork", "commanded", "-n", "2")).splitlines()
    assert [line.split("\t")[1] for line in copies] == ["branch 2", "branch 2"]
    assert "closed after 2 steps" in await run("close", "commanded")
    assert "was not there" in await run("close", "commanded")
    assert "there is no 'asleep'" in await run("list", "--state", "asleep", code=2)
    assert "numbers of copies" in await run("fork", "commanded", "-n", "3", "--seed", "1", code=2)


async def test_the_table_tells_times_from_now(target):
    async with AsyncClient(target.address) as client:
        async with client.infer_session(PLAIN, durability="memory", session_id="shown") as session:
            await session.step(STEPS[0])
        facts = await client.get_session("shown")
    console = Console(width=140, record=True)
    console.print(sessions_table([facts], facts.create_time.replace(year=facts.create_time.year + 1)))
    shown = console.export_text()
    assert "shown" in shown
    assert "365 d" in shown
