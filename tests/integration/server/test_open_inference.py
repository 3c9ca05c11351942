"""The Open Inference Protocol on real models: the bits of `Infer`, the state on the server, errors that harm nobody."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import grpc
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hiddenstate.oip import open_inference_pb2 as oip
from service.errors import Reason
from service.server import Running
from tests.calls import Target, serving, target_at
from tests.proxy import proxy_to
from tests.repositories import MODELS, PLAIN, SERIES, TABLE, TAGGER, TRANSLATION

pytestmark = pytest.mark.asyncio(loop_scope="session")

SERVICE = "/inference.GRPCInferenceService/"
TYPES = {"float32": "FP32", "int64": "INT64", "int32": "INT32"}
few = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


async def call(target: Target, method: str, request: Any) -> Any:
    """A unary call; raises its error."""
    answer = getattr(oip, f"{method}Response")
    return await target.channel.unary_unary(SERVICE + method, response_deserializer=answer.FromString)(
        request.SerializeToString(), timeout=5.0
    )


def infer_request(model: str, raw: bool = True, wanted: Sequence[str] = (), **said: Any) -> oip.ModelInferRequest:
    """A request: arrays by input name under `inputs`, parameters under their own names."""
    request = oip.ModelInferRequest(model_name=model, id=said.pop("id", ""), model_version=said.pop("version", ""))
    for name, array in said.pop("inputs").items():
        tensor = request.inputs.add(name=name, datatype=TYPES[array.dtype.name], shape=array.shape)
        if raw:
            request.raw_input_contents.append(array.tobytes())
        else:
            field = {"FP32": "fp32_contents", "INT64": "int64_contents"}[tensor.datatype]
            getattr(tensor.contents, field).extend(array.ravel().tolist())
    for name in wanted:
        request.outputs.add(name=name)
    for name, value in said.items():
        kind = "bool" if isinstance(value, bool) else "string" if isinstance(value, str) else "int64"
        setattr(request.parameters[name], f"{kind}_param", value)
    return request


def arrays(response: oip.ModelInferResponse) -> dict[str, np.ndarray]:
    """The outputs of a response in the raw encoding."""
    pairs = zip(response.outputs, response.raw_output_contents, strict=True)
    names = {said: dtype for dtype, said in TYPES.items()}
    return {each.name: np.frombuffer(raw, names[each.datatype]).reshape(each.shape) for each, raw in pairs}


def values(model: str, steps: int, seed: int = 0) -> np.ndarray:
    dice = np.random.default_rng(seed)
    if model in (SERIES, TABLE):
        return dice.standard_normal((1, steps, 3)).astype(np.float32)
    return dice.integers(0, 11, (1, steps))


async def stream(target: Target, requests: Iterable[oip.ModelInferRequest | bytes]) -> list[Any]:
    """All responses of one stream."""
    calling = target.channel.stream_stream(
        SERVICE + "ModelStreamInfer", response_deserializer=oip.ModelStreamInferResponse.FromString
    )(timeout=5.0)
    for request in requests:
        await calling.write(request if isinstance(request, bytes) else request.SerializeToString())
    await calling.done_writing()
    return [response async for response in calling]


async def alone(target: Target, model: str, array: np.ndarray) -> Mapping[str, np.ndarray]:
    """A whole sequence in one request."""
    return arrays(await call(target, "ModelInfer", infer_request(model, inputs={"inputs": array})))


async def refusal(target: Target, request: oip.ModelInferRequest) -> tuple[str, str]:
    """The code and the message that a request is refused with."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(target, "ModelInfer", request)
    return caught.value.code().name, caught.value.details() or ""


async def test_the_server_tells_what_it_is_and_what_it_has(target: Target):
    assert (await call(target, "ServerLive", oip.ServerLiveRequest())).live
    assert (await call(target, "ServerReady", oip.ServerReadyRequest())).ready
    assert (await call(target, "ServerMetadata", oip.ServerMetadataRequest())).name == "hiddenstate"
    assert (await call(target, "ModelReady", oip.ModelReadyRequest(name=PLAIN))).ready
    assert not (await call(target, "ModelReady", oip.ModelReadyRequest(name="nowhere"))).ready
    index = await call(target, "RepositoryIndex", oip.RepositoryIndexRequest())
    assert {model.name for model in index.models if model.state == "READY"} == set(MODELS)


@pytest.mark.parametrize("model", MODELS)
async def test_every_bundle_is_described_and_its_state_is_not_among_its_tensors(model: str, target: Target):
    said = await call(target, "ModelMetadata", oip.ModelMetadataRequest(name=model))
    config = (await call(target, "ModelConfig", oip.ModelConfigRequest(name=model))).config
    names = [tensor.name for tensor in (*said.inputs, *said.outputs)]
    assert names == [tensor.name for tensor in (*config.input, *config.output)]
    assert not [name for name in names if "state" in name or name == "lengths"]
    assert all(tuple(tensor.shape[:2]) == (-1, -1) for tensor in said.inputs)
    stateful = config.WhichOneof("scheduling_choice") == "sequence_batching"
    assert stateful == (model not in (TABLE, TAGGER))
    assert bool(config.sequence_batching.state) == stateful


@pytest.mark.parametrize("model", [PLAIN, SERIES])
async def test_steps_of_a_sequence_give_the_bits_of_the_whole(model: str, target: Target):
    array = values(model, 9)
    whole = await alone(target, model, array)
    parts = []
    for first in range(0, 9, 3):
        ends = {"sequence_id": 42, "sequence_start": first == 0, "sequence_end": first == 6}
        request = infer_request(model, inputs={"inputs": array[:, first : first + 3]}, **ends)
        parts.append(arrays(await call(target, "ModelInfer", request)))
    for name, expected in whole.items():
        assert np.concatenate([part[name] for part in parts], axis=1).tobytes() == expected.tobytes()


async def test_the_bits_are_those_of_the_typed_api(target: Target):
    array = values(SERIES, 6)
    chunk = {"chunk": {"inputs": [{"array": array[0].tolist(), "dtype": "float32"}]}}
    typed = await target.call("Infer", [{"config": {"session": {"model": SERIES}}}, chunk])
    whole = await alone(target, SERIES, array)
    assert typed.answers[1].outputs.outputs[0].data == whole["following"].tobytes()


async def test_many_sequences_share_a_stream_and_ids_may_be_text_or_at_the_ends_of_their_range(target: Target):
    ids: list[Any] = [-(2**63), 2**63 - 1, "user:7/ü", "x" * 128, *range(1, 30)]
    arrays_of = {name: values(SERIES, 4, seed) for seed, name in enumerate(ids)}
    requests = [
        infer_request(
            SERIES, id=f"{name}|{step}", inputs={"inputs": array[:, step : step + 1]},
            sequence_id=name, sequence_start=step == 0, sequence_end=step == 3,
        )
        for step in range(4)
        for name, array in arrays_of.items()
    ]  # fmt: skip
    answers = await stream(target, requests)
    assert not [answer.error_message for answer in answers if answer.error_message]
    by_id = {answer.infer_response.id: arrays(answer.infer_response)["following"] for answer in answers}
    for name, array in arrays_of.items():
        joined = np.concatenate([by_id[f"{name}|{step}"] for step in range(4)], axis=1)
        assert joined.tobytes() == (await alone(target, SERIES, array))["following"].tobytes()


async def test_both_encodings_give_the_same_and_are_answered_in_kind(target: Target):
    array = values(SERIES, 5)
    typed = await call(target, "ModelInfer", infer_request(SERIES, raw=False, inputs={"inputs": array}))
    raw = (await alone(target, SERIES, array))["following"]
    assert not typed.raw_output_contents
    assert typed.outputs[0].contents.fp32_contents == raw.ravel().tolist()


async def test_rows_of_a_request_without_a_sequence_are_sequences_of_their_own(target: Target):
    for model in (TABLE, TAGGER, SERIES):
        rows = [values(model, 4, seed) for seed in range(3)]
        together = await alone(target, model, np.concatenate(rows))
        for index, row in enumerate(rows):
            for name, expected in (await alone(target, model, row)).items():
                assert together[name][index].tobytes() == expected[0].tobytes()


async def test_a_decoder_is_given_its_source_first(target: Target):
    source = np.array([list(b"abc")])
    said = {"sequence_id": 5}
    inputs = (await call(target, "ModelMetadata", oip.ModelMetadataRequest(name=TRANSLATION))).inputs
    first = infer_request(TRANSLATION, inputs={inputs[0].name: source}, sequence_start=True, **said)
    assert arrays(await call(target, "ModelInfer", first)).keys() == {"memory"}
    tokens = infer_request(TRANSLATION, inputs={inputs[1].name: np.array([[1, 2]])}, sequence_end=True, **said)
    outputs = arrays(await call(target, "ModelInfer", tokens))
    assert outputs["attention"].shape == (1, 2, 3)


async def test_wanted_outputs_and_best_classes(target: Target):
    request = infer_request(TABLE, id="r1", inputs={"inputs": values(TABLE, 1)}, wanted=["logits"])
    request.outputs[0].parameters["classification"].int64_param = 2
    response = await call(target, "ModelInfer", request)
    assert (response.id, response.outputs[0].datatype, list(response.outputs[0].shape)) == ("r1", "BYTES", [1, 1, 2])
    raw = response.raw_output_contents[0]
    first = raw[4 : 4 + int.from_bytes(raw[:4], "little")].decode()
    assert first.split(":")[2] in ("low", "middle", "high")


STEP = {"inputs": values(SERIES, 1)}
BAD = {
    "wrong datatype": ({"inputs": {"inputs": values(SERIES, 1).astype(np.int64)}}, Reason.TENSOR_DTYPE_MISMATCH),
    "wrong rank": ({"inputs": {"inputs": values(SERIES, 1)[0]}}, Reason.TENSOR_RANK_MISMATCH),
    "wrong shape": ({"inputs": {"inputs": np.zeros((1, 1, 4), np.float32)}}, Reason.TENSOR_SHAPE_MISMATCH),
    "no steps": ({"inputs": {"inputs": np.zeros((1, 0, 3), np.float32)}}, Reason.TENSOR_SHAPE_MISMATCH),
    "two rows": ({"inputs": {"inputs": np.zeros((2, 1, 3), np.float32)}}, Reason.TENSOR_SHAPE_MISMATCH),
    "not finite": ({"inputs": {"inputs": np.full((1, 1, 3), np.nan, np.float32)}}, Reason.TENSOR_NOT_FINITE),
    "unknown input": ({"inputs": {"nothing": STEP["inputs"]}}, Reason.TENSOR_UNKNOWN),
    "no input": ({"inputs": {}}, Reason.TENSOR_MISSING),
    "unknown output": ({"inputs": STEP, "wanted": ["nothing"]}, Reason.TENSOR_UNKNOWN),
    "second start": ({"inputs": STEP, "sequence_start": True}, Reason.SESSION_ID_IN_USE),
    "other version": ({"inputs": STEP, "version": "9"}, Reason.MODEL_VERSION_NOT_FOUND),
    "no version": ({"inputs": STEP, "version": "one"}, Reason.MODEL_VERSION_NOT_FOUND),
    "flag as text": ({"inputs": STEP, "sequence_end": "true"}, Reason.OPTION_OUT_OF_RANGE),
    "priority as text": ({"inputs": STEP, "priority": "high"}, Reason.OPTION_OUT_OF_RANGE),
    "timeout below 0": ({"inputs": STEP, "timeout": -1}, Reason.OPTION_OUT_OF_RANGE),
}


@pytest.mark.parametrize("case", BAD)
async def test_a_bad_request_is_refused_and_its_sequence_goes_on_as_if_it_had_never_come(case: str, target: Target):
    array = values(SERIES, 2, seed=3)
    expected = (await alone(target, SERIES, array))["following"]
    said, reason = BAD[case]
    steps = [
        infer_request(SERIES, id="1", inputs={"inputs": array[:, :1]}, sequence_id=8, sequence_start=True),
        infer_request(SERIES, **{"id": "bad", "sequence_id": 8, **said}),
        infer_request(SERIES, id="2", inputs={"inputs": array[:, 1:]}, sequence_id=8, sequence_end=True),
    ]
    answers = {answer.infer_response.id: answer for answer in await stream(target, steps)}
    assert answers["bad"].error_message.startswith(f"{reason.value}: ")
    outputs = [arrays(answers[name].infer_response)["following"] for name in ("1", "2")]
    assert np.concatenate(outputs, axis=1).tobytes() == expected.tobytes()


async def test_bytes_that_disagree_with_the_shape_are_refused(target: Target):
    request = infer_request(SERIES, inputs=STEP)
    request.raw_input_contents[0] += b"\0"
    code, message = await refusal(target, request)
    assert (code, "13 bytes" in message) == ("INVALID_ARGUMENT", True)
    typed = infer_request(SERIES, raw=False, inputs=STEP)
    typed.inputs[0].contents.fp32_contents.append(1.0)
    assert (await refusal(target, typed))[0] == "INVALID_ARGUMENT"


async def test_a_step_and_an_end_without_a_start_are_refused(target: Target):
    for ends in (False, True):
        request = infer_request(SERIES, inputs=STEP, sequence_id=77, sequence_end=ends)
        code, message = await refusal(target, request)
        assert (code, "sequence_start" in message) == ("INVALID_ARGUMENT", True)
    request = infer_request(SERIES, inputs=STEP, sequence_id=0, sequence_start=True)
    assert (await refusal(target, request))[0] == "INVALID_ARGUMENT"


async def test_a_sequence_belongs_to_its_stream_and_ends_with_a_client_that_vanishes(target: Target):
    calling = target.channel.stream_stream(
        SERVICE + "ModelStreamInfer", response_deserializer=oip.ModelStreamInferResponse.FromString
    )()
    start = infer_request(SERIES, inputs=STEP, sequence_id=9, sequence_start=True)
    await calling.write(start.SerializeToString())
    assert not (await calling.read()).error_message
    assert (await refusal(target, infer_request(SERIES, inputs=STEP, sequence_id=9)))[0] == "ALREADY_EXISTS"
    assert (await refusal(target, start))[0] == "ALREADY_EXISTS"
    calling.cancel()
    for _ in range(100):
        if (await refusal(target, infer_request(SERIES, inputs=STEP, sequence_id=9)))[0] == "INVALID_ARGUMENT":
            break
        await asyncio.sleep(0.01)
    else:
        pytest.fail("the sequence has outlived its client")


async def test_a_sequence_that_was_silent_for_too_long_is_told_so():
    async with serving(idle_timeout=0.05) as (server, target):
        request = infer_request(SERIES, inputs=STEP, sequence_id=3, sequence_start=True)
        await call(target, "ModelInfer", request)
        await asyncio.sleep(0.1)
        for engine in server.catalog.engines:
            engine.expire()
        code, message = await refusal(target, infer_request(SERIES, inputs=STEP, sequence_id=3))
        assert (code, "at step 1" in message) == ("ABORTED", True)


async def test_statistics_grow(target: Target):
    async def counted() -> Any:
        request = oip.ModelStatisticsRequest(name=SERIES)
        return (await call(target, "ModelStatistics", request)).model_stats[0].inference_stats

    before = await counted()
    await alone(target, SERIES, values(SERIES, 3))
    after = await counted()
    assert after.success.count == before.success.count + 1
    for name in ("success", "queue", "compute_infer"):
        assert getattr(after, name).count > getattr(before, name).count
        assert getattr(after, name).ns > getattr(before, name).ns
    assert after.compute_input.count == after.compute_infer.count == after.compute_output.count, "or clients complain"


@few
@given(messages=st.lists(st.binary(max_size=80), min_size=1, max_size=4))
async def test_random_bytes_are_refused_within_the_stream(messages: list[bytes], target: Target):
    answers = await stream(target, [*messages, infer_request(SERIES, id="good", inputs=STEP)])
    assert len(answers) == len(messages) + 1
    for answer in answers:
        assert (answer.error_message == "") == (answer.infer_response.id == "good")


async def test_clients_that_vanish_in_the_middle_leave_nothing_and_touch_nobody(target: Target, server: Running):
    """Connections that are cut while requests are under way, of a stream and of unary calls."""
    array = values(SERIES, 4, seed=4)
    expected = (await alone(target, SERIES, array))["following"]
    before = await live_sessions(server, 10**9)
    found = []
    for number in range(4):
        async with proxy_to(target.address) as proxy, target_at(proxy.address) as vanishing:
            calling = vanishing.channel.stream_stream(SERVICE + "ModelStreamInfer")()
            for name in range(20):
                said = {"sequence_id": f"{number}/{name}", "sequence_start": True}
                await calling.write(infer_request(SERIES, inputs=STEP, **said).SerializeToString())
            await calling.read()
            long = infer_request(SERIES, inputs={"inputs": values(SERIES, 4000)}).SerializeToString()
            asked = [vanishing.channel.unary_unary(SERVICE + "ModelInfer")(long) for _ in range(3)]
            ends = {"sequence_id": "beside", "sequence_start": number == 0, "sequence_end": number == 3}
            request = infer_request(SERIES, inputs={"inputs": array[:, number : number + 1]}, **ends)
            found.append(arrays(await call(target, "ModelInfer", request))["following"])
            proxy.cut()
            ended = await asyncio.gather(*asked, return_exceptions=True)
            assert {each.code().name for each in ended if isinstance(each, grpc.aio.AioRpcError)} <= {"UNAVAILABLE"}
    assert np.concatenate(found, axis=1).tobytes() == expected.tobytes()
    assert await live_sessions(server, before) <= before


async def live_sessions(server: Running, most: int) -> int:
    """How many sessions there are, once there are at most so many or a second has passed."""
    for _ in range(100):
        count = sum(engine.gauges.active_sessions for engine in server.catalog.engines)
        if count <= most:
            break
        await asyncio.sleep(0.01)
    return count
