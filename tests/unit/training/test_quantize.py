"""The int8 gate: calibration sees every activation, and only a variant worth its loss is let in."""

import numpy as np
import pytest

from service.bundle import GateFigures
from service.probe import probe
from tests.unit.training.exports import TOKENS, exported, opened
from training import quantize
from training.golden import record
from training.quantize import QualityBound, calibrate, measure, quantized_model, refusal, speedup

GOOD = GateFigures(
    metric="bits", quality_loss=0.004, quality_loss_bound=0.01, speedup=1.9, speedup_bound=1.5, batch_independent=True
)


def test_a_variant_within_all_bounds_passes():
    assert refusal(GOOD) is None
    assert refusal(GOOD.model_copy(update={"quality_loss": -0.5})) is None


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"quality_loss": 0.0101}, "loses"),
        ({"speedup": 1.49}, "fast"),
        ({"batch_independent": False}, "depend on the batch"),
    ],
)
def test_each_bound_refuses_by_itself_and_says_why(change, word):
    assert word in (refusal(GOOD.model_copy(update=change)) or "")


def test_a_refusal_names_every_fault():
    bad = GOOD.model_copy(update={"quality_loss": 1.0, "speedup": 0.5, "batch_independent": False})
    assert (refusal(bad) or "").count(";") == 2


def test_calibration_finds_the_largest_value_of_each_activation(monkeypatch):
    monkeypatch.setattr(quantize, "MIN_HEAD_WEIGHTS", 1)
    export = exported("lstm", 2)
    largest = calibrate(export.traced, TOKENS.numpy())
    embedding = export.network.embedding.weight.detach().abs().max().item()
    assert len(largest) == 3
    assert max(largest.values()) == pytest.approx(embedding)
    assert sorted(largest.values())[0] < 1.0


def test_heads_are_quantised_only_when_asked_and_large(monkeypatch):
    export = exported("lstm")
    largest = calibrate(export.traced, TOKENS.numpy())

    def float_products(heads: bool) -> int:
        graph = quantized_model(export.traced, largest, heads=heads).graph
        return sum(node.op_type == "MatMul" for node in graph.all_nodes())

    assert float_products(heads=True) == 1
    monkeypatch.setattr(quantize, "MIN_HEAD_WEIGHTS", 1)
    largest = calibrate(export.traced, TOKENS.numpy())
    assert float_products(heads=False) == 1
    assert float_products(heads=True) == 0


def test_the_traced_graph_is_left_as_it_was():
    export = exported("lstm")
    before = [(node.op_type, node.name) for node in export.traced.model.graph]
    quantized_model(export.traced, calibrate(export.traced, TOKENS.numpy()), heads=True)
    assert [(node.op_type, node.name) for node in export.traced.model.graph] == before
    assert [value.name for value in export.traced.model.graph.outputs] == ["logits", "next_state_0", "next_state_1"]


@pytest.mark.parametrize("higher_is_better", [True, False])
def test_the_loss_is_positive_when_int8_is_worse(higher_is_better, tmp_path):
    export = exported("lstm")
    fp32 = opened(export.traced.model, export.traced, tmp_path)
    int8 = opened(
        quantized_model(export.traced, calibrate(export.traced, TOKENS.numpy()), heads=True), export.traced, tmp_path
    )
    worse = 0.7 if higher_is_better else 0.9
    bound = QualityBound("metric", higher_is_better, 0.3, lambda model: 0.8 if model is fp32 else worse)
    figures = measure(fp32, int8, record(int8, TOKENS.numpy()), TOKENS.numpy(), bound)
    assert figures.quality_loss == pytest.approx(0.1)
    assert figures.batch_independent
    assert figures.speedup > 0


def test_the_speed_up_compares_like_with_like(tmp_path):
    export = exported("lstm")
    model = opened(export.traced.model, export.traced, tmp_path)
    assert speedup(model, model, TOKENS.numpy(), rounds=30) == pytest.approx(1.0, abs=0.5)


def test_a_relu_cell_is_calibrated_beyond_one(tmp_path):
    import torch
    from torch import nn

    from training.graph.trace import trace
    from training.networks import NetworkSpec, RecurrentNetwork

    torch.manual_seed(0)
    network = RecurrentNetwork(NetworkSpec(cell="rnn", hidden=6, vocabulary=13, heads={"logits": 13}))
    network.layers[0] = nn.RNN(6, 6, nonlinearity="relu", batch_first=True)
    with torch.no_grad():
        network.layers[0].bias_ih_l0.fill_(2.0)
    traced = trace(network, TOKENS)
    largest = calibrate(traced, TOKENS.numpy())
    model = opened(quantized_model(traced, largest, heads=False), traced, tmp_path)
    fp32 = opened(traced.model, traced, tmp_path)
    lengths = np.full(4, 13, np.int32)
    expected, _ = fp32.run({"inputs": TOKENS.numpy()}, lengths, fp32.initial_state(4))
    found, last = model.run({"inputs": TOKENS.numpy()}, lengths, model.initial_state(4))
    assert last["state_0"].max() > 1.5
    assert np.abs(expected["logits"] - found["logits"]).max() < 0.05 * np.abs(expected["logits"]).max()
    assert probe(model, record(model, TOKENS.numpy())).batch_independent
