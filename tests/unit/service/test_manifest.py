"""The manifest: what it accepts, what it refuses, and its published schema."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from service.bundle import Manifest, Signature, StateSpec, TensorSpec, manifest_schema
from tests.bundles import TINY_LSTM

SCHEMA = Path(__file__).parents[3] / "docs" / "manifest.schema.json"


@pytest.fixture
def said() -> dict[str, Any]:
    return json.loads((TINY_LSTM / "manifest.json").read_text())


def test_the_published_schema_is_up_to_date():
    expected = json.dumps(manifest_schema(), indent=2) + "\n"
    assert SCHEMA.read_text() == expected, (
        'write it again: python -c "import json, service.bundle as b; print(json.dumps(b.manifest_schema(), indent=2))"'
        " > docs/manifest.schema.json"
    )


def test_a_manifest_survives_a_round_trip(said):
    manifest = Manifest.model_validate(said)
    assert Manifest.model_validate_json(manifest.model_dump_json()) == manifest


def test_a_manifest_cannot_be_changed(said):
    with pytest.raises(ValidationError):
        Manifest.model_validate(said).name = "other"  # type: ignore[misc]


@pytest.mark.parametrize("path", [(), ("limits",), ("provenance",), ("variants", "fp32"), ("inputs", 0)])
def test_unknown_keys_are_refused_at_every_depth(said, path):
    place = said
    for key in path:
        place = place[key]
    place["surprise"] = 1
    with pytest.raises(ValidationError, match="surprise"):
        Manifest.model_validate(said)


@pytest.mark.parametrize(
    "path", ["../x", "a/../x", "/etc/passwd", "a//b", "./x", "a\\b", "c:x", "", "a/", "..", "a\0b"]
)
def test_paths_that_leave_the_folder_are_refused(said, path):
    said["files"][path] = "0" * 64
    with pytest.raises(ValidationError, match="stay inside the bundle"):
        Manifest.model_validate(said)


@given(st.text(max_size=20))
def test_an_accepted_path_stays_below_any_folder(path):
    said = json.loads((TINY_LSTM / "manifest.json").read_text())
    said["files"][path] = "0" * 64
    try:
        Manifest.model_validate(said)
    except ValidationError:
        return
    folder = Path("/models/a/1")
    assert folder in (folder / path).parents
    assert ".." not in (folder / path).parts


CHANGES = {
    "a file without a digest": lambda said: said["files"].pop("model.onnx"),
    "no fp32 variant": lambda said: said["variants"].pop("fp32"),
    "a later format": lambda said: said.update(format_version=2),
    "version zero": lambda said: said.update(version=0),
    "a name with a slash": lambda said: said.update(name="a/b"),
    "a head without an output": lambda said: said["heads"][0].update(name="other"),
    "two tensors of one name": lambda said: said["inputs"][0].update(name="lengths"),
    "state in a whole-sequence bundle": lambda said: said.update(whole_sequence=True),
    "an input without a time axis": lambda said: said["inputs"][0].update(shape=["batch", 4]),
    "a state with a time axis": lambda said: said["state"][0].update(shape=["batch", "time"]),
    "a digest that is none": lambda said: said["files"].update({"model.onnx": "xyz"}),
    "a tolerance of zero": lambda said: said["variants"]["fp32"].update(tolerance=0),
    "a digest of the manifest itself": lambda said: said["files"].update({"manifest.json": "0" * 64}),
    "an heir of itself": lambda said: said.update(takes_over=[1]),
    "an heir of version zero": lambda said: said.update(version=2, takes_over=[0]),
    "NaN as a figure": lambda said: said["provenance"].update(training_seconds=float("nan")),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_contradictions_are_refused(said, change):
    Manifest.model_validate(said)
    change(said)
    with pytest.raises(ValidationError):
        Manifest.model_validate(said)


def test_the_signature_names_tensors_in_graph_order():
    signature = Signature(
        inputs=(TensorSpec(name="inputs", dtype="float32", shape=("batch", "time", 3)),),
        outputs=(TensorSpec(name="outputs", dtype="float32", shape=("batch", "time", 2)),),
        state=(StateSpec(name="state_0", next_name="next_state_0", shape=("batch", 4), initial_value=0.5),),
    )
    assert signature.graph_inputs() == ("inputs", "lengths", "state_0")
    assert signature.graph_outputs() == ("outputs", "next_state_0")
    assert signature.inputs[0].step_shape == (3,)
    assert signature.state_bytes() == 16
    assert signature.initial_state(2)["state_0"].tolist() == [[0.5] * 4] * 2
