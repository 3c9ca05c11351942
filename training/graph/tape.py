"""Write nodes into a graph, one call for each: a thin layer over `onnx_ir`."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray


class Tape:
    """Collects the nodes of one graph. Constants become initializers of the main graph, also those of loop bodies.

    `label` starts the name of everything that is written, so it must be new to the model.
    """

    def __init__(self, model: ir.Model, label: str) -> None:
        self.nodes: list[ir.Node] = []
        self.label = label
        self._model = model

    def inner(self, name: str) -> Tape:
        """A tape for the body of a loop of this graph."""
        return Tape(self._model, f"{self.label}_{name}")

    def one(self, kind: str, *inputs: ir.Value | None, domain: str = "", **attributes: Any) -> ir.Value:
        """Append a node with one output, and return it: `tape.one("Concat", a, b, axis=1)`."""
        return self.many(kind, 1, *inputs, domain=domain, **attributes)[0]

    def many(
        self, kind: str, count: int, *inputs: ir.Value | None, domain: str = "", **attributes: Any
    ) -> tuple[ir.Value, ...]:
        """Append a node with `count` outputs, and return them."""
        name = f"{self.label}_{kind}_{len(self.nodes)}"
        values = [ir.Value(name=f"{name}_{number}") for number in range(count)]
        given = [
            ir.AttrGraph(key, value) if isinstance(value, ir.Graph) else ir.convenience.convert_attribute(key, value)
            for key, value in attributes.items()
        ]
        self.nodes.append(ir.Node(domain, kind, inputs, given, outputs=values, name=name))
        return tuple(values)

    def constant(self, name: str, array: NDArray[Any] | np.generic) -> ir.Value:
        """A constant of the main graph; an equal name gives the constant that is already there."""
        full = f"{self.label}_{name}"
        known = self._model.graph.initializers.get(full)
        if known is not None:
            return known
        tensor = ir.tensor(array, name=full)
        value = ir.Value(name=full, shape=ir.Shape(array.shape), type=ir.TensorType(tensor.dtype), const_value=tensor)
        self._model.graph.register_initializer(value)
        return value
