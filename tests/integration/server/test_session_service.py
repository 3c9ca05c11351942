"""The session service: sessions are seen, copied, rolled back and closed beside their streams, by whom they are of."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from hiddenstate.v1.inference_pb2 import InferOutputs
from service.rpc import principals
from service.signing import Keys
from service.snapshot import opened, unseal
from service.tasks.inference import Inference
from tests.calls import Call, Target, serving, tensor_json
from tests.neighbours import CONVERSATIONS
from tests.repositories import copy_bundle, edit_manifest
from tests.resuming import MEMORY, STORED, Client, whole

BY_METHOD = {each.method: each for each in CONVERSATIONS}
PLAIN_TASK = Inference((), (), max_steps=1)
TEXT, TENSORS = BY_METHOD["GenerateText"], BY_METHOD["Infer"]

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def target() -> AsyncIterator[Target]:
    async with serving() as (_, found):
        yield found


async def asked(target: Target, method: str, **request: Any) -> Any:
    """The answer of a call that succeeds."""
    call = await target.call(method, [request])
    assert call.code == "OK", call
    return call.answers[0]


async def refused(target: Target, method: str, **request: Any) -> tuple[str, str, str]:
    call: Call = await target.call(method, [request])
    return call.code, call.reason, call.field


async def half_way(target: Target, said: Any, durability: str = MEMORY) -> Client:
    """A session in the middle of its conversation, which has taken all that it was told."""
    client = Client(said, durability)
    await client.open(target)
    await client.send(range(1, len(said.before) + 1))
    await settled(target, client)
    return client


async def settled(target: Target, client: Client) -> Any:
    """The session of a client, once it has taken what it was sent and the client has what was answered by then."""
    while True:
        session = (await asked(target, "GetSession", session_id=client.opened.session_id)).session
        if session.accepted_sequence_number >= len(client.said.before):
            while client.received < session.last_answer_number:
                await client.take()
            return session


def copied(client: Client, made: Any) -> Client:
    """A client of a copy, which knows what the one of the original has acknowledged."""
    copy = Client(client.said)
    copy.opened = made
    copy.received = made.session.received_answer_number
    copy.answers = {number: item for number, item in client.answers.items() if number <= copy.received}
    return copy


async def finish(target: Target, client: Client) -> dict[int, bytes]:
    """All answers of a session, once its client has said the rest."""
    await client.open(target)
    await client.send_rest()
    await client.take_all()
    return client.answers


async def test_a_session_tells_what_it_is_and_how_far_it_has_come(target):
    client = await half_way(target, TENSORS)
    while client.received < 2:
        await client.take()
    session = (await asked(target, "GetSession", session_id=client.opened.session_id)).session
    assert (session.model, session.version, session.step_count, session.branch_number) == ("tiny-lstm", 1, 4, 0)
    assert (session.accepted_sequence_number, session.durable_sequence_number) == (2, 2)
    assert (session.last_answer_number, session.state, session.durability) == (2, 1, 2)
    assert session.byte_count >= 2 * 4
    assert session.create_time.seconds <= session.last_step_time.seconds + 1
    assert not session.HasField("expire_time")
    client.stream.cancel()
    while session.state != 2:
        session = (await asked(target, "GetSession", session_id=client.opened.session_id)).session
    assert session.expire_time.seconds > session.create_time.seconds


async def test_sessions_are_listed_latest_first_by_the_page_and_filtered(target):
    clients = []
    for number in range(5):
        said = TENSORS if number % 2 else TEXT
        client = Client(said)
        client.said = type(said)(
            said.method,
            said.config | {"session": {**said.config.get("session", {}), "sessionId": f"listed-{number}"}},
            said.before,
            said.after,
        )
        await client.open(target)
        clients.append(client)
    ours = {"sessionIdPrefix": "listed-"}
    listed, token = [], ""
    while True:
        page = await asked(target, "ListSessions", filter=ours, page_size=2, page_token=token)
        assert page.total_count == 5
        listed += [session.session_id for session in page.sessions]
        if not (token := page.next_page_token):
            break
    assert listed == [f"listed-{number}" for number in (4, 3, 2, 1, 0)]

    async def count(**wanted: Any) -> int:
        return (await asked(target, "ListSessions", filter={**ours, **wanted})).total_count

    assert await count(model="tiny-lstm") == await count(model="tiny-lstm", version=1) == 2
    assert await count(version=2) == await count(minIdleDuration="3600s") == 0
    assert await count(task="TASK_TEXT_GENERATION") == 5
    assert await count(task="TASK_FORECAST") == 0
    clients[0].stream.cancel()
    while not await count(state="SESSION_STATE_DETACHED"):
        pass
    assert await count(state="SESSION_STATE_ATTACHED") == 4
    for client in clients:
        client.stream.cancel()


async def test_a_session_that_ends_with_its_stream_is_seen_until_then(target):
    client = await half_way(target, TENSORS, "DURABILITY_NONE")
    session = (await asked(target, "GetSession", session_id=client.opened.session_id)).session
    assert (session.durability, session.durable_sequence_number, session.accepted_sequence_number) == (1, 0, 2)
    client.stream.cancel()
    for _ in range(100):
        if (await target.call("GetSession", [{"session_id": session.session_id}])).code == "NOT_FOUND":
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it is still there")


@pytest.mark.parametrize("said", CONVERSATIONS, ids=lambda said: said.method)
@pytest.mark.parametrize("durability", [MEMORY, "DURABILITY_NONE"])
async def test_forks_answer_as_the_original_and_it_goes_on_undisturbed(target, said, durability):
    client = await half_way(target, said, durability)
    request = {"session_id": client.opened.session_id, "forks": [{}, {"session_id": f"{said.method}-{durability}"}]}
    forks = (await asked(target, "ForkSession", **request)).forks
    assert [made.session.branch_number for made in forks] == [1, 1]
    assert forks[1].session.session_id == f"{said.method}-{durability}"
    expected = await whole(target, said)
    await client.send(range(len(said.before) + 1, len(client.messages) + 1))
    await client.take_all()
    assert client.answers == expected
    for fork in [copied(client, made) for made in forks]:
        assert await finish(target, fork) == expected
        assert fork.opened.branch_number == 1


async def test_forks_draw_with_seeds_of_their_own(target):
    client = await half_way(target, TEXT)
    request = {"session_id": client.opened.session_id, "forks": [{"seed": seed} for seed in (7, 8, 8, 9)]}
    forks = [copied(client, made) for made in (await asked(target, "ForkSession", **request)).forks]
    answers = []
    for fork in forks:
        found = await finish(target, fork)
        answers.append({number: item for number, item in found.items() if number > client.received})
        assert fork.opened.seed == (7, 8, 8, 9)[len(answers) - 1]
    expected = await whole(target, TEXT)
    assert all(answers[0][number] == expected[number] for number in answers[0]), "the seed of the original"
    assert answers[1] == answers[2]
    assert answers[0] != answers[1] != answers[3]
    client.stream.cancel()


async def test_all_forks_are_made_or_none(target):
    client = await half_way(target, TENSORS)
    name = client.opened.session_id
    forks = [{"session_id": "first"}, {"session_id": name}]
    assert await refused(target, "ForkSession", session_id=name, forks=forks) == (
        "ALREADY_EXISTS",
        "SESSION_ID_IN_USE",
        "forks",
    )
    assert (await refused(target, "GetSession", session_id="first"))[0] == "NOT_FOUND"
    seeded = [{}, {"seed": 3}]
    found = await refused(target, "ForkSession", session_id=name, forks=seeded)
    assert found == ("INVALID_ARGUMENT", "OPTION_OUT_OF_RANGE", "forks[1].seed")
    client.stream.cancel()


@pytest.mark.parametrize("said", CONVERSATIONS, ids=lambda said: said.method)
async def test_a_restored_session_answers_as_if_nothing_had_happened_at_another_server_too(tmp_path, target, said):
    keys = {"signing_keys": str(tmp_path / "keys")}
    async with serving(**keys) as (_, here):
        client = await half_way(here, said)
        snapshot = (await asked(here, "SnapshotSession", session_id=client.opened.session_id)).snapshot
    async with serving(**keys) as (_, there):
        encoded = _base64(snapshot)
        made = await asked(there, "RestoreSession", snapshot=encoded)
        assert made.session.session_id != client.opened.session_id
        assert (made.session.branch_number, made.kernels_changed) == (1, False)
        assert await finish(there, copied(client, made)) == await whole(there, said)
        name = {"session_id": client.opened.session_id}
        assert await refused(there, "RestoreSession", snapshot=encoded, **name) == (
            "NOT_FOUND",
            "SESSION_NOT_FOUND",
            "session_id",
        ), "numbers of a session that is gone could be used twice"


@pytest.mark.parametrize("said", CONVERSATIONS, ids=lambda said: said.method)
async def test_a_session_that_is_rolled_back_gives_the_same_answers_again_on_a_new_branch(target, said):
    client = await half_way(target, said)
    name = client.opened.session_id
    snapshot = _base64((await asked(target, "SnapshotSession", session_id=name)).snapshot)
    await client.send(range(len(said.before) + 1, len(client.messages)))
    for branch in (1, 2):
        made = await asked(target, "RestoreSession", snapshot=snapshot, session_id=name)
        assert (made.session.session_id, made.session.branch_number) == (name, branch)
        with pytest.raises(Exception, match="was rolled back"):
            await client.take_all()
        found = await target.call(said.method, [{"config": {"session": {"resumeToken": client.opened.resume_token}}}])
        assert (found.code, found.reason) == ("ABORTED", "SESSION_ROLLED_BACK")
        client = copied(client, made)
        await client.open(target)
        assert client.opened.branch_number == branch
        assert client.opened.next_sequence_number == len(said.before) + 1
    await client.send_rest()
    await client.take_all()
    assert client.answers == await whole(target, said)


async def test_a_stored_session_stays_rolled_back_when_its_server_is_gone(tmp_path):
    store = {"store": str(tmp_path / "sessions.db"), "checkpoint_interval": 0.02}
    async with serving(**store) as (_, here), serving(**store) as (_, there):
        client = await half_way(here, TEXT, STORED)
        name = client.opened.session_id
        snapshot = _base64((await asked(here, "SnapshotSession", session_id=name)).snapshot)
        await client.send(range(3, 5))
        # Another server does it: it becomes the owner.
        made = await asked(there, "RestoreSession", snapshot=snapshot, session_id=name)
        assert made.session.branch_number == 1
        stale, client = client, copied(client, made)
        await client.open(here)
        assert (client.opened.branch_number, client.opened.next_sequence_number) == (1, 3)
        await client.send_rest()
        await client.take_all()
        assert client.answers == await whole(here, TEXT)
        found = await target_call(here, stale)
        assert (found.code, found.reason) == ("ABORTED", "SESSION_ROLLED_BACK")


async def target_call(target: Target, client: Client) -> Call:
    session = {"resumeToken": client.opened.resume_token}
    return await target.call(client.said.method, [{"config": {"session": session}}])


async def test_a_session_that_is_closed_ends_its_stream_and_is_resumed_no_more(target):
    client = await half_way(target, TEXT)
    name = client.opened.session_id
    session = (await asked(target, "CloseSession", session_id=name)).session
    assert (session.session_id, session.accepted_sequence_number) == (name, 2)
    with pytest.raises(Exception, match="was closed"):
        await client.take_all()
    found = await target_call(target, client)
    assert (found.code, found.reason) == ("NOT_FOUND", "SESSION_NOT_FOUND")
    assert not (await asked(target, "CloseSession", session_id=name)).HasField("session")
    # The name is free, and the old token is none of the new session.
    again = Client(TEXT)
    again.said = type(TEXT)(TEXT.method, TEXT.config | {"session": {"sessionId": name}}, TEXT.before, TEXT.after)
    await again.open(target)
    found = await target_call(target, client)
    assert (found.code, found.reason) == ("NOT_FOUND", "SESSION_NOT_FOUND")
    again.stream.cancel()


async def test_a_session_that_is_erased_leaves_no_trace_in_the_store(tmp_path):
    path = tmp_path / "sessions.db"

    def traces(word: bytes) -> int:
        return sum(file.read_bytes().count(word) for file in tmp_path.iterdir() if file.name.startswith(path.name))

    async with serving(store=str(path), checkpoint_interval=0.02) as (_, target):
        client = Client(TEXT, STORED)
        client.messages[0] = {"prompt": {"text": "Nobody-must-ever-read-this"}}
        said = {**TEXT.config, "options": {"maxTokenCount": 300}}
        client.said = type(TEXT)(TEXT.method, said, TEXT.before, TEXT.after)
        await client.open(target)
        await client.send(range(1, 3))
        while client.durable < 2:
            await client.take()
        name = client.opened.session_id
        assert traces(name.encode())
        assert not (await asked(target, "CloseSession", session_id=name, erase=True)).HasField("session")
        assert not traces(name.encode())
        assert not traces(b"Nobody-must-ever")
        assert (await target_call(target, client)).reason == "SESSION_NOT_FOUND"


async def test_a_session_in_the_store_alone_is_seen_copied_and_closed(tmp_path):
    store = {"store": str(tmp_path / "sessions.db")}
    async with serving(**store) as (_, target):
        client = await half_way(target, TEXT, STORED)
        name = client.opened.session_id
    async with serving(**store) as (_, target):
        session = (await asked(target, "GetSession", session_id=name)).session
        assert (session.state, session.accepted_sequence_number) == (3, 2)
        (made,) = (await asked(target, "ForkSession", session_id=name, forks=[{}])).forks
        assert made.session.durability == 3
        assert await finish(target, copied(client, made)) == await whole(target, TEXT)
        snapshot = (await asked(target, "SnapshotSession", session_id=name)).snapshot
        made = await asked(target, "RestoreSession", snapshot=_base64(snapshot))
        assert await finish(target, copied(client, made)) == await whole(target, TEXT)
        assert (await asked(target, "CloseSession", session_id=name)).session.session_id == name
        assert (await target_call(target, client)).reason == "SESSION_NOT_FOUND"


async def test_sessions_of_others_are_not_found(target, monkeypatch):
    client = await half_way(target, TEXT)
    name = client.opened.session_id
    snapshot = _base64((await asked(target, "SnapshotSession", session_id=name)).snapshot)
    for module in ("services", "streaming"):
        monkeypatch.setattr(f"service.rpc.{module}.principal_of", lambda _: "somebody else")
    not_found = ("NOT_FOUND", "SESSION_NOT_FOUND")
    for method, more in (
        ("GetSession", {}),
        ("SnapshotSession", {}),
        ("ForkSession", {"forks": [{}]}),
        ("CloseSession", {}),
        ("RestoreSession", {"snapshot": snapshot}),
    ):
        assert (await refused(target, method, session_id=name, **more))[:2] == not_found, method
    found = await target_call(target, client)
    assert (found.code, found.reason) == not_found
    assert (await asked(target, "ListSessions")).total_count == 0
    client.stream.cancel()


async def test_who_calls_is_who_the_transport_has_proved():
    class Anonymous:
        def peer_identities(self) -> None:
            return None

    class Known:
        def peer_identities(self) -> list[bytes]:
            return [b"alice.example"]

    assert principals.principal_of(Anonymous()) == ""
    assert principals.principal_of(Known()) == "alice.example"


async def test_snapshots_that_are_not_ours_are_refused_with_their_own_reasons(target):
    client = await half_way(target, TENSORS)
    data = (await asked(target, "SnapshotSession", session_id=client.opened.session_id)).snapshot
    for changed, reason in (
        (data[:-1], "SNAPSHOT_TRUNCATED"),
        (data[:-1] + bytes([data[-1] ^ 1]), "SNAPSHOT_TAMPERED"),
        (data[:40] + bytes([data[40] ^ 1]) + data[41:], "SNAPSHOT_TAMPERED"),
        (data + bytes(5 << 20), "SNAPSHOT_TOO_LARGE"),
        (b"", "SNAPSHOT_MALFORMED"),
    ):
        found = await refused(target, "RestoreSession", snapshot=_base64(changed))
        assert found == ("INVALID_ARGUMENT", reason, "snapshot"), reason
    async with serving() as (_, other):
        found = await refused(other, "RestoreSession", snapshot=_base64(data))
        assert found == ("INVALID_ARGUMENT", "SNAPSHOT_KEY_UNKNOWN", "snapshot")
    client.stream.cancel()


async def test_a_snapshot_of_another_model_is_refused(tmp_path):
    keys = {"signing_keys": str(tmp_path / "keys")}
    for folder in ("here", "there"):
        copy_bundle(tmp_path / folder, "tiny-lstm")
    edit_manifest(tmp_path / "there" / "tiny-lstm" / "1", lambda said: said.update(description="another one"))
    copy_bundle(tmp_path / "elsewhere", "tiny-series")
    async with serving(models=tmp_path / "here", **keys) as (_, target):
        client = await half_way(target, TENSORS)
        data = (await asked(target, "SnapshotSession", session_id=client.opened.session_id)).snapshot
        client.stream.cancel()
    async with serving(models=tmp_path / "there", **keys) as (_, target):
        found = await refused(target, "RestoreSession", snapshot=_base64(data))
        assert found == ("FAILED_PRECONDITION", "SNAPSHOT_MODEL_MISMATCH", "snapshot")
    async with serving(models=tmp_path / "elsewhere", **keys) as (_, target):
        found = await refused(target, "RestoreSession", snapshot=_base64(data))
        assert found[:2] == ("NOT_FOUND", "MODEL_NOT_FOUND")


async def test_a_session_whose_model_is_not_served_now_is_still_listed_and_closed(tmp_path):
    store = {"store": str(tmp_path / "sessions.db")}
    copy_bundle(tmp_path / "elsewhere", "tiny-series")
    async with serving(**store) as (_, target):
        client = await half_way(target, TENSORS, STORED)
    name = client.opened.session_id
    async with serving(models=tmp_path / "elsewhere", **store) as (_, target):
        (session,) = (await asked(target, "ListSessions")).sessions
        assert (session.session_id, session.model, session.state) == (name, "tiny-lstm", 3)
        assert (await refused(target, "GetSession", session_id=name))[:2] == ("NOT_FOUND", "MODEL_NOT_FOUND")
        assert (await asked(target, "CloseSession", session_id=name)).session.session_id == name
        assert (await asked(target, "ListSessions")).total_count == 0


async def test_a_session_that_has_ended_is_seen_and_not_copied(target):
    client = Client(TEXT)
    await client.open(target)
    await client.send_rest()
    await client.take_all()
    name = client.opened.session_id
    assert (await asked(target, "GetSession", session_id=name)).session.state == 4
    for method, more in (("SnapshotSession", {}), ("ForkSession", {"forks": [{}]})):
        found = await refused(target, method, session_id=name, **more)
        assert found == ("FAILED_PRECONDITION", "SESSION_ENDED", "session_id")


@pytest.mark.parametrize("durability", [MEMORY, STORED])
@pytest.mark.parametrize("stream_stays", [True, False])
async def test_a_parked_session_is_listed_copied_rolled_back_and_closed_as_any_other(
    tmp_path, durability, stream_stays
):
    store = {"store": str(tmp_path / "sessions.db"), "park_after": 0.02, "checkpoint_interval": 0.005}
    async with serving(**store) as (server, target):
        expected = await whole(target, TEXT)
        client = await half_way(target, TEXT, durability)
        name = client.opened.session_id
        snapshot = _base64((await asked(target, "SnapshotSession", session_id=name)).snapshot)

        async def parked() -> None:
            if not stream_stays:
                client.stream.cancel()
            else:
                await client.acknowledge()
                while client.received < 7:
                    await client.take()
                    await client.acknowledge()
            while any(engine.gauges.active_sessions for engine in server.catalog.engines):  # noqa: ASYNC110
                await asyncio.sleep(0.005)

        await parked()
        (session,) = (await asked(target, "ListSessions")).sessions
        assert (session.session_id, session.accepted_sequence_number) == (name, 2)
        assert session.state == (1 if stream_stays else 3)
        assert session.last_step_time.seconds
        assert session.HasField("expire_time") is not stream_stays
        filters = {"model": "tiny-generator", "state": "SESSION_STATE_PARKED", "minIdleDuration": "0.001s"}
        assert (await asked(target, "ListSessions", filter=filters)).total_count == (0 if stream_stays else 1)
        (made,) = (await asked(target, "ForkSession", session_id=name, forks=[{}])).forks
        assert await finish(target, copied(client, made)) == expected
        await parked()
        made = await asked(target, "RestoreSession", snapshot=snapshot, session_id=name)
        client = copied(client, made)
        assert await finish(target, client) == expected
        assert (await asked(target, "ListSessions", filter={"sessionIdPrefix": name})).total_count == 1
        other = await half_way(target, TEXT, durability)
        client = other
        await parked()
        assert (await asked(target, "CloseSession", session_id=other.opened.session_id)).HasField("session")
        assert (await target_call(target, other)).reason == "SESSION_NOT_FOUND"


async def test_a_session_begins_with_the_state_that_its_client_gives(tmp_path):
    keys = tmp_path / "keys"
    async with serving(signing_keys=str(keys)) as (_, target):
        client = await half_way(target, TENSORS)
        while client.received < 2:
            await client.take()
        data = (await asked(target, "SnapshotSession", session_id=client.opened.session_id)).snapshot
        standing = opened(unseal(data, Keys.from_file(keys), 1 << 20), PLAIN_TASK)
        state = [{"name": name, **tensor_json(value, "float32")} for name, value in standing.session.state.items()]
        session = {"model": "tiny-lstm", "initialState": state}
        rest = [TENSORS.after[0], {"finish": {}}, TENSORS.after[2]]
        begun = await target.call("Infer", [{"config": {"session": session}}, *rest])
        fresh = await target.call("Infer", [{"config": {"session": {"model": "tiny-lstm"}}}, *rest])
        await client.send_rest()
        await client.take_all()
        following = [InferOutputs.FromString(client.answers[number]) for number in (3, 4)]
        assert [answer.outputs.outputs for answer in begun.answers[1:]] == [each.outputs for each in following]
        assert fresh.answers[1].outputs.outputs != following[0].outputs
        assert fresh.answers[2].outputs.outputs == following[1].outputs, "the next sequence begins as always"


async def test_a_session_is_kept_as_long_as_its_client_asked_for_and_never_longer_than_the_server_keeps_any():
    async with serving(idle_timeout=50.0) as (_, target):
        for asked_for, kept in ((0.2, 0.2), (3600.0, 50.0)):
            session = {"model": "tiny-lstm", "idleTimeout": f"{asked_for}s"}
            client = Client(type(TENSORS)("Infer", {"session": session}, TENSORS.before, TENSORS.after))
            await client.open(target)
            assert client.opened.idle_timeout.ToNanoseconds() == kept * 1e9
            client.stream.cancel()
            if kept < 1:
                name = {"session_id": client.opened.session_id}
                async with asyncio.timeout(5):
                    while (found := await target.call("GetSession", [name])).code == "OK":
                        pass
                assert (found.code, found.reason) == ("NOT_FOUND", "SESSION_EXPIRED")


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


async def test_sessions_that_are_encrypted_at_rest_go_on_elsewhere_and_not_without_their_key(tmp_path):
    pytest.importorskip("cryptography", reason="pip install 'hiddenstate[encryption]'")
    store = {"store": str(tmp_path / "sessions.db"), "checkpoint_interval": 0.02, "idle_timeout": 60.0}
    keys = {"encryption_keys": str(tmp_path / "encryption.keys")}
    async with serving(**store, **keys) as (_, target):
        client = await half_way(target, TEXT, STORED)
        while client.durable < 2:
            await client.take()
        files = [file for file in tmp_path.iterdir() if file.name in ("sessions.db", "sessions.db-wal")]
        assert files
        assert not any(b"tiny-generator" in file.read_bytes() for file in files)
    async with serving(**store) as (_, target):
        found = await target_call(target, client)
        assert (found.code, found.reason) == ("INVALID_ARGUMENT", "SNAPSHOT_KEY_UNKNOWN")
    async with serving(**store, **keys) as (_, target):
        (listed,) = (await asked(target, "ListSessions")).sessions
        assert (listed.session_id, listed.state) == (client.opened.session_id, 3)
        assert await finish(target, client) == await whole(target, TEXT)


async def test_encryption_needs_a_store():
    with pytest.raises(Exception, match="encryption_keys: snapshots are encrypted in a store: give one with --store"):
        async with serving(encryption_keys="keys"):
            pass
