"""Recurrent layers as they stand in an exported graph: one ONNX node for each, its weights in ONNX's own layout.

`torch.onnx.export` unrolls or slices torch's recurrent layers and freezes their time axis. So before tracing each of
them is replaced by a `GraphLayer`, which calls an operator that torch cannot look into and that is translated to
exactly one `LSTM`, `GRU` or `RNN` node. Layouts: https://onnx.ai/onnx/operators/ (LSTM, GRU, RNN).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from onnxscript import opset20
from torch import Tensor, nn

Hx: TypeAlias = Tensor | tuple[Tensor, Tensor] | None

_LIBRARY = torch.library.Library("hiddenstate", "DEF")
_LIBRARY.define(
    "lstm(Tensor x, Tensor n, Tensor h, Tensor c, Tensor w, Tensor r, Tensor b) -> (Tensor, Tensor, Tensor)"
)
_LIBRARY.define("gru(Tensor x, Tensor n, Tensor h, Tensor w, Tensor r, Tensor b) -> (Tensor, Tensor)")
_LIBRARY.define("rnn(Tensor x, Tensor n, Tensor h, Tensor w, Tensor r, Tensor b, str activation) -> (Tensor, Tensor)")

_GATES = {"LSTM": (0, 3, 1, 2), "GRU": (1, 0, 2), "RNN_TANH": (0,), "RNN_RELU": (0,)}
"""Where each gate of ONNX's order stands in torch's: LSTM i,o,f,c of i,f,g,o; GRU z,r,h of r,z,n."""


class Lengths:
    """The lengths of the batch being traced, [batch] int32, shared by all layers of a network."""

    tensor: Tensor | None = None

    def get(self) -> Tensor:
        """The lengths. Raises RuntimeError outside a trace."""
        if self.tensor is None:
            raise RuntimeError("a graph layer runs only while its network is traced")
        return self.tensor


class GraphLayer(nn.Module):
    """Stands for a whole `nn.LSTM`, `nn.GRU` or `nn.RNN` and is called as it was: layer(steps, hx) → (outputs, hx)."""

    def __init__(self, layer: nn.RNNBase, lengths: Lengths) -> None:
        super().__init__()
        if layer.proj_size:
            raise ValueError("nn.LSTM(proj_size=...) has no ONNX node; use a linear layer after the LSTM instead")
        self.mode = layer.mode
        self.depth = layer.num_layers
        self.directions = 2 if layer.bidirectional else 1
        self.hidden = layer.hidden_size
        self.batch_first = layer.batch_first
        self.lengths = lengths
        for number in range(self.depth):
            for name, weight in zip("wrb", _layout(layer, number), strict=True):
                self.register_buffer(f"{name}_{number}", weight)

    def forward(self, steps: Tensor, hx: Hx = None) -> tuple[Tensor, Tensor | tuple[Tensor, Tensor]]:
        """steps [batch, time, width], or time first as the layer was made; hx [layers × directions, batch, hidden]."""
        flow = steps.transpose(0, 1) if self.batch_first else steps  # [time, batch, width]
        parts = self._zeros(flow) if hx is None else (hx,) if isinstance(hx, Tensor) else hx
        after: list[tuple[Tensor, ...]] = []
        for number in range(self.depth):
            flow, *states = self._run(flow, number, [self._slice(part, number) for part in parts])
            after.append(tuple(states))
        joined = tuple(part[0] if self.depth == 1 else torch.cat(part) for part in zip(*after, strict=True))
        outputs = flow.transpose(0, 1) if self.batch_first else flow
        return outputs, (joined[0], joined[1]) if self.mode == "LSTM" else joined[0]

    def _zeros(self, flow: Tensor) -> tuple[Tensor, ...]:
        """What torch starts from where a call gives no state."""
        shape = (self.depth * self.directions, flow.shape[1], self.hidden)
        return tuple(flow.new_zeros(shape) for _ in range(2 if self.mode == "LSTM" else 1))

    def _slice(self, part: Tensor, number: int) -> Tensor:
        """The state of one layer, [directions, batch, hidden]."""
        return part if self.depth == 1 else part[number * self.directions : (number + 1) * self.directions]

    def _run(self, flow: Tensor, number: int, states: list[Tensor]) -> tuple[Tensor, ...]:
        weights = [self.get_buffer(f"{name}_{number}") for name in "wrb"]
        operators = torch.ops.hiddenstate
        if self.mode == "LSTM":
            return tuple(operators.lstm(flow, self.lengths.get(), *states, *weights))
        if self.mode == "GRU":
            return tuple(operators.gru(flow, self.lengths.get(), *states, *weights))
        activation = "Relu" if self.mode == "RNN_RELU" else "Tanh"
        return tuple(operators.rnn(flow, self.lengths.get(), *states, *weights, activation))


def _layout(layer: nn.RNNBase, number: int) -> tuple[Tensor, Tensor, Tensor]:
    """W [directions, rows, width], R [directions, rows, hidden], B [directions, 2 × rows]; rows = gates × hidden."""
    gates = _GATES[layer.mode]

    def ordered(kind: str, suffix: str) -> Tensor:
        weight = getattr(layer, f"{kind}_l{number}{suffix}").detach().float()
        blocks = weight.chunk(len(gates))
        return torch.cat([blocks[gate] for gate in gates])

    suffixes = ("", "_reverse") if layer.bidirectional else ("",)
    inner = torch.stack([ordered("weight_ih", suffix) for suffix in suffixes])
    recurrent = torch.stack([ordered("weight_hh", suffix) for suffix in suffixes])
    if not layer.bias:
        return inner, recurrent, inner.new_zeros(len(suffixes), 2 * inner.shape[1])
    biases = [torch.cat([ordered("bias_ih", suffix), ordered("bias_hh", suffix)]) for suffix in suffixes]
    return inner, recurrent, torch.stack(biases)


def replace_layers(module: nn.Module, lengths: Lengths) -> int:
    """Replace every recurrent layer below `module` in place; returns how many nodes the graph must have for them."""
    count = 0
    for name, child in module.named_children():
        if isinstance(child, nn.RNNBase):
            setattr(module, name, GraphLayer(child, lengths))
            count += child.num_layers
        else:
            count += replace_layers(child, lengths)
    return count


def _shapes(x: Tensor, h: Tensor) -> Tensor:
    """The output of a node: [time, batch, directions × hidden]."""
    return x.new_empty(x.shape[0], x.shape[1], h.shape[0] * h.shape[2])


@torch.library.register_fake("hiddenstate::lstm")
def _lstm_shapes(
    x: Tensor, n: Tensor, h: Tensor, c: Tensor, w: Tensor, r: Tensor, b: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    return _shapes(x, h), torch.empty_like(h), torch.empty_like(c)


@torch.library.register_fake("hiddenstate::gru")
def _gru_shapes(x: Tensor, n: Tensor, h: Tensor, w: Tensor, r: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    return _shapes(x, h), torch.empty_like(h)


@torch.library.register_fake("hiddenstate::rnn")
def _rnn_shapes(
    x: Tensor, n: Tensor, h: Tensor, w: Tensor, r: Tensor, b: Tensor, activation: str
) -> tuple[Tensor, Tensor]:
    return _shapes(x, h), torch.empty_like(h)


op: Any = opset20  # its overloads know no plain Python constants


def _attributes(r: Any) -> dict[str, Any]:
    directions, _, hidden = r.shape
    return {"hidden_size": int(hidden), "direction": "bidirectional" if directions == 2 else "forward"}


def _flat(y: Any, r: Any) -> Any:
    """[time, directions, batch, hidden] → [time, batch, directions × hidden]."""
    if r.shape[0] == 1:
        return op.Squeeze(y, op.Constant(value_ints=[1]))
    return op.Reshape(op.Transpose(y, perm=[0, 2, 1, 3]), op.Constant(value_ints=[0, 0, 2 * int(r.shape[2])]))


def _lstm_node(x: Any, n: Any, h: Any, c: Any, w: Any, r: Any, b: Any) -> Any:
    y, last_h, last_c = op.LSTM(x, w, r, b, n, h, c, **_attributes(r))
    return _flat(y, r), last_h, last_c


def _gru_node(x: Any, n: Any, h: Any, w: Any, r: Any, b: Any) -> Any:
    y, last_h = op.GRU(x, w, r, b, n, h, linear_before_reset=1, **_attributes(r))
    return _flat(y, r), last_h


def _rnn_node(x: Any, n: Any, h: Any, w: Any, r: Any, b: Any, activation: str) -> Any:
    y, last_h = op.RNN(x, w, r, b, n, h, activations=[activation] * int(r.shape[0]), **_attributes(r))
    return _flat(y, r), last_h


TRANSLATIONS: dict[Callable[..., Any], Callable[..., Any]] = {
    torch.ops.hiddenstate.lstm.default: _lstm_node,
    torch.ops.hiddenstate.gru.default: _gru_node,
    torch.ops.hiddenstate.rnn.default: _rnn_node,
}
"""The ONNX node of each operator, for `torch.onnx.export(custom_translation_table=...)`."""
