"""The `hiddenstate serve` process: what it writes, how it stops, and with which exit code."""

import signal
import time
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from hiddenstate.v1 import text_generation_pb2
from tests.calls import END_OF_STREAM, Target, request_of, rest, target_at
from tests.neighbours import tokens
from tests.processes import served
from tests.repositories import PLAIN, REPOSITORY


async def opened(target: Target, method: str, *messages: Any) -> Any:
    stream = target.stream(method, timeout=10)
    for message in messages:
        await stream.write(request_of(method, message))
    assert await stream.read() is not END_OF_STREAM
    return stream


async def test_sigterm_finishes_what_is_in_flight_and_refuses_what_is_new(tmp_path):
    """Health says NOT_SERVING meanwhile; the exit code is 0; and in an empty home nothing was written."""
    with served(tmp_path, "--drain-timeout", "8") as process:
        async with target_at(process.address) as target:
            config = {"config": {"seed": 1, "options": {"maxTokenCount": 1500}}}
            writing = await opened(target, "GenerateText", config, {"prompt": {"text": "It is"}}, {"end": {}})
            talking = await opened(target, "Infer", {"config": {"session": {"model": PLAIN}}}, tokens(1))
            asked = process.signal(signal.SIGTERM)
            health = health_pb2_grpc.HealthStub(target.channel)
            while (
                await health.Check(health_pb2.HealthCheckRequest())
            ).status == health_pb2.HealthCheckResponse.SERVING:
                assert time.monotonic() - asked < 1.0
            refused = await target.call("GenerateText", [{"config": {}}, {"prompt": {"text": "no"}}])
            assert (refused.code, refused.reason, refused.retry_seconds) == ("UNAVAILABLE", "SERVER_DRAINING", 1.0)

            await talking.write(request_of("Infer", tokens(2, 3)))
            await talking.done_writing()
            numbers = [answer.outputs.answer_number async for answer in rest(talking)]
            assert numbers == [1, 2]
            assert await talking.code() is grpc.StatusCode.OK

            text = [answer async for answer in rest(writing)]
            assert isinstance(text[-1], text_generation_pb2.GenerateTextResponse)
            assert text[-1].completion.token_count == 1500
        assert process.exit_code() == 0
        assert time.monotonic() - asked < 5.0, "it did not wait for the whole limit"
    events = [event["event"] for event in process.events]
    assert events[-3:] == ["stopping", "drained", "stopped"]
    assert process.events[-2]["in_time"] is True
    assert events.count("model ready") == len(list(REPOSITORY.glob("*/1")))
    assert not {"error", "warning"} & {event["level"] for event in process.events}
    assert list(tmp_path.iterdir()) == [], "neither a telemetry file of ONNX Runtime nor any other"


async def test_a_session_that_only_waits_is_told_when_the_limit_has_passed(tmp_path):
    """Ctrl-C (SIGINT) stops a server as SIGTERM does."""
    with served(tmp_path, "--drain-timeout", "0.3") as process:
        async with target_at(process.address) as target:
            waiting = await opened(target, "Infer", {"config": {"session": {"model": PLAIN}}})
            asked = process.signal(signal.SIGINT)
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await waiting.read()
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
            assert 0.25 < time.monotonic() - asked < 2.0
        assert process.exit_code() == 0
    assert process.events[-2]["in_time"] is False
