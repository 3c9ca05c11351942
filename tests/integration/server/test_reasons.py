"""Law 9: a recorded table, request → status code and reason, holds through real gRPC, and no row harms a neighbour.

The table is `tests/integration/reasons.jsonl`, one row a line: `requests` (as JSON of the contract, see
`tests.calls.expanded`) on one call of `method`, while `beside`, where it is there, is held open; then the `code`,
`reason` and `field` the call ends with, whether the session was `opened` first, and how many numbered `answers` came
before the end. A row of the Open Inference Protocol's stream says instead what each request is `refused` with, in the
order of the ids; empty for those that are answered. It holds for any server of `tests/data` with the settings that it
ships with:

    pytest tests/integration/server --address 127.0.0.1:50051
"""

import json
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from service.errors import Reason
from tests.calls import METHODS, OPEN_METHODS, SERVED_STREAMS, Target, described, request_of
from tests.neighbours import alone, undisturbed

TABLE = Path(__file__).parents[1] / "reasons.jsonl"
ROWS: list[dict[str, Any]] = [json.loads(line) for line in TABLE.read_text(encoding="utf-8").splitlines()]

ELSEWHERE = {
    # Needs settings of its own, or a clock: tests of limits, of drain and of the repository.
    Reason.SESSIONS_EXHAUSTED,
    Reason.CONTEXTS_EXHAUSTED,
    Reason.SESSION_EXPIRED,
    Reason.SERVER_DRAINING,
    Reason.MODEL_NOT_READY,
    # Of a task that this version does not serve; it serves them all.
    Reason.TASK_NOT_SERVED,
    # Faults of a model or of the server itself: tests of the engine.
    Reason.MODEL_RUN_FAILED,
    Reason.BACKLOG_EXHAUSTED,
    Reason.INTERNAL,
    # Need a session that was left: tests of resuming.
    Reason.SESSION_TAKEN_OVER,
    Reason.ANSWERS_ACKNOWLEDGED,
    Reason.SESSION_CLOSED,
    Reason.SESSION_ENDED,
    Reason.SESSION_ROLLED_BACK,
    Reason.END_MISSING,
    Reason.STREAM_TOO_OLD,
    Reason.STORE_UNAVAILABLE,
    # Need a snapshot of this server: tests of snapshots and of the session service.
    Reason.SNAPSHOT_TAMPERED,
    Reason.SNAPSHOT_TASK_MISMATCH,
    Reason.SNAPSHOT_STATE_MISMATCH,
    Reason.SNAPSHOT_MODEL_MISMATCH,
    # Never reach a client of the API: tests of bundles, devices and settings.
    *(reason for reason in Reason if reason.startswith(("BUNDLE_", "DEVICE_", "SETTING_"))),
}


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def expected(recorded_target: Target) -> list[list[bytes]]:
    return await alone(recorded_target)


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["case"])
async def test_the_recorded_table(row: dict[str, Any], recorded_target: Target, expected: list[list[bytes]]):
    """The row ends as it was recorded; all that was answered before is delivered; sessions beside it do not notice."""
    async with undisturbed(recorded_target, expected):
        held = None
        if "beside" in row:
            held = recorded_target.stream(row["method"])
            await held.write(request_of(row["method"], row["beside"][0]))
            await held.read()
        found = await recorded_target.call(row["method"], row["requests"])
        if held is not None:
            held.cancel()

    assert (found.code, found.reason, found.field) == (row["code"], row.get("reason", ""), row.get("field", ""))
    assert found.domain == ("" if row["code"] == "OK" else "hiddenstate")
    if "refused" in row:
        answers = sorted(found.answers, key=lambda answer: answer.infer_response.id)
        assert [answer.error_message.partition(":")[0] for answer in answers] == row["refused"]
    elif described(row["method"]).client_streaming:
        assert [answer.WhichOneof("content") for answer in found.answers[:1]] == ["opened"] * row["opened"]
        assert found.numbers == list(range(1, row["answers"] + 1))


def test_the_table_covers_every_reason_a_client_can_meet():
    recorded = {row["reason"] for row in ROWS if "reason" in row}
    assert recorded == {reason.value for reason in Reason} - ELSEWHERE


def test_the_table_covers_every_method():
    assert {row["method"] for row in ROWS} == {*METHODS, *OPEN_METHODS}


@pytest.mark.parametrize("method", SERVED_STREAMS)
def test_the_reasons_of_a_stream_are_the_same_on_every_served_endpoint(method: str):
    """What is wrong with a stream or a session config is told in the same words whatever the task."""
    about_streams = [
        {row["reason"] for row in ROWS if row["method"] == each and row.get("reason", "").startswith(PREFIXES)}
        for each in (method, SERVED_STREAMS[0])
    ]
    assert about_streams[0] == about_streams[1]


PREFIXES = ("CONFIG_", "STREAM_", "MESSAGE_", "SEQUENCE_", "SESSION_", "RESUME_", "DURABILITY_")
