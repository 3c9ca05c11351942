"""An encoder and its decoder come out as two graphs that compute what torch does, bit for bit alone and in a batch."""

import shutil

import onnx
import pytest
import torch
from torch import nn

from service.bundle import Provenance, Topology, load_bundle
from service.errors import BundleError, Reason
from service.model import load_model
from tests.repositories import replace_file
from tests.seq2seq_networks import TinySeq2seq
from training.export import BundleDescription, Exportable
from training.graph.seq2seq import trace_seq2seq
from training.verify import verify

SOURCES, TARGETS = torch.arange(26).reshape(2, 13) % 13, torch.arange(22).reshape(2, 11) % 11


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(5)
    return TinySeq2seq("gru")


@pytest.fixture(scope="module")
def bundle(network, tmp_path_factory):
    said = BundleDescription(
        name="small",
        task="translation",
        topology=Topology.MANY_TO_MANY,
        provenance=Provenance(seed=5, training_seconds=0, revision="untrained"),
    )
    return Exportable(network, said, SOURCES, target_sample=TARGETS).write(tmp_path_factory.mktemp("models"))


def test_the_manifest_names_the_context_and_the_encoder_that_gives_it(bundle):
    manifest = bundle.manifest
    assert manifest.context is not None
    assert manifest.encoder is not None
    assert (manifest.context.width, manifest.encoder.source.vocabulary, manifest.inputs[0].vocabulary) == (16, 13, 11)
    assert manifest.cell.value == "gru"
    assert [tensor.shape for tensor in manifest.outputs] == [("batch", "time", 11), ("batch", "time", "memory")]


def test_both_graphs_compute_what_torch_does_and_no_row_knows_its_neighbours(bundle, network):
    report = verify(bundle, network)
    assert report.passed, report
    assert [check.fact for check in report.checks] == ["golden vectors", "alone = among strangers", "parity with torch"]


def test_an_encoder_that_computes_something_else_is_refused_at_load(bundle, tmp_path):
    folder = tmp_path / "small" / "1"
    shutil.copytree(bundle.folder, folder)
    model = onnx.load(folder / "encoder.onnx")
    table = next(each for each in model.graph.initializer if list(each.dims) == [13, 8])
    table.raw_data = bytes(len(table.raw_data))
    replace_file(folder, "encoder.onnx", model.SerializeToString())
    with pytest.raises(BundleError) as refused:
        load_model(load_bundle(folder))
    assert refused.value.reason is Reason.BUNDLE_GOLDEN_MISMATCH


class Headless(nn.Module):
    """A decoder that forgets to tell its attention."""

    def forward(self, tokens, lengths, state, memory, memory_lengths):
        return {"logits": torch.zeros(*tokens.shape, 3)}, state


def test_a_decoder_that_breaks_the_protocol_is_refused_before_it_is_traced(network):
    broken = nn.Module()
    broken.encoder, broken.decoder = network.encoder, Headless()
    with pytest.raises(ValueError, match="attention"):
        trace_seq2seq(broken, SOURCES)
