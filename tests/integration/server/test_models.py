"""The model service: what is served and what was refused, page by page; and a damaged repository that serves on."""

from pathlib import Path

import pytest

from hiddenstate.v1 import model_pb2, tensor_pb2
from service.server import Running
from tests.calls import Target, serving
from tests.neighbours import tokens
from tests.repositories import (
    GENERATOR,
    MODELS,
    PLAIN,
    SENTIMENT,
    SERIES,
    TAGGER,
    copy_bundle,
    edit_manifest,
    replace_file,
    shift_golden,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def listed(target: Target, **request: object) -> list[model_pb2.Model]:
    found = await target.call("ListModels", [request])
    assert found.code == "OK", found
    return list(found.answers[0].models)


async def test_every_model_is_listed_by_name_with_what_its_bundle_says(target: Target):
    models = {model.name: model for model in await listed(target)}
    assert list(models) == sorted(MODELS)
    for model in models.values():
        assert (model.version, model.is_default, model.state) == (1, True, model_pb2.MODEL_STATE_READY)
        assert (model.device, model.active_variant) == ("cpu", "fp32")
        assert len(model.digest) == 64
        assert not model.HasField("problem")
        assert "hiddenstate.v1.InferenceService" in model.services
        assert [variant.name for variant in model.variants if variant.is_shipped] == ["fp32"]
        assert model.batch_independence.result == model_pb2.BATCH_INDEPENDENCE_RESULT_BITWISE


async def test_a_model_is_described_as_a_client_sees_it(target: Target):
    models = {model.name: model for model in await listed(target)}
    sentiment, series, tagger = models[SENTIMENT], models[SERIES], models[TAGGER]
    assert sentiment.task == model_pb2.TASK_SENTIMENT
    assert sentiment.topology == model_pb2.TOPOLOGY_MANY_TO_ONE
    assert sentiment.cell == model_pb2.CELL_GRU
    assert list(sentiment.class_labels) == ["negative", "positive"]
    assert list(sentiment.services) == ["hiddenstate.v1.InferenceService", "hiddenstate.v1.SentimentService"]
    assert list(models[GENERATOR].services)[-1] == "hiddenstate.v1.TextGenerationService"
    assert list(models[PLAIN].services) == ["hiddenstate.v1.InferenceService"], "without a frontend: tensors alone"
    (given,), (gotten,), (carried,) = series.inputs, series.outputs, series.state_tensors
    assert (given.name, given.data_type, list(given.shape)) == ("inputs", tensor_pb2.DATA_TYPE_FLOAT32, [-1, 3])
    assert (gotten.name, list(gotten.shape)) == ("following", [-1, 2])
    assert (carried.name, list(carried.shape), series.state_byte_count) == ("state_0", [8], 32)
    assert tagger.whole_sequence
    assert tagger.limits.max_sequence_step_count == 64
    assert not tagger.state_tensors


async def test_pages_together_are_the_whole_list(target: Target):
    names, token, pages = [], "", 0
    while True:
        found = await target.call("ListModels", [{"pageSize": 2, "pageToken": token}])
        names += [model.name for model in found.answers[0].models]
        token, pages = found.answers[0].next_page_token, pages + 1
        if not token:
            break
    assert (names, pages) == (sorted(MODELS), -(-len(MODELS) // 2))


async def test_a_list_can_be_narrowed_by_task_and_by_state(target: Target):
    assert [model.name for model in await listed(target, task="TASK_SENTIMENT")] == [SENTIMENT]
    assert await listed(target, task="TASK_OTHER") == []
    assert await listed(target, state="MODEL_STATE_REFUSED") == []


def damage(root: Path) -> dict[str, str]:
    """A repository of one good model and one for each kind of damage; the reasons by name."""
    copy_bundle(root, PLAIN)
    copy_bundle(root, PLAIN, as_name="misses-a-file").joinpath("golden.npz").unlink()
    with copy_bundle(root, PLAIN, as_name="was-changed").joinpath("model.onnx").open("ab") as stream:
        stream.write(b" ")
    replace_file(copy_bundle(root, PLAIN, as_name="is-no-graph"), "model.onnx", b"no graph")
    shift_golden(copy_bundle(root, PLAIN, as_name="computes-something-else"))
    edit_manifest(copy_bundle(root, PLAIN, as_name="knows-more"), lambda said: said.update(surprise=1))
    outside = {"../elsewhere": "0" * 64}
    edit_manifest(copy_bundle(root, PLAIN, as_name="points-outside"), lambda said: said["files"].update(outside))
    copy_bundle(root, PLAIN, as_name="was-moved").parent.rename(root / "is-elsewhere")
    replace_file(copy_bundle(root, SENTIMENT, as_name="has-no-tokenizer"), "tokenizer.json", b"{}")
    return {
        "misses-a-file": "BUNDLE_MISSING_FILE",
        "was-changed": "BUNDLE_DIGEST_MISMATCH",
        "is-no-graph": "BUNDLE_DAMAGED",
        "computes-something-else": "BUNDLE_GOLDEN_MISMATCH",
        "knows-more": "BUNDLE_MANIFEST_INVALID",
        "points-outside": "BUNDLE_PATH_OUTSIDE",
        "is-elsewhere": "BUNDLE_MANIFEST_INVALID",
        "has-no-tokenizer": "BUNDLE_DAMAGED",
    }


async def test_refused_bundles_are_listed_with_their_reason_and_the_rest_serves(tmp_path):
    reasons = damage(tmp_path)
    async with serving(models=tmp_path) as (_, target):
        refused = await listed(target, state="MODEL_STATE_REFUSED")
        assert {model.name: model.problem.reason for model in refused} == reasons
        assert all(model.problem.message for model in refused)
        assert not any(model.is_default for model in refused)
        assert [model.name for model in await listed(target, state="MODEL_STATE_READY")] == [PLAIN]
        assert (await target.call("Infer", [{"config": {"session": {"model": PLAIN}}}, tokens(1, 2)])).numbers == [1]
        for name in reasons:
            found = await target.call("Infer", [{"config": {"session": {"model": name}}}, tokens(1)])
            assert (found.code, found.reason) == ("FAILED_PRECONDITION", "MODEL_NOT_READY")
            assert name in found.message


async def test_sessions_get_the_newest_version_that_serves_unless_they_name_one(tmp_path):
    """Version 3 is damaged: new sessions get version 2, and so does GetModel."""
    copy_bundle(tmp_path, PLAIN)
    copy_bundle(tmp_path, PLAIN, as_version=2)
    copy_bundle(tmp_path, PLAIN, as_version=3).joinpath("golden.npz").unlink()
    async with serving(models=tmp_path) as (_, target):
        assert [(model.version, model.is_default) for model in await listed(target)] == [
            (1, False),
            (2, True),
            (3, False),
        ]
        for wanted, gotten in ((0, 2), (1, 1), (2, 2)):
            session = {"model": PLAIN} | ({"version": wanted} if wanted else {})
            found = await target.call("Infer", [{"config": {"session": session}}, tokens(1)])
            assert found.answers[0].opened.version == gotten
            got = await target.call("GetModel", [{"name": PLAIN, "version": wanted}])
            assert got.answers[0].model.version == gotten
        third = await target.call("Infer", [{"config": {"session": {"model": PLAIN, "version": 3}}}])
        assert third.reason == "MODEL_NOT_READY"
        got = await target.call("GetModel", [{"name": PLAIN, "version": 3}])
        assert got.answers[0].model.problem.reason == "BUNDLE_MISSING_FILE"


async def test_two_models_of_a_task_have_to_be_named(tmp_path):
    for name in ("one", "other"):
        copy_bundle(tmp_path, GENERATOR, as_name=name)
    async with serving(models=tmp_path) as (_, target):
        found = await target.call("GenerateText", [{"config": {}}])
        assert (found.reason, found.field) == ("MODEL_NAME_MISSING", "config.session.model")
        assert "one, other" in found.message


async def test_every_answer_to_opening_says_which_model_serves(target: Target, server: Running):
    found = await target.call("AnalyzeSentiment", [{"config": {}}, {"end": {}}])
    opened = found.answers[0].opened
    assert (opened.model, opened.version, opened.variant) == (SENTIMENT, 1, "fp32")
    assert (opened.next_sequence_number, opened.next_answer_number) == (1, 1)
    assert len(opened.session_id) == 32
