"""The repository: each version loaded or refused with its reason, and none keeps the others from serving."""

import json
from pathlib import Path

import pytest

from service.errors import Reason, ServiceError
from service.repository import Loaded, Loading, Refused, load_repository, load_version, version_folders
from tests.repositories import (
    MODELS,
    PLAIN,
    REPOSITORY,
    SENTIMENT,
    copy_bundle,
    edit_manifest,
    replace_file,
    shift_golden,
)

FAST = Loading(max_batch_rows=2)


def refusal(folder: Path) -> ServiceError:
    result = load_version(folder, FAST)
    assert isinstance(result, Refused)
    assert (result.name, result.version) == (folder.parent.name, folder.name)
    assert result.error.message
    return result.error


def test_the_tiny_repository_loads_whole():
    results = load_repository(REPOSITORY, FAST)
    assert [result.bundle.manifest.name for result in results if isinstance(result, Loaded)] == sorted(MODELS)
    assert all(isinstance(result, Loaded) and result.variant == "fp32" for result in results)


def test_versions_come_by_name_and_number_and_what_is_no_version_is_left_out(tmp_path):
    wanted = ["b/2", "b/10", "c/1"]
    for name in [*wanted, "b/0", "b/01", "b/v3", "b/²", "b/9999999999", "b/notes", ".hidden/1"]:
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "README").write_text("no folder")
    assert [path.relative_to(tmp_path).as_posix() for path in version_folders(tmp_path)] == wanted


def test_a_missing_file_is_refused(tmp_path):
    folder = copy_bundle(tmp_path, PLAIN)
    (folder / "model.onnx").unlink()
    error = refusal(folder)
    assert error.reason == Reason.BUNDLE_MISSING_FILE
    assert "model.onnx" in error.message


def test_a_missing_manifest_is_refused(tmp_path):
    (tmp_path / "empty" / "1").mkdir(parents=True)
    assert refusal(tmp_path / "empty" / "1").reason == Reason.BUNDLE_MISSING_FILE


def test_a_changed_file_is_refused(tmp_path):
    folder = copy_bundle(tmp_path, PLAIN)
    content = bytearray((folder / "model.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "model.onnx").write_bytes(content)
    error = refusal(folder)
    assert error.reason == Reason.BUNDLE_DIGEST_MISMATCH
    assert "model.onnx" in error.message


def test_a_graph_that_is_none_is_refused_although_its_digest_is_right(tmp_path):
    folder = copy_bundle(tmp_path, PLAIN)
    replace_file(folder, "model.onnx", b"no graph")
    assert refusal(folder).reason == Reason.BUNDLE_DAMAGED


@pytest.mark.parametrize("path", ["../elsewhere.bin", "/etc/hostname", "a/../../b", "C:\\b"])
def test_a_path_outside_the_folder_is_refused(tmp_path, path: str):
    folder = copy_bundle(tmp_path, PLAIN)
    edit_manifest(folder, lambda said: said["files"].update({path: "0" * 64}))
    assert refusal(folder).reason == Reason.BUNDLE_PATH_OUTSIDE


def test_a_link_out_of_the_folder_is_refused(tmp_path):
    folder = copy_bundle(tmp_path, PLAIN)
    outside = tmp_path / "outside.onnx"
    (folder / "model.onnx").rename(outside)
    (folder / "model.onnx").symlink_to(outside)
    assert refusal(folder).reason == Reason.BUNDLE_PATH_OUTSIDE


def test_golden_vectors_that_the_graph_does_not_reproduce_are_refused(tmp_path):
    folder = copy_bundle(tmp_path, PLAIN)
    shift_golden(folder)
    error = refusal(folder)
    assert error.reason == Reason.BUNDLE_GOLDEN_MISMATCH
    assert "off by" in error.message


@pytest.mark.parametrize(("name", "version"), [("other", 1), (PLAIN, 2)])
def test_a_bundle_in_a_folder_of_another_name_or_version_is_refused(tmp_path, name: str, version: int):
    folder = copy_bundle(tmp_path, PLAIN).rename(tmp_path / "moved")
    (tmp_path / name).mkdir(exist_ok=True)
    moved = folder.rename(tmp_path / name / str(version))
    error = refusal(moved)
    assert error.reason == Reason.BUNDLE_MANIFEST_INVALID
    assert f"{PLAIN}/1" in error.message


@pytest.mark.parametrize(
    "change",
    [
        {"surprise": 1},
        {"format_version": 2},
        {"version": 0},
        {"topology": "some-to-some"},
        {"inputs": []},
        {"name": "Capital"},
    ],
)
def test_a_manifest_that_breaks_the_contract_is_refused(tmp_path, change: dict[str, object]):
    folder = copy_bundle(tmp_path, PLAIN)
    edit_manifest(folder, lambda said: said.update(change))
    error = refusal(folder)
    assert error.reason == Reason.BUNDLE_MANIFEST_INVALID
    assert next(iter(change)) in error.message


def test_a_manifest_that_is_no_json_is_refused(tmp_path):
    folder = copy_bundle(tmp_path, PLAIN)
    (folder / "manifest.json").write_text("{")
    assert refusal(folder).reason == Reason.BUNDLE_MANIFEST_INVALID


def test_a_manifest_that_names_other_tensors_than_the_graph_is_refused(tmp_path):
    folder = copy_bundle(tmp_path, PLAIN)
    text = json.dumps(json.loads((folder / "manifest.json").read_text())).replace("next_state_1", "state_after")
    (folder / "manifest.json").write_text(text)
    assert refusal(folder).reason == Reason.BUNDLE_MANIFEST_INVALID


def test_one_refused_version_does_not_keep_the_others_from_serving(tmp_path):
    copy_bundle(tmp_path, PLAIN)
    copy_bundle(tmp_path, PLAIN, as_version=2).joinpath("model.onnx").unlink()
    copy_bundle(tmp_path, SENTIMENT)
    kinds = [type(result) for result in load_repository(tmp_path, FAST)]
    assert kinds == [Loaded, Refused, Loaded]


def test_a_precision_that_a_bundle_does_not_have_is_refused_and_auto_takes_what_there_is():
    result = load_version(REPOSITORY / PLAIN / "1", Loading(precision="int8", max_batch_rows=1))
    assert isinstance(result, Refused)
    assert result.error.reason == Reason.BUNDLE_UNSUPPORTED
    result = load_version(REPOSITORY / PLAIN / "1", Loading(precision="auto", max_batch_rows=1))
    assert isinstance(result, Loaded)
    assert result.variant == "fp32"


@pytest.mark.parametrize(
    ("device", "reason"), [("tpu", Reason.SETTING_INVALID), ("cuda:0", Reason.DEVICE_NOT_AVAILABLE)]
)
def test_a_device_that_is_not_there_is_a_wrong_setting_and_no_fault_of_the_bundles(device: str, reason: Reason):
    if device.startswith("cuda"):
        onnxruntime = pytest.importorskip("onnxruntime")
        if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
            pytest.skip("this machine has CUDA")
    with pytest.raises(ServiceError) as caught:
        load_repository(REPOSITORY, Loading(device=device))
    assert caught.value.reason == reason


def test_a_repository_that_is_missing_or_empty_says_what_to_give(tmp_path):
    for root in (tmp_path / "missing", tmp_path):
        with pytest.raises(ServiceError) as caught:
            load_repository(root, FAST)
        assert caught.value.reason == Reason.SETTING_INVALID
        assert str(root) in caught.value.message
        assert "--models" in caught.value.message
