"""Large constants in half precision, where that loses nothing: a bundle takes half the room, and computes the same.

The runtime turns them back into float32 when it loads a graph, before it packs any weights (its constant folding:
https://onnxruntime.ai/docs/performance/model-optimizations/graph-optimizations.html).
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import torch
from torch import nn

from training.graph.tape import Tape

LEAST_NUMBERS = 4096
"""Of a constant that is worth it."""


@torch.no_grad()
def round_to_halves(network: nn.Module) -> None:
    """Round every large matrix of a network to what half precision holds. Vectors, which are small, keep their bits.

    A weight of ordinary size moves by at most one part in 2,048.
    """
    for parameter in network.parameters():
        if parameter.dim() > 1 and parameter.numel() >= LEAST_NUMBERS:
            parameter.copy_(parameter.half().float())


def store_in_halves(model: ir.Model) -> None:
    """Store every large float32 constant whose numbers are all halves as float16, with a `Cast` behind it."""
    tape = Tape(model, "halves")
    for name, value in list(model.graph.initializers.items()):
        halves = _halves(value)
        if halves is None:
            continue
        stored = tape.constant(name, halves)
        whole = tape.one("Cast", stored, to=ir.DataType.FLOAT)
        whole.shape, whole.type = value.shape, value.type
        ir.convenience.replace_all_uses_with(value, whole)
        model.graph.initializers.pop(name)
    if tape.nodes:
        model.graph.insert_before(model.graph[0], tape.nodes)


def _halves(value: ir.Value) -> np.ndarray[tuple[int, ...], np.dtype[np.float16]] | None:
    """The constant as float16; None where it is no large float32 constant, or would lose a bit, or is an output."""
    tensor = value.const_value
    if tensor is None or tensor.dtype != ir.DataType.FLOAT or tensor.size < LEAST_NUMBERS or value.is_graph_output():
        return None
    array = tensor.numpy()
    with np.errstate(over="ignore"):
        halves = array.astype(np.float16)
    return halves if np.array_equal(halves.astype(np.float32), array) else None
