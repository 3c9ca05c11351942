"""Models are loaded and unloaded while others serve; sequences go on to their end; what is broken replaces nothing."""

import asyncio
import shutil
from pathlib import Path

import grpc
import numpy as np
import pytest

from hiddenstate.oip import open_inference_pb2 as oip
from tests.calls import Target, serving
from tests.integration.server.test_open_inference import arrays, call, infer_request, refusal, values
from tests.repositories import SERIES, TABLE, copy_bundle, edit_manifest, shift_golden

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def states(target: Target) -> dict[str, str]:
    index = await call(target, "RepositoryIndex", oip.RepositoryIndexRequest())
    return {f"{model.name}/{model.version}": model.state for model in index.models}


async def load(target: Target, name: str = SERIES) -> None:
    await call(target, "RepositoryModelLoad", oip.RepositoryModelLoadRequest(model_name=name))


async def unload(target: Target, name: str = SERIES) -> None:
    await call(target, "RepositoryModelUnload", oip.RepositoryModelUnloadRequest(model_name=name))


async def refused(calling) -> tuple[str, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await calling
    return caught.value.code().name, caught.value.details() or ""


async def step(target: Target, array: np.ndarray, number: int, **said: bool) -> np.ndarray:
    request = infer_request(SERIES, inputs={"inputs": array[:, number : number + 1]}, sequence_id=1, **said)
    response = await call(target, "ModelInfer", request)
    return arrays(response)["following"]


async def gone(target: Target, place: str, state: str) -> None:
    for _ in range(200):
        if (await states(target)).get(place) == state:
            return
        await asyncio.sleep(0.01)
    pytest.fail(f"{place} is {(await states(target)).get(place)}, not {state}")


async def test_a_model_is_unloaded_once_its_sequences_have_ended_and_loaded_again(tmp_path: Path):
    copy_bundle(tmp_path, SERIES)
    copy_bundle(tmp_path, TABLE)
    array = values(SERIES, 3)
    async with serving(models=tmp_path) as (server, target):
        whole = await call(target, "ModelInfer", infer_request(SERIES, inputs={"inputs": array}))
        first = await step(target, array, 0, sequence_start=True)
        await unload(target)
        assert await states(target) == {f"{SERIES}/1": "UNLOADING", f"{TABLE}/1": "READY"}
        assert (await refusal(target, infer_request(SERIES, inputs={"inputs": array})))[0] == "NOT_FOUND"
        second = await step(target, array, 1)
        third = await step(target, array, 2, sequence_end=True)
        assert np.concatenate([first, second, third], axis=1).tobytes() == arrays(whole)["following"].tobytes()
        await gone(target, f"{SERIES}/1", "UNAVAILABLE")
        assert len(server.catalog.engines) == 1
        await load(target)
        counted = await call(target, "ModelStatistics", oip.ModelStatisticsRequest(name=SERIES))
        assert counted.model_stats[0].inference_stats.success.count == 0, "they begin when a model is loaded"
        again = await call(target, "ModelInfer", infer_request(SERIES, inputs={"inputs": array}))
        assert again.raw_output_contents == whole.raw_output_contents


async def test_a_new_version_takes_over_and_live_sequences_stay_on_theirs(tmp_path: Path):
    copy_bundle(tmp_path, SERIES)
    array = values(SERIES, 2)
    async with serving(models=tmp_path) as (_, target):
        await step(target, array, 0, sequence_start=True)
        copy_bundle(tmp_path, SERIES, as_version=2)
        await load(target)
        fresh = await call(target, "ModelInfer", infer_request(SERIES, inputs={"inputs": array}))
        assert fresh.model_version == "2"
        said = {"sequence_id": 1, "sequence_end": True}
        old = await call(target, "ModelInfer", infer_request(SERIES, inputs={"inputs": array[:, 1:]}, **said))
        assert old.model_version == "1"


@pytest.mark.parametrize("as_version", [1, 2])
async def test_a_broken_version_never_replaces_a_good_one(as_version: int, tmp_path: Path):
    folder = copy_bundle(tmp_path, SERIES)
    array = values(SERIES, 3)
    async with serving(models=tmp_path) as (_, target):
        before = await call(target, "ModelInfer", infer_request(SERIES, inputs={"inputs": array}))
        broken = folder if as_version == 1 else copy_bundle(tmp_path, SERIES, as_version=2)
        shift_golden(broken)
        code, message = await refused(load(target))
        assert (code, "golden" in message or "off by" in message) == ("FAILED_PRECONDITION", True)
        after = await call(target, "ModelInfer", infer_request(SERIES, inputs={"inputs": array}))
        assert (after.model_version, after.raw_output_contents) == ("1", before.raw_output_contents)


async def test_a_version_that_changed_on_disk_is_swapped_in(tmp_path: Path):
    folder = copy_bundle(tmp_path, SERIES)
    async with serving(models=tmp_path) as (server, target):
        first = server.catalog.version(SERIES, 1)
        await load(target)
        assert server.catalog.version(SERIES, 1) is first, "nothing has changed"
        edit_manifest(folder, lambda said: said.update(description="the same, told in other words"))
        await load(target)
        assert server.catalog.version(SERIES, 1) is not first
        await gone(target, f"{SERIES}/1", "READY")


async def test_what_is_not_there_is_neither_loaded_nor_unloaded(tmp_path: Path):
    folder = copy_bundle(tmp_path, SERIES)
    async with serving(models=tmp_path) as (_, target):
        for act in (load, unload):
            assert (await refused(act(target, "nowhere")))[0] == "NOT_FOUND"
            assert (await refused(act(target, "")))[0] == "INVALID_ARGUMENT"
        shutil.rmtree(folder.parent)
        assert (await refused(load(target)))[0] == "NOT_FOUND"
        request = oip.RepositoryModelLoadRequest(model_name=SERIES)
        request.parameters["config"].string_param = "{}"
        assert (await refused(call(target, "RepositoryModelLoad", request)))[0] == "UNIMPLEMENTED"
