"""The explain graph: the network of the fp32 graph, with the gates of its recurrent layers among the outputs.

It holds no weights of its own: its large constants are external data that point into the file of the fp32 graph.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx_ir as ir

from service.bundle import WatchedLayer
from training.graph.cells import GATES, Floats, float_product
from training.graph.lower import lower
from training.graph.tape import Tape
from training.graph.tidy import tidy
from training.graph.trace import RECURRENT, Traced

LEAST_SHARED_BYTES = 1024
"""Smaller constants are kept in the graph itself."""


@dataclass(frozen=True)
class Watched:
    """A graph whose outputs hold the gates of `layers` as well."""

    model: ir.Model
    layers: tuple[WatchedLayer, ...]


def explained(traced: Traced) -> Watched:
    """The graph with every recurrent node as an explicit cell, its gates an output [batch, time, gates, hidden]."""
    graph = traced.model.clone()
    layers: list[WatchedLayer] = []
    counts = dict.fromkeys(RECURRENT, 0)
    for node in [node for node in graph.graph if node.op_type in RECURRENT]:
        kind, hidden = node.op_type, node.attributes.get_int("hidden_size", 0)
        counts[kind] += 1
        product = float_product if kind == "RNN" else kept_product
        for number, gates in enumerate(lower(graph, node, product, product, watched=True)):
            name = f"{kind.lower()} {counts[kind]}" + (" backwards" if number else "")
            layer = WatchedLayer(name=name, output=f"gates_{len(layers)}", gates=GATES[kind], hidden=hidden)
            _add_output(graph, gates, layer)
            layers.append(layer)
    tidy(graph)
    return Watched(graph, tuple(layers))


def kept_product(tape: Tape, name: str, left: ir.Value, right: Floats, bias: Floats) -> ir.Value:
    """The product in float32, its weights laid out as an `LSTM` or `GRU` node has them, so that they can be shared."""
    weights = tape.one("Transpose", tape.constant(f"{name}_weight", np.ascontiguousarray(right.T)), perm=[1, 0])
    product = tape.one("MatMul", left, weights)
    return tape.one("Add", product, tape.constant(f"{name}_bias", bias)) if bias.any() else product


def save_sharing(graph: ir.Model, path: Path, weights: Path) -> None:
    """Save a graph whose large constants are read from `weights`, a file beside it, wherever they stand in it.

    ONNX lets a constant be any range of bytes of another file: https://onnx.ai/onnx/repo-docs/ExternalData.html.
    """
    content = weights.read_bytes()
    for value in graph.graph.initializers.values():
        tensor = value.const_value
        if tensor is None or tensor.nbytes < LEAST_SHARED_BYTES:
            continue
        offset = content.find(tensor.tobytes())
        if offset >= 0:
            value.const_value = ir.ExternalTensor(
                weights.name,
                offset,
                tensor.nbytes,
                tensor.dtype,
                shape=ir.Shape(tensor.numpy().shape),
                name=value.name or "",
                base_dir=weights.parent,
            )
    ir.save(graph, path)


def _add_output(graph: ir.Model, gates: ir.Value, layer: WatchedLayer) -> None:
    """Make `gates`, [time, batch, gates, hidden], an output of the graph with the batch first."""
    tape = Tape(graph, layer.output)
    output = tape.one("Transpose", gates, perm=[1, 0, 2, 3])
    output.name = layer.output
    output.type = ir.TensorType(ir.DataType.FLOAT)
    output.shape = ir.Shape(["batch", "time", len(layer.gates), layer.hidden])
    graph.graph.extend(tape.nodes)
    graph.graph.outputs.append(output)
