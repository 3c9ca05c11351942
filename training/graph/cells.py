"""Explicit recurrent cells: an `LSTM`, `GRU` or `RNN` node rewritten as matrix products and gates inside a `Scan`.

Needed where ONNX Runtime's own kernel is no good: its `RNN` is not independent of the batch, and none of them takes
int8 weights with static scales. Equations: https://onnx.ai/onnx/operators/ (LSTM, GRU with linear_before_reset, RNN).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeAlias

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from service.bundle import Gate
from training.graph.tape import Tape

Floats: TypeAlias = NDArray[np.float32]
Values: TypeAlias = tuple[ir.Value, ...]


class Product(Protocol):
    """How a matrix product is computed: in float32 (`float_product`) or in int8 (`training.graph.int8`)."""

    def __call__(self, tape: Tape, name: str, left: ir.Value, right: Floats, bias: Floats) -> ir.Value:
        """left [..., k] times right [k, n] plus bias [n]."""
        ...


def float_product(tape: Tape, name: str, left: ir.Value, right: Floats, bias: Floats) -> ir.Value:
    """The product in float32."""
    product = tape.one("MatMul", left, tape.constant(f"{name}_weight", right))
    return tape.one("Add", product, tape.constant(f"{name}_bias", bias)) if bias.any() else product


@dataclass(frozen=True)
class Weights:
    """The constants of one direction of a node, transposed for products from the left."""

    inner: Floats  # [width, gates x hidden]
    recurrent: Floats  # [hidden, gates x hidden]
    inner_bias: Floats  # [gates x hidden]
    recurrent_bias: Floats  # [gates x hidden]


@dataclass(frozen=True)
class RecurrentNode:
    """What a standard recurrent node of a graph says: its inputs, its sizes, its constants for each direction."""

    kind: str
    hidden: int
    activation: str
    steps: ir.Value  # [time, batch, width]
    lengths: ir.Value  # [batch] int32
    states: Values  # each [directions, batch, hidden]
    directions: tuple[Weights, ...]

    @classmethod
    def read(cls, node: ir.Node) -> RecurrentNode:
        """Read an `LSTM`, `GRU` or `RNN` node that has lengths, initial states and constant weights."""
        steps, inner, recurrent, bias, lengths, *states = (value for value in node.inputs if value is not None)
        arrays = zip(_array(inner), _array(recurrent), _array(bias), strict=True)
        directions = tuple(
            Weights(np.ascontiguousarray(w.T), np.ascontiguousarray(r.T), *np.split(b, 2)) for w, r, b in arrays
        )
        return cls(
            node.op_type,
            directions[0].recurrent.shape[0],
            node.attributes.get_strings("activations", ("Tanh",))[0] if node.op_type == "RNN" else "Tanh",
            steps,
            lengths,
            tuple(states),
            directions,
        )


def _array(value: ir.Value) -> Floats:
    if value.const_value is None:
        raise ValueError(f"the weights {value.name!r} of a recurrent node are no constants")
    return value.const_value.numpy().astype(np.float32)


class Moved(NamedTuple):
    """What a step of a cell gives: the next states, and what its gates did, in the order of `GATES`; each
    [batch, hidden].
    """

    states: Values
    gates: Values


GATES: dict[str, tuple[Gate, ...]] = {
    "LSTM": ("input", "forget", "output", "candidate", "cell_state", "hidden_state"),
    "GRU": ("update", "reset", "candidate", "hidden_state"),
    "RNN": ("hidden_state",),
}
"""The gates and states of each kind of cell that can be looked at."""


def step_cell(tape: Tape, spec: RecurrentNode, gates: ir.Value, product: ir.Value, held: Values) -> Moved:
    """One step of a cell: gates [batch, gates x hidden] from the input, the recurrent product of the same shape, and
    the held states [batch, hidden] → the next states and the gates.
    """
    return _CELLS[spec.kind](tape, spec, gates, product, held)


def _lstm(tape: Tape, spec: RecurrentNode, gates: ir.Value, product: ir.Value, held: Values) -> Moved:
    """Gates in the order i, o, f, c."""
    parts = tape.constant("parts", np.array([3 * spec.hidden, spec.hidden]))
    sigmoids, candidate = tape.many("Split", 2, tape.one("Add", gates, product), parts, axis=1)
    enter, leave, forget = tape.many("Split", 3, tape.one("Sigmoid", sigmoids), axis=1, num_outputs=3)
    new = tape.one("Tanh", candidate)
    cell = tape.one("Add", tape.one("Mul", forget, held[1]), tape.one("Mul", enter, new))
    hidden = tape.one("Mul", leave, tape.one("Tanh", cell))
    return Moved((hidden, cell), (enter, forget, leave, new, cell, hidden))


def _gru(tape: Tape, spec: RecurrentNode, gates: ir.Value, product: ir.Value, held: Values) -> Moved:
    """Gates in the order z, r, n: h' = n + z (h - n), where n = tanh(input + r x product)."""
    parts = tape.constant("parts", np.array([2 * spec.hidden, spec.hidden]))
    inner, inner_new = tape.many("Split", 2, gates, parts, axis=1)
    recurrent, recurrent_new = tape.many("Split", 2, product, parts, axis=1)
    opened = tape.one("Sigmoid", tape.one("Add", inner, recurrent))
    update, reset = tape.many("Split", 2, opened, axis=1, num_outputs=2)
    new = tape.one("Tanh", tape.one("Add", inner_new, tape.one("Mul", reset, recurrent_new)))
    hidden = tape.one("Add", new, tape.one("Mul", update, tape.one("Sub", held[0], new)))
    return Moved((hidden,), (update, reset, new, hidden))


def _rnn(tape: Tape, spec: RecurrentNode, gates: ir.Value, product: ir.Value, held: Values) -> Moved:
    hidden = tape.one(spec.activation, tape.one("Add", gates, product))
    return Moved((hidden,), (hidden,))


_CELLS: dict[str, Callable[[Tape, RecurrentNode, ir.Value, ir.Value, Values], Moved]] = {
    "LSTM": _lstm,
    "GRU": _gru,
    "RNN": _rnn,
}
