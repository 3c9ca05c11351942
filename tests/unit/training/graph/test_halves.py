"""Large constants in half precision: half the bytes, the same bits of every answer."""

import numpy as np
import onnx_ir as ir
import pytest
import torch
from torch import nn

from service.model import Model
from service.runtime import Device
from tests.unit.training.exports import CELLS, TOKENS, traced_once
from training.graph.cells import float_product
from training.graph.explain import explained, save_sharing
from training.graph.halves import round_to_halves, store_in_halves
from training.graph.lower import lower
from training.graph.tidy import tidy
from training.networks import NetworkSpec, RecurrentNetwork


def rounded(cell) -> nn.Module:
    torch.manual_seed(5)
    network = RecurrentNetwork(NetworkSpec(cell=cell, hidden=64, vocabulary=100, heads={"logits": 100}))
    round_to_halves(network)
    return network.eval()


def written(graph, traced, path) -> Model:
    ir.save(graph, path)
    return Model(path, traced.signature, Device("cpu"))


def answers(model) -> dict[str, np.ndarray]:
    inputs = {model.signature.inputs[0].name: TOKENS.numpy()}
    outputs, state = model.run(inputs, np.array([13, 9, 1, 4], np.int32), model.initial_state(4))
    return {**outputs, **state}


@pytest.mark.parametrize("cell", CELLS)
def test_half_the_bytes_give_the_same_bits(cell, tmp_path):
    traced = traced_once(rounded(cell), TOKENS)
    graph = traced.model.clone()
    for node in [node for node in graph.graph if node.op_type == "RNN"]:
        lower(graph, node, float_product, float_product)
    tidy(graph)
    whole = answers(written(graph, traced, tmp_path / "whole.onnx"))
    store_in_halves(graph)
    halves = answers(written(graph, traced, tmp_path / "halves.onnx"))
    assert all(np.array_equal(whole[name], halves[name]) for name in whole)
    sizes = [(tmp_path / name).stat().st_size for name in ("halves.onnx", "whole.onnx")]
    # The embedding of a plain RNN was multiplied out into a table, which is rounded no more.
    assert sizes[0] < (0.9 if cell == "rnn" else 0.6) * sizes[1]


def test_the_explain_graph_finds_the_halves_in_the_file_of_fp32(tmp_path):
    traced = traced_once(rounded("lstm"), TOKENS)
    graph, watched = traced.model.clone(), explained(traced).model
    store_in_halves(graph)
    store_in_halves(watched)
    written(graph, traced, tmp_path / "model.onnx")
    save_sharing(watched, tmp_path / "explain.onnx", tmp_path / "model.onnx")
    assert (tmp_path / "explain.onnx").stat().st_size < 0.5 * (tmp_path / "model.onnx").stat().st_size


def test_a_constant_that_would_lose_a_bit_is_kept_whole():
    traced = traced_once(rounded("gru"), TOKENS)
    graph = traced.model.clone()
    name, value = max(graph.graph.initializers.items(), key=lambda each: each[1].const_value.size)
    exact = value.const_value.numpy().copy()
    exact.flat[7] += np.float32(1e-7)
    value.const_value = ir.tensor(exact, name=name)
    store_in_halves(graph)
    kept = [each.const_value for each in graph.graph.initializers.values() if each.const_value.shape == exact.shape]
    assert ir.DataType.FLOAT in {tensor.dtype for tensor in kept}


def test_a_number_too_large_for_a_half_is_kept_whole():
    network = rounded("gru")
    with torch.no_grad():
        network.embedding.weight[3, 4] = 70_000.0
    graph = traced_once(network, TOKENS).model.clone()
    store_in_halves(graph)
    kinds = {name: value.const_value.dtype for name, value in graph.graph.initializers.items()}
    assert ir.DataType.FLOAT in {kind for name, kind in kinds.items() if "embedding" in name}


def test_only_large_matrices_are_rounded():
    torch.manual_seed(1)
    large, small = nn.Linear(64, 64), nn.Linear(8, 8)
    before = [parameter.clone() for parameter in (large.weight, large.bias, *small.parameters())]
    for layer in (large, small):
        round_to_halves(layer)
    assert torch.equal(large.weight, before[0].half().float())
    assert not torch.equal(large.weight, before[0])
    assert all(torch.equal(now, was) for now, was in zip((large.bias, *small.parameters()), before[1:], strict=True))
