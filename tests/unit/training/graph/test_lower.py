"""Explicit cells compute what the standard nodes compute, for every cell, both ways, ragged, with the state carried."""

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from service.model import replay
from service.probe import Probe, probe
from tests.unit.training.exports import FORMS, TOKENS, exported, opened
from training.golden import record
from training.graph import lower as lowering
from training.graph.cells import float_product
from training.graph.int8 import WEIGHT_LIMIT, Int8Product, quantized
from training.graph.lower import lower
from training.graph.tidy import tidy
from training.graph.trace import RECURRENT
from training.reference import Reference

SOUND = Probe(batch_independent=True, cut_independent=True)


def lowered(traced, product, held) -> ir.Model:
    model = traced.model.clone()
    for node in list(model.graph):
        if node.op_type in RECURRENT:
            lower(model, node, product, held)
    tidy(model)
    model.graph.opset_imports["com.microsoft"] = 1
    return model


@pytest.mark.parametrize(("cell", "layers", "bidirectional"), FORMS)
def test_an_explicit_cell_agrees_with_torch_and_keeps_the_laws(cell, layers, bidirectional, tmp_path):
    export = exported(cell, layers, bidirectional)
    golden = record(Reference(export.network, export.traced.signature), TOKENS.numpy())
    graph = lowered(export.traced, float_product, float_product)
    assert not {node.op_type for node in graph.graph.all_nodes()} & set(RECURRENT)
    model = opened(graph, export.traced, tmp_path)
    assert replay(model, golden, 1e-5) < 1e-6
    assert probe(model, golden) == SOUND


@pytest.mark.parametrize(("cell", "layers", "bidirectional"), FORMS)
def test_an_int8_cell_is_near_torch_and_keeps_the_laws(cell, layers, bidirectional, tmp_path):
    export = exported(cell, layers, bidirectional)
    golden = record(Reference(export.network, export.traced.signature), TOKENS.numpy())
    model = opened(lowered(export.traced, Int8Product(4.0), Int8Product(1.0)), export.traced, tmp_path)
    assert replay(model, golden, 0.05) > 1e-6
    assert probe(model, golden) == SOUND


@pytest.mark.parametrize("hidden", [33])
def test_the_laws_hold_for_sizes_that_fill_no_vector_register(hidden, tmp_path):
    export = exported("lstm", hidden=hidden)
    golden = record(Reference(export.network, export.traced.signature), TOKENS.numpy())
    for product in (float_product, Int8Product(1.0)):
        model = opened(lowered(export.traced, product, product), export.traced, tmp_path)
        assert probe(model, golden) == SOUND


def test_the_onnx_checker_accepts_an_explicit_cell():
    graph = lowered(exported("gru", 2, True).traced, float_product, float_product)
    onnx.checker.check_model(ir.to_proto(graph), full_check=True)


def test_a_small_embedding_becomes_a_table_and_a_large_one_stays(monkeypatch, tmp_path):
    export = exported("gru")
    folded = lowered(export.traced, float_product, float_product)
    monkeypatch.setattr(lowering, "MAX_TABLE", 0)
    kept = lowered(export.traced, float_product, float_product)
    assert len([node for node in kept.graph if node.op_type == "MatMul"]) == 2
    assert len([node for node in folded.graph if node.op_type == "MatMul"]) == 1
    golden = record(Reference(export.network, export.traced.signature), TOKENS.numpy())
    assert replay(opened(kept, export.traced, tmp_path), golden, 1e-5) < 1e-6


def test_a_table_of_halves_takes_half_the_space_and_keeps_the_numbers(tmp_path):
    export = exported("gru")
    golden = record(Reference(export.network, export.traced.signature), TOKENS.numpy())
    graph = export.traced.model.clone()
    lower(graph, next(node for node in graph.graph if node.op_type == "GRU"), float_product, float_product, halves=True)
    tidy(graph)
    tables = [value for name, value in graph.graph.initializers.items() if name.endswith("_table")]
    assert [value.dtype for value in tables] == [ir.DataType.FLOAT16]
    assert replay(opened(graph, export.traced, tmp_path), golden, 1e-3) > 1e-6


def test_a_folded_embedding_is_gone():
    graph = lowered(exported("gru").traced, float_product, float_product).graph
    assert [node.op_type for node in graph].count("Gather") == 1
    assert not [name for name in graph.initializers if "embedding" in name]


def test_constants_that_a_rewrite_leaves_unused_are_dropped():
    graph = lowered(exported("lstm").traced, float_product, float_product).graph
    used = {value.name for node in graph.all_nodes() for value in node.inputs if value is not None}
    assert set(graph.initializers) <= used


def test_weights_fill_seven_bits_and_come_back_within_half_a_step():
    weights = np.random.default_rng(0).normal(size=(20, 6)).astype(np.float32)
    weights[:, 5] = 0
    scale, whole = quantized(weights)
    assert whole.dtype == np.int8
    assert np.abs(whole[:, :5]).max(0).tolist() == [WEIGHT_LIMIT] * 5
    assert (np.abs(whole * scale - weights) <= scale / 2 + 1e-7).all()


def test_two_products_of_extreme_values_fit_into_sixteen_bits():
    assert 2 * 255 * WEIGHT_LIMIT < 1 << 15
