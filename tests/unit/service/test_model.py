"""A loaded model: runs chunks, carries state, and refuses to load what it cannot vouch for."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from service.bundle import load_bundle, read_golden, sha256_of, write_golden
from service.errors import BundleError, Reason
from service.model import Model, load_model, replay
from tests.bundles import TINY_LSTM


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model(load_bundle(TINY_LSTM))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return shutil.copytree(TINY_LSTM, tmp_path / "1")


def sign(folder: Path) -> None:
    """Give the files of a changed bundle their right digests."""
    path = folder / "manifest.json"
    said = json.loads(path.read_text())
    said["files"] = {name: sha256_of(folder / name) for name in said["files"]}
    path.write_text(json.dumps(said))


def refusal(folder: Path) -> Reason:
    with pytest.raises(BundleError) as caught:
        load_model(load_bundle(folder))
    return caught.value.reason


def test_the_next_state_feeds_the_next_run(model):
    tokens = np.array([[1, 2, 3, 4]])
    whole, last = model.run({"inputs": tokens}, np.array([4], np.int32), model.initial_state(1))
    state = model.initial_state(1)
    for step in range(4):
        piece, state = model.run({"inputs": tokens[:, step : step + 1]}, np.array([1], np.int32), state)
        assert piece["logits"][0, 0].tobytes() == whole["logits"][0, step].tobytes()
    assert all(state[name].tobytes() == last[name].tobytes() for name in last)
    assert set(last) == {"state_0", "state_1"}


def test_padding_does_not_advance_a_row(model):
    state = model.initial_state(2)
    inputs = np.array([[1, 2, 3], [4, 7, 7]])
    _, ragged = model.run({"inputs": inputs}, np.array([3, 1], np.int32), state)
    _, alone = model.run({"inputs": inputs[1:, :1]}, np.array([1], np.int32), model.initial_state(1))
    assert all(ragged[name][1].tobytes() == alone[name][0].tobytes() for name in alone)


def test_the_inputs_of_a_run_are_left_as_they_were(model):
    state = model.initial_state(3)
    model.run({"inputs": np.ones((3, 5), np.int64)}, np.full(3, 5, np.int32), state)
    assert all(not array.any() for array in state.values())


def test_a_model_is_probed_at_load_and_says_where_it_runs(model):
    assert model.probe is not None
    assert model.probe.batch_independent
    assert model.probe.cut_independent
    assert str(model.device) == "cpu"
    assert model.device.fallback is None


def test_warming_up_runs_every_batch_size(model):
    model.warm_up([1, 2, 5], steps=3)


def test_a_closed_model_does_not_run():
    model = load_model(load_bundle(TINY_LSTM))
    model.close()
    with pytest.raises(RuntimeError, match="closed"):
        model.run({}, np.ones(1, np.int32), {})


def test_golden_vectors_that_differ_are_refused(folder):
    chunks = read_golden(folder / "golden.npz")
    chunks[1].outputs["logits"][0, 0, 0] += 1e-3
    write_golden(folder / "golden.npz", chunks)
    sign(folder)
    assert refusal(folder) is Reason.BUNDLE_GOLDEN_MISMATCH


def test_a_golden_state_that_differs_is_refused(folder):
    chunks = read_golden(folder / "golden.npz")
    chunks[2].next_state["state_1"][0, 0] += 1e-3
    write_golden(folder / "golden.npz", chunks)
    sign(folder)
    assert refusal(folder) is Reason.BUNDLE_GOLDEN_MISMATCH


def test_golden_vectors_that_do_not_run_are_refused(folder):
    chunks = read_golden(folder / "golden.npz")
    chunks[0].inputs["inputs"][0, 0] = 10_000
    write_golden(folder / "golden.npz", chunks)
    sign(folder)
    assert refusal(folder) is Reason.BUNDLE_GOLDEN_MISMATCH


def test_a_file_that_is_no_graph_is_refused(folder):
    (folder / "model.onnx").write_bytes(b"no graph")
    sign(folder)
    assert refusal(folder) is Reason.BUNDLE_DAMAGED


def test_a_manifest_that_names_other_tensors_is_refused(folder):
    path = folder / "manifest.json"
    said = json.loads(path.read_text())
    said["state"][0]["next_name"] = "something_else"
    path.write_text(json.dumps(said))
    assert refusal(folder) is Reason.BUNDLE_MANIFEST_INVALID


def test_a_variant_that_is_not_there_is_refused():
    with pytest.raises(BundleError) as caught:
        load_model(load_bundle(TINY_LSTM), "int8")
    assert caught.value.reason is Reason.BUNDLE_UNSUPPORTED
    assert "fp32" in caught.value.message


def test_a_replay_says_how_far_it_was_off(model):
    golden = read_golden(TINY_LSTM / "golden.npz")
    assert 0 <= replay(model, golden, 1e-5) <= 1e-5
    with pytest.raises(BundleError, match="tolerance"):
        replay(model, golden, -1.0)


def test_loading_a_model_needs_neither_torch_nor_onnx_and_writes_nothing(tmp_path):
    code = (
        "import sys\n"
        "from service.bundle import load_bundle\n"
        "from service.model import load_model\n"
        f"load_model(load_bundle({str(TINY_LSTM)!r}))\n"
        "print(sorted({'torch', 'onnx', 'onnx_ir', 'onnxscript'} & set(sys.modules)))\n"
    )
    home = tmp_path / "home"
    home.mkdir()
    environment = {"HOME": str(home), "TMPDIR": str(home), "XDG_CACHE_HOME": str(home), "PATH": ""}
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, env=environment, capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr
    assert list(home.iterdir()) == []
