"""Replace a recurrent node by an explicit cell inside a `Scan`, one for each direction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from training.graph.cells import Floats, Product, RecurrentNode, Values, Weights, step_cell
from training.graph.tape import Tape

MAX_TABLE = 1 << 20
"""Most numbers of a table that replaces an embedding and the product behind it: 4 MiB, or 2 MiB of halves.

A larger one would outweigh the model.
"""

_FLOAT, _BOOL = ir.TensorType(ir.DataType.FLOAT), ir.TensorType(ir.DataType.BOOL)


@dataclass(frozen=True)
class Embedding:
    """Where the steps of a node come from a table: table [tokens, width], tokens [batch, time]."""

    table: Floats
    tokens: ir.Value

    @classmethod
    def behind(cls, steps: ir.Value) -> Embedding | None:
        """The embedding whose rows, time first, are `steps`; None when there is none."""
        turn = steps.producer()
        looked_up = turn.inputs[0] if turn is not None and turn.op_type == "Transpose" else None
        gather = looked_up.producer() if looked_up is not None else None
        if turn is None or gather is None or gather.op_type != "Gather" or gather.attributes.get_int("axis", 0) != 0:
            return None
        table, tokens = gather.inputs
        if tuple(turn.attributes.get_ints("perm", ())) != (1, 0, 2) or table is None or tokens is None:
            return None
        array = None if table.const_value is None else table.const_value.numpy()
        return cls(array.astype(np.float32), tokens) if array is not None and array.ndim == 2 else None


def lower(
    model: ir.Model, node: ir.Node, inner: Product, recurrent: Product, *, halves: bool = False, watched: bool = False
) -> Values:
    """Replace `node`; its outputs keep their meaning and layout. `inner` computes the product of a step's input,
    `recurrent` that of the state. An embedding right before the node is multiplied out into a table where that is
    small, so that the input costs a look-up (and, in int8, next to no precision: the table holds float32, or float16
    with `halves`).

    With `watched` the weights stay as they are, and what is returned are the gates of each direction,
    [time, batch, gates, hidden] in the order of `GATES`; else nothing is.
    """
    spec = RecurrentNode.read(node)
    tape = Tape(model, node.name or node.op_type)
    source = None if watched else _small_embedding(spec)
    mask = _mask(tape, spec, source)
    results = []
    for number, weights in enumerate(spec.directions):
        label = f"way{number}"
        bias = _outer_bias(spec, weights)
        if source is None:
            projected = inner(tape, f"{label}_inner", spec.steps, weights.inner, bias)
        else:
            projected = _look_up(tape, label, source, weights.inner, bias, halves=halves)
        body = _body(tape.inner(label), spec, weights, recurrent, watched=watched)
        initial = [_direction(tape, spec, value, number) for value in spec.states]
        results.append(_scan(tape, body, [*initial, projected, mask], reverse=number == 1))
    gates = tuple(result.pop() for result in results) if watched else ()
    flows, *lasts = zip(*results, strict=True)
    outputs = [_joined(tape, flows, 1), *(_joined(tape, values, 0) for values in lasts)]
    for old, new in zip(node.outputs, outputs, strict=False):
        new.shape, new.type = old.shape, old.type
    ir.convenience.replace_nodes_and_values(
        model.graph, node, [node], tape.nodes, node.outputs, outputs[: len(node.outputs)]
    )
    return gates


def _small_embedding(spec: RecurrentNode) -> Embedding | None:
    """The embedding that a table may replace."""
    source = Embedding.behind(spec.steps)
    if source is None or len(source.table) * len(spec.directions[0].inner_bias) > MAX_TABLE:
        return None
    return source


def _mask(tape: Tape, spec: RecurrentNode, source: Embedding | None) -> ir.Value:
    """[time, batch, 1] bool: whether a step lies within its row's length."""
    shaped, axis = (spec.steps, 0) if source is None else (source.tokens, 1)
    zero, one = tape.constant("zero", np.int64(0)), tape.constant("one", np.int64(1))
    time = tape.one(
        "Squeeze", tape.one("Shape", shaped, start=axis, end=axis + 1), tape.constant("axis_0", np.array([0]))
    )
    numbers = tape.one("Cast", tape.one("Range", zero, time, one), to=ir.DataType.INT32)  # [time]
    column = tape.one("Unsqueeze", numbers, tape.constant("axes_1_2", np.array([1, 2])))
    return tape.one("Less", column, tape.one("Unsqueeze", spec.lengths, tape.constant("axis_1", np.array([1]))))


def _outer_bias(spec: RecurrentNode, weights: Weights) -> Floats:
    """The bias outside the loop [gates x hidden]: both of them where they just add up."""
    # The reset gate of a GRU acts on the recurrent product with its bias, so that bias stays in the loop.
    return weights.inner_bias if spec.kind == "GRU" else weights.inner_bias + weights.recurrent_bias


def _look_up(tape: Tape, label: str, source: Embedding, inner: Floats, bias: Floats, *, halves: bool) -> ir.Value:
    """The input's part of the gates for all steps, [time, batch, gates x hidden]: one row of a table for each token."""
    table = source.table.astype(np.float64) @ inner + bias
    constant = tape.constant(f"{label}_table", table.astype(np.float16 if halves else np.float32))
    rows = tape.one("Gather", constant, tape.one("Transpose", source.tokens, perm=[1, 0]), axis=0)
    return tape.one("Cast", rows, to=ir.DataType.FLOAT) if halves else rows


def _body(tape: Tape, spec: RecurrentNode, weights: Weights, recurrent: Product, *, watched: bool) -> ir.Graph:
    """One step of all rows: (states, gates, valid) → (states after valid steps, output, and the gates if watched)."""
    held = tuple(ir.Value(name=f"{tape.label}_held_{number}", type=_FLOAT) for number in range(len(spec.states)))
    gates, valid = (ir.Value(name=f"{tape.label}_{name}", type=kind) for name, kind in (("g", _FLOAT), ("v", _BOOL)))
    bias = weights.recurrent_bias if spec.kind == "GRU" else np.zeros_like(weights.recurrent_bias)
    product = recurrent(tape, "recurrent", held[0], weights.recurrent, bias)
    moved = step_cell(tape, spec, gates, product, held)
    kept = [tape.one("Where", valid, new, old) for new, old in zip(moved.states, held, strict=True)]
    shown = [_joined(tape, moved.gates, 1)] if watched else []
    return ir.Graph(
        [*held, gates, valid], [*kept, moved.states[0], *shown], nodes=tape.nodes, name=f"{tape.label}_step"
    )


def _direction(tape: Tape, spec: RecurrentNode, value: ir.Value, number: int) -> ir.Value:
    """The state of one direction, [batch, hidden]."""
    if len(spec.directions) == 1:
        return tape.one("Squeeze", value, tape.constant("axis_0", np.array([0])))
    return tape.one("Gather", value, tape.constant(f"way{number}", np.int64(number)), axis=0)


def _scan(tape: Tape, body: ir.Graph, inputs: list[ir.Value], *, reverse: bool) -> list[ir.Value]:
    """Run `body` over time: outputs [time, batch, hidden], last states [batch, hidden], and what else it gives for
    each step.
    """
    held = len(inputs) - 2
    results = tape.many(
        "Scan",
        len(body.outputs),
        *inputs,
        body=body,
        num_scan_inputs=2,
        scan_input_directions=[int(reverse)] * 2,
        scan_output_directions=[int(reverse)] * (len(body.outputs) - held),
    )
    return [results[held], *results[:held], *results[held + 1 :]]


def _joined(tape: Tape, values: Values, axis: int) -> ir.Value:
    """The values stacked along a new axis."""
    lifted = [tape.one("Unsqueeze", value, tape.constant(f"axis_{axis}", np.array([axis]))) for value in values]
    return lifted[0] if len(lifted) == 1 else tape.one("Concat", *lifted, axis=axis)
