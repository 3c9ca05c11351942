"""The metrics endpoint: conventions of Prometheus, every metric documented, and values that move as they should."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.request import urlopen

import pytest
import pytest_asyncio
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from service.server import Running
from service.stores.file import FileStore
from service.stores.store import StoreError
from tests.calls import Target, request_of, rest, serving
from tests.neighbours import CONVERSATIONS, tokens
from tests.repositories import GENERATOR, PLAIN, SENTIMENT, copy_bundle
from tests.resuming import STORED, Client

pytestmark = pytest.mark.asyncio(loop_scope="session")

DOCUMENT = Path(__file__).parents[3] / "docs" / "metrics.md"
CONFIG = {"config": {"session": {"model": PLAIN}}}
PLAIN_1 = {"model": PLAIN, "version": "1"}

Values = dict[tuple[str, frozenset[tuple[str, str]]], float]


async def families(address: str) -> list[Metric]:
    def scrape() -> str:
        with urlopen(f"http://{address}/metrics", timeout=5) as response:
            return str(response.read().decode())

    return list(text_string_to_metric_families(await asyncio.to_thread(scrape)))


async def values(address: str) -> Values:
    samples = [sample for family in await families(address) for sample in family.samples]
    return {(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples}


async def settled(address: str) -> Values:
    """The values once every call has ended on the server's side, too: a client knows a little earlier."""
    for _ in range(100):
        found = await values(address)
        if not any(value for (name, _), value in found.items() if name == "hiddenstate_open_requests"):
            return found
        await asyncio.sleep(0.01)
    raise AssertionError("a call goes on")


def change(before: Values, after: Values, name: str, **labels: str) -> float:
    key = (name, frozenset(labels.items()))
    return after[key] - before.get(key, 0.0)


def documented() -> dict[str, tuple[str, list[str]]]:
    """Type and labels of each metric, from the table of docs/metrics.md."""
    rows = re.findall(r"^\| `(hiddenstate_\w+)` \| (\w+) \| ([^|]*) \|", DOCUMENT.read_text(encoding="utf-8"), re.M)
    return {name: (kind, re.findall(r"`(\w+)`", labels)) for name, kind, labels in rows}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def measured(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[str, Target]]:
    """The metrics endpoint of a server with a good bundle of each served task, and one that is refused."""
    root = tmp_path_factory.mktemp("models")
    for name in (PLAIN, GENERATOR, SENTIMENT):
        copy_bundle(root, name)
    copy_bundle(root, PLAIN, as_name="damaged").joinpath("golden.npz").unlink()
    store = {"store": str(root.parent / "sessions.db"), "checkpoint_interval": 0.01, "park_after": 0.05}
    async with serving(metrics_listen="127.0.0.1:0", models=root, max_sessions=9, **store) as (server, target):
        assert server.metrics_address is not None
        yield server.metrics_address, target


async def test_every_metric_is_documented_with_its_type_and_labels(measured: tuple[str, Target]):
    address, target = measured
    await target.call("Infer", [CONFIG, tokens(1, 2)])
    found = {
        family.name + "_total" * (family.type == "counter"): (
            family.type,
            sorted({label for sample in family.samples for label in sample.labels} - {"le"}),
        )
        for family in await families(address)
        if family.name.startswith("hiddenstate")
    }
    assert found == {name: (kind, sorted(labels)) for name, (kind, labels) in documented().items()}


async def test_names_follow_the_conventions(measured: tuple[str, Target]):
    """One prefix, snake case, base units; `_total` on counters alone; nothing else claims the prefix."""
    for family in await families(measured[0]):
        assert re.fullmatch(r"(hiddenstate|process|python)(_[a-z]+)+", family.name), family.name
        assert family.documentation
        for unit in ("milliseconds", "micros", "minutes", "kilobytes", "megabytes", "percent", "ratio"):
            assert unit not in family.name
        if family.name.startswith("hiddenstate"):
            total = [sample.name.endswith("_total") for sample in family.samples]
            assert all(total) if family.type == "counter" else not any(total)


async def test_queries_of_the_document_name_metrics_that_are_there():
    text = DOCUMENT.read_text(encoding="utf-8").partition("## Questions")[2]
    asked = {re.sub(r"_(sum|count|bucket)$", "", name) for name in re.findall(r"hiddenstate_\w+", text)}
    assert asked
    assert asked <= set(documented())


async def test_values_follow_what_happens(measured: tuple[str, Target]):
    address, target = measured
    before = await values(address)
    await target.call("Infer", [CONFIG, tokens(1, 2, 3), tokens(4, 5)])
    await target.call("Infer", [CONFIG, tokens(1), {}])
    await target.call("Infer", [{"config": {"session": {"model": "nowhere"}}}])
    await target.call("GenerateText", [{"config": {}}, {"prompt": {"text": "ab"}}, {"generate": {}}])
    after = await settled(address)
    infer = "hiddenstate.v1.InferenceService/Infer"
    assert change(before, after, "hiddenstate_steps_total", **PLAIN_1) == 6
    assert change(before, after, "hiddenstate_items_total", **PLAIN_1) == 3
    assert change(before, after, "hiddenstate_sessions_opened_total", **PLAIN_1) == 2
    assert change(before, after, "hiddenstate_sessions_ended_total", **PLAIN_1, cause="completed") == 1
    assert change(before, after, "hiddenstate_sessions_ended_total", **PLAIN_1, cause="failed") == 1
    assert change(before, after, "hiddenstate_requests_total", method=infer, code="OK") == 1
    assert change(before, after, "hiddenstate_requests_total", method=infer, code="INVALID_ARGUMENT") == 1
    assert change(before, after, "hiddenstate_requests_total", method=infer, code="NOT_FOUND") == 1
    assert after["hiddenstate_open_requests", frozenset({("method", infer)})] == 0
    ticks = change(before, after, "hiddenstate_tick_rows_count", **PLAIN_1)
    assert 2 <= ticks <= 3
    assert change(before, after, "hiddenstate_tick_rows_sum", **PLAIN_1) == ticks, "each session was alone"
    assert change(before, after, "hiddenstate_model_run_seconds_count", **PLAIN_1) == ticks
    assert 0 < change(before, after, "hiddenstate_model_run_seconds_sum", **PLAIN_1) < 1
    assert change(before, after, "hiddenstate_padding_steps_total", **PLAIN_1) == 0
    assert change(before, after, "hiddenstate_failed_rows_total", **PLAIN_1) == 0
    # 256 tokens and a completion; the last token is only fed when the text goes on.
    assert change(before, after, "hiddenstate_items_total", model=GENERATOR, version="1") == 257
    assert change(before, after, "hiddenstate_steps_total", model=GENERATOR, version="1") == 2 + 255


async def test_gauges_say_how_things_stand_now(measured: tuple[str, Target]):
    address, target = measured
    stream = target.stream("Infer")
    for message in (CONFIG, tokens(1)):
        await stream.write(request_of("Infer", message))
    await stream.read()
    await stream.read()
    during = await values(address)
    await stream.done_writing()
    _ = [answer async for answer in rest(stream)]
    after = await settled(address)
    labels = frozenset(PLAIN_1.items())
    assert during["hiddenstate_active_sessions", labels] == 1
    assert during["hiddenstate_slots", labels] == 9
    assert during["hiddenstate_state_bytes", labels] == 64
    assert during["hiddenstate_backlog_steps", labels] == 0
    method = frozenset({("method", "hiddenstate.v1.InferenceService/Infer")})
    assert during["hiddenstate_open_requests", method] == 1
    assert after["hiddenstate_active_sessions", labels] == 0
    ready = {dict(key)["model"]: value for (name, key), value in during.items() if name == "hiddenstate_model_ready"}
    assert ready == {PLAIN: 1, GENERATOR: 1, SENTIMENT: 1, "damaged": 0}


async def test_a_client_that_leaves_counts_as_cancelled(measured: tuple[str, Target]):
    address, target = measured
    stream = target.stream("Infer")
    await stream.write(request_of("Infer", CONFIG))
    await stream.read()
    stream.cancel()
    now = await settled(address)
    method = ("method", "hiddenstate.v1.InferenceService/Infer")
    assert now["hiddenstate_requests_total", frozenset({method, ("code", "CANCELLED")})] == 1
    cause = frozenset({*PLAIN_1.items(), ("cause", "cancelled")})
    assert now["hiddenstate_sessions_ended_total", cause] == 1


async def test_a_scrape_beside_busy_sessions_never_fails(measured: tuple[str, Target]):
    """Metrics are read in a thread of their own while sessions come and go."""
    address, target = measured

    async def busy() -> None:
        for _ in range(5):
            found = await target.call("Infer", [CONFIG, tokens(1, 2)])
            assert found.code == "OK"

    async def scrape() -> None:
        for _ in range(10):
            assert await families(address)

    await asyncio.gather(scrape(), *(busy() for _ in range(4)))


async def test_without_an_address_there_is_no_endpoint(server: Running):
    assert server.metrics_address is None


async def test_sessions_that_outlive_their_streams_are_counted(
    measured: tuple[str, Target], monkeypatch: pytest.MonkeyPatch
):
    address, target = measured
    before = await values(address)
    client = Client(CONVERSATIONS[0], STORED)
    await client.open(target)
    await client.send(range(1, 3))
    while client.durable < 2:
        await client.take()
    client.stream.cancel()
    await client.open(target)
    name = {"session_id": client.opened.session_id}
    assert (await target.call("ForkSession", [{**name, "forks": [{}, {}]}])).code == "OK"
    await client.acknowledge()
    while change(before, await values(address), "hiddenstate_sessions_parked_total") < 3:
        pass
    after = await values(address)
    assert change(before, after, "hiddenstate_sessions_resumed_total", place="here") == 1
    assert change(before, after, "hiddenstate_sessions_made_total", origin="fork") == 2
    assert after["hiddenstate_known_sessions", frozenset({("place", "parked")})] == 1
    assert change(before, after, "hiddenstate_store_seconds_count", operation="claim") == 3
    snapshots = change(before, after, "hiddenstate_snapshot_bytes_count")
    assert snapshots == change(before, after, "hiddenstate_snapshot_seconds_count") >= 4
    assert change(before, after, "hiddenstate_snapshot_bytes_sum") > 100 * snapshots
    assert change(before, after, "hiddenstate_store_errors_total", operation="write") == 0
    assert after["hiddenstate_durability_lag_messages", frozenset()] == 0
    assert 0 <= after["hiddenstate_durability_lag_seconds", frozenset()] < 1

    async def failing(*_: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(FileStore, "write", failing)
    await client.send(range(3, 4))
    while client.received < 3:
        await client.take()
    while change(after, await values(address), "hiddenstate_store_errors_total", operation="write") < 5:
        pass
    found = await values(address)
    assert change(after, found, "hiddenstate_sessions_woken_total") == 1
    assert found["hiddenstate_durability_lag_messages", frozenset()] == 1
    assert found["hiddenstate_durability_lag_seconds", frozenset()] > 0.03
    client.stream.cancel()
