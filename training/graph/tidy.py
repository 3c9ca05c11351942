"""Clear up after a rewrite: pairs of nodes that undo each other, and whatever nothing uses any more."""

from __future__ import annotations

import onnx_ir as ir
from onnx_ir.passes.common import IdentityEliminationPass, RemoveUnusedNodesPass


def tidy(model: ir.Model) -> None:
    """Drop `Squeeze` after `Unsqueeze` of the same axes, identities, and unused nodes and constants."""
    for node in list(model.graph):
        if node.op_type == "Squeeze":
            _drop_pair(node)
    IdentityEliminationPass()(model)
    RemoveUnusedNodesPass()(model)


def _drop_pair(squeeze: ir.Node) -> None:
    lifted = squeeze.inputs[0]
    source = lifted.producer() if lifted is not None else None
    if source is None or source.op_type != "Unsqueeze" or axes(source) is None or axes(source) != axes(squeeze):
        return
    inner, outer = source.inputs[0], squeeze.outputs[0]
    if inner is None or (outer.is_graph_output() and (inner.is_graph_output() or inner.producer() is None)):
        return  # a graph output needs a value of its own
    if outer.is_graph_output():
        inner.name, inner.shape, inner.type = outer.name, outer.shape, outer.type
        outer.name = f"{outer.name}_unused"
    ir.convenience.replace_all_uses_with(outer, inner, replace_graph_outputs=True)


def axes(node: ir.Node) -> tuple[int, ...] | None:
    """The constant axes of a `Squeeze` or `Unsqueeze`; None when they are not constant."""
    given = node.inputs[1] if len(node.inputs) > 1 else None
    if given is None or given.const_value is None:
        return None
    return tuple(int(axis) for axis in given.const_value.numpy())
