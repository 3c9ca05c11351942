"""Writing bundles: what is written loads, says the truth, and replaces what was there as a whole."""

import json

import numpy as np
import pytest
import torch

from service.bundle import FrontendSpec, HeadSpec, Provenance, QualityFigure, Topology, load_bundle, read_golden
from service.errors import BundleError
from service.model import load_model
from tests.bundles import TINY_LSTM, tiny_bundle
from tests.unit.training.exports import exported
from training import quantize, variants
from training.export import BundleDescription, Exportable, write_bundle
from training.networks import RecurrentNetwork
from training.quantize import QualityBound
from training.verify import verify

SAMPLE = torch.arange(40).reshape(4, 10) % 10
FIGURE = QualityFigure(metric="bits", value=1.5, higher_is_better=False, split="test", command="measure it")


def network() -> RecurrentNetwork:
    return exported("gru").network


def description(**changes) -> BundleDescription:
    said = {
        "name": "small",
        "task": "text_generation",
        "topology": Topology.ONE_TO_MANY,
        "provenance": Provenance(seed=2, training_seconds=3, revision="abc"),
        "version": 4,
        "frontend": FrontendSpec(kind="text", files=("tokenizer.json",)),
        "frontend_files": {"tokenizer.json": b"{}"},
        "heads": (HeadSpec(name="logits", kind="categorical"),),
        "quality": (FIGURE,),
    }
    return BundleDescription(**(said | changes))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """A bundle with an int8 variant that was let in for nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quantize, "SPEEDUP_BOUND", 1e-6)
        bound = QualityBound("bits", False, 0.5, lambda model: 1.0)
        return Exportable(network(), description(), SAMPLE, bound).write(tmp_path_factory.mktemp("models"))


def test_a_bundle_stands_in_the_folder_of_its_name_and_version(bundle):
    assert bundle.folder.parts[-2:] == ("small", "4")
    assert sorted(path.name for path in bundle.folder.iterdir()) == sorted([*bundle.manifest.files, "manifest.json"])
    assert not [path for path in bundle.folder.parent.iterdir() if path.name != "4"]


def test_the_manifest_says_what_was_said_and_what_was_found(bundle):
    manifest = bundle.manifest
    assert (manifest.name, manifest.version, manifest.cell.value) == ("small", 4, "gru")
    assert manifest.quality == (FIGURE,)
    assert [pair.next_name for pair in manifest.state] == ["next_state_0"]
    assert not manifest.whole_sequence


@pytest.mark.parametrize("variant", ["fp32", "int8"])
def test_every_variant_loads_and_keeps_the_laws(bundle, variant):
    probe = load_model(bundle, variant).probe
    assert probe is not None
    assert probe.batch_independent
    assert probe.cut_independent


def test_both_variants_pass_verification(bundle):
    report = verify(bundle, network())
    assert report.passed, report
    assert [check.variant for check in report.checks] == ["fp32"] * 4 + ["int8"] * 3 + ["explain"]


def test_int8_has_golden_vectors_and_gate_figures_of_its_own(bundle):
    fp32, int8 = bundle.manifest.variants["fp32"], bundle.manifest.variants["int8"]
    assert fp32.golden != int8.golden
    assert fp32.gate is None
    assert int8.gate is not None
    assert int8.gate.quality_loss == 0.0
    assert bundle.manifest.withheld == {}


def test_golden_vectors_hold_none_of_the_sample(bundle):
    golden = read_golden(bundle.path("golden.npz"))
    sample = SAMPLE.numpy()
    assert all(
        not (chunk.inputs["inputs"][:, :4] == sample[:3, : chunk.inputs["inputs"].shape[1]]).all() for chunk in golden
    )
    assert all(np.isin(chunk.inputs["inputs"], sample).all() for chunk in golden)


def test_without_a_measure_of_quality_int8_is_withheld_with_the_reason(tmp_path):
    bundle = write_bundle(tmp_path / "b", network(), description(), sample=SAMPLE)
    assert set(bundle.manifest.variants) == {"fp32"}
    assert "quality" in bundle.manifest.withheld["int8"]
    assert bundle.manifest.withheld["int8"] in bundle.path("MODEL_CARD.md").read_text()


def test_an_int8_variant_that_loses_too_much_leaves_no_file(tmp_path):
    values = iter([1.0, 9.0] * 2)
    bound = QualityBound("bits", False, 0.5, lambda model: next(values))
    bundle = write_bundle(tmp_path / "b", network(), description(), sample=SAMPLE, int8_bound=bound)
    assert "int8 heads: it loses 8" in bundle.manifest.withheld["int8"]
    assert "float heads: it loses 8" in bundle.manifest.withheld["int8"]
    assert not list(bundle.folder.glob("*int8*"))


def test_an_export_replaces_a_bundle_as_a_whole_and_a_failed_one_leaves_it(tmp_path, monkeypatch):
    folder = tiny_bundle(tmp_path / "1")
    (folder / "stale.txt").write_text("old")
    monkeypatch.setattr(variants, "LOOSEST", 1e-12)
    with pytest.raises(BundleError):
        write_bundle(folder, network(), description(), sample=SAMPLE)
    assert load_bundle(folder).manifest.name == "tiny-lstm"
    monkeypatch.undo()
    write_bundle(folder, network(), description(), sample=SAMPLE)
    assert load_bundle(folder).manifest.name == "small"
    assert not (folder / "stale.txt").exists()
    assert list(tmp_path.iterdir()) == [folder]


def test_a_bidirectional_bundle_declares_whole_sequences(tmp_path):
    bundle = load_bundle(tiny_bundle(tmp_path, "lstm", 2, bidirectional=True))
    assert bundle.manifest.whole_sequence
    assert bundle.manifest.state == ()
    assert load_model(bundle).run({"inputs": np.ones((1, 3), np.int64)}, np.array([3], np.int32), {})[1] == {}


def test_the_committed_tiny_bundle_is_what_the_exporter_writes_today(tmp_path):
    fresh, kept = tiny_bundle(tmp_path), TINY_LSTM
    said = [json.loads((folder / "manifest.json").read_text()) for folder in (fresh, kept)]
    for manifest in said:
        manifest["files"] = sorted(manifest["files"])  # weights may differ in the last bit on another CPU
    assert said[0] == said[1]
