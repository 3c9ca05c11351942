"""A network whose own float32 is coarse is exported with the tolerance that it can keep, and no other one is."""

import pytest
import torch

from service.bundle import Provenance, Topology
from service.errors import BundleError
from training import variants
from training.export import BundleDescription, Exportable
from training.rounding import LOOSEST, bearable
from training.stream_network import StreamNetwork, StreamSpec
from training.variants import FP32_TOLERANCE
from training.verify import verify

SPEC = StreamSpec("lstm", features=200, classes=3, hidden=8, windows=(1, 3), widths=(16, 8), normalized=True)
DESCRIPTION = BundleDescription(
    name="coarse",
    task="tagging",
    topology=Topology.MANY_TO_MANY,
    provenance=Provenance(seed=2, training_seconds=3, revision="abc"),
)


def sample(level: float) -> torch.Tensor:
    """Features that differ little, beside what they all have."""
    torch.manual_seed(3)
    return level + torch.randn(4, 30, SPEC.features)


def network(level: float) -> StreamNetwork:
    """Its first layer takes differences of the features alone, and standardises them."""
    torch.manual_seed(4)
    made = StreamNetwork(SPEC)
    first = made.networks()[0].convolutions[0]
    with torch.no_grad():
        first.product.weight.sub_(first.product.weight.mean(1, keepdim=True))
        seen = first.product(sample(level)).flatten(0, 1)
        first.normalization.mean.copy_(seen.mean(0))
        first.normalization.variance.copy_(seen.var(0))
    return made.eval()


def test_a_network_that_rounds_coarsely_is_exported_with_a_tolerance_of_its_own(tmp_path):
    made = network(100.0)
    bundle = Exportable(made, DESCRIPTION, sample(100.0)).write(tmp_path)
    assert FP32_TOLERANCE < bundle.manifest.variants["fp32"].tolerance <= LOOSEST
    report = verify(bundle, made)
    assert report.passed, report.checks


def test_any_other_network_keeps_the_usual_one(tmp_path):
    bundle = Exportable(network(0.0), DESCRIPTION, sample(0.0)).write(tmp_path)
    assert bundle.manifest.variants["fp32"].tolerance == FP32_TOLERANCE


def test_what_is_off_for_another_reason_than_rounding_is_refused(tmp_path, monkeypatch):
    record = variants.record

    def spoiled(model, rows):
        golden = record(model, rows)
        golden[0].next_state["state_0"][...] += 3 * FP32_TOLERANCE
        return golden

    monkeypatch.setattr(variants, "record", spoiled)
    monkeypatch.setattr(variants, "rounding", lambda *_: FP32_TOLERANCE / 10)
    with pytest.raises(BundleError, match="off by"):
        Exportable(network(0.0), DESCRIPTION, sample(0.0)).write(tmp_path)


def test_the_tolerance_is_never_below_the_usual_one_nor_above_the_loosest():
    assert bearable(1e-5, 1e-6) == 1e-5
    assert bearable(1e-5, 1e-5) == 4e-5
    assert bearable(1e-5, 1.0) == LOOSEST
