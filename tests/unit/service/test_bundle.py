"""Loading a bundle: whatever is wrong with its folder is refused with a stable reason."""

import json
import shutil
from pathlib import Path

import pytest

from service.bundle import load_bundle
from service.errors import BundleError, Reason
from tests.bundles import TINY_LSTM


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return shutil.copytree(TINY_LSTM, tmp_path / "1")


def refusal(folder: Path) -> Reason:
    with pytest.raises(BundleError) as caught:
        load_bundle(folder)
    return caught.value.reason


def edit(folder: Path, **changes) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_sound_bundle_loads_and_finds_its_files(folder):
    bundle = load_bundle(folder)
    assert bundle.manifest.name == "tiny-lstm"
    assert bundle.path("model.onnx") == folder / "model.onnx"
    assert bundle.digest == load_bundle(TINY_LSTM).digest


def test_a_folder_without_a_manifest_is_refused(tmp_path):
    assert refusal(tmp_path) is Reason.BUNDLE_MISSING_FILE


def test_a_missing_file_is_refused(folder):
    (folder / "golden.npz").unlink()
    assert refusal(folder) is Reason.BUNDLE_MISSING_FILE


def test_one_changed_bit_is_refused(folder):
    content = bytearray((folder / "model.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "model.onnx").write_bytes(content)
    assert refusal(folder) is Reason.BUNDLE_DIGEST_MISMATCH


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"name": "a"}', "\x00\xff"])
def test_a_manifest_that_is_none_is_refused(folder, text):
    (folder / "manifest.json").write_text(text)
    assert refusal(folder) is Reason.BUNDLE_MANIFEST_INVALID


def test_a_huge_manifest_is_refused_unread(folder):
    (folder / "manifest.json").write_text(" " * (5 << 20))
    assert refusal(folder) is Reason.BUNDLE_MANIFEST_INVALID


def test_a_path_outside_the_folder_is_refused(folder):
    files = json.loads((folder / "manifest.json").read_text())["files"]
    edit(folder, files=files | {"../secret": "0" * 64})
    assert refusal(folder) is Reason.BUNDLE_PATH_OUTSIDE


@pytest.mark.parametrize("name", ["manifest.json", "model.onnx"])
def test_a_symbolic_link_is_refused_even_to_equal_bytes(folder, name, tmp_path):
    shutil.move(folder / name, tmp_path / name)
    (folder / name).symlink_to(tmp_path / name)
    assert refusal(folder) is Reason.BUNDLE_PATH_OUTSIDE


def test_a_linked_folder_inside_the_bundle_is_refused(folder, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "vocabulary.txt").write_text("a")
    (folder / "frontend").symlink_to(tmp_path / "elsewhere")
    files = json.loads((folder / "manifest.json").read_text())["files"]
    edit(folder, files=files | {"frontend/vocabulary.txt": "0" * 64})
    assert refusal(folder) is Reason.BUNDLE_PATH_OUTSIDE


def test_only_listed_files_have_a_path(folder):
    (folder / "extra.txt").write_text("not listed")
    with pytest.raises(BundleError) as caught:
        load_bundle(folder).path("extra.txt")
    assert caught.value.reason is Reason.BUNDLE_PATH_OUTSIDE


def test_the_message_names_the_file_and_the_fault(folder):
    edit(folder, surprise=1)
    with pytest.raises(BundleError, match=r"manifest\.json: surprise"):
        load_bundle(folder)
