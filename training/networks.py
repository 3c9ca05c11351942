"""Recurrent networks: embedding or features → stack of torch's own recurrent layers → named linear heads.

They follow the contract of `docs/design.md`: `forward(inputs, lengths, state) → (outputs, next_state)`, batch first,
the state a flat tuple of [batch, hidden] tensors: one for each layer (RNN, GRU), or h then c for each layer (LSTM).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

State: TypeAlias = tuple[Tensor, ...]
CellName: TypeAlias = Literal["rnn", "gru", "lstm"]

_LAYERS: dict[str, Callable[..., nn.RNNBase]] = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


@dataclass(frozen=True)
class NetworkSpec:
    """Sizes of a network. Takes tokens when `vocabulary` is given, else `features` float values a step.

    `heads` maps the name of each output to its width. `dropout` acts on the input of every layer and on the heads'.
    """

    cell: CellName
    hidden: int
    layers: int = 1
    vocabulary: int | None = None
    embedding: int | None = None
    features: int | None = None
    bidirectional: bool = False
    dropout: float = 0.0
    heads: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if (self.vocabulary is None) == (self.features is None):
            raise ValueError("give either vocabulary (token inputs) or features (float inputs)")
        if self.cell not in _LAYERS:
            raise ValueError(f"cell {self.cell!r} is none of {', '.join(_LAYERS)}")
        if not self.heads:
            raise ValueError("a network needs at least one head, e.g. heads={'logits': 256}")


class RecurrentNetwork(nn.Module):
    """The network that a `NetworkSpec` describes; its outputs are a dictionary [batch, time, width] by head name."""

    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__()
        self.spec = spec
        width = spec.features or spec.embedding or spec.hidden
        self.embedding = nn.Embedding(spec.vocabulary, width) if spec.vocabulary is not None else None
        # One module for each layer: every layer's state then enters and leaves the graph without being stacked.
        directions = 2 if spec.bidirectional else 1
        widths = [width] + [spec.hidden * directions] * (spec.layers - 1)
        build = _LAYERS[spec.cell]
        self.layers = nn.ModuleList(
            build(size, spec.hidden, batch_first=True, bidirectional=spec.bidirectional) for size in widths
        )
        self.dropout = nn.Dropout(spec.dropout)
        self.heads = nn.ModuleDict(
            {name: nn.Linear(spec.hidden * directions, size) for name, size in spec.heads.items()}
        )

    def initial_state(self, batch: int) -> State:
        """Zeros, each [batch, hidden]; empty for a bidirectional network, which carries none."""
        if self.spec.bidirectional:
            return ()
        count = self.spec.layers * (2 if self.spec.cell == "lstm" else 1)
        weight = next(self.parameters())
        return tuple(weight.new_zeros(batch, self.spec.hidden) for _ in range(count))

    def forward(self, inputs: Tensor, lengths: Tensor, state: State) -> tuple[dict[str, Tensor], State]:
        """inputs [batch, time] int64 or [batch, time, features]; lengths [batch] int64 → outputs, next state.

        A row's next state is the one after its last valid step, also when the row is padded.
        """
        steps = inputs if self.embedding is None else self.embedding(inputs)  # [batch, time, width]
        per_layer = 2 if self.spec.cell == "lstm" else 1
        carried: list[Tensor] = []
        for number, layer in enumerate(self.layers):
            own = state[number * per_layer : (number + 1) * per_layer]
            steps, after = run_layer(layer, self.dropout(steps), lengths, own)
            carried += after
        steps = self.dropout(steps)
        next_state = () if self.spec.bidirectional else tuple(carried)
        return {name: head(steps) for name, head in self.heads.items()}, next_state


def run_layer(layer: nn.Module, steps: Tensor, lengths: Tensor, state: State) -> tuple[Tensor, State]:
    """Run one single-layer `nn.RNN`, `nn.GRU` or `nn.LSTM` (batch first) so that padding does not advance the state.

    steps [batch, time, width], lengths [batch] → outputs [batch, time, hidden × directions], next state. `state` is
    (h,), (h, c), each [batch, hidden], or () for zeros; the next state of a bidirectional layer is
    [2, batch, hidden].
    """
    stacked = tuple(tensor.unsqueeze(0) for tensor in state)  # each [1, batch, hidden], as torch wants them
    given = None if not stacked else stacked if len(stacked) == 2 else stacked[0]
    # In an exported graph the layer knows the lengths by itself (`training.graph.layers`).
    if torch.compiler.is_exporting() or bool((lengths == steps.shape[1]).all()):
        outputs, after = layer(steps, given)
    else:
        packed = pack_padded_sequence(steps, lengths.cpu(), batch_first=True, enforce_sorted=False)
        packed_outputs, after = layer(packed, given)
        outputs, _ = pad_packed_sequence(packed_outputs, batch_first=True, total_length=steps.shape[1])
    parts = after if isinstance(after, tuple) else (after,)
    # Torch would ignore the squeeze where there are two directions, ONNX does not.
    return outputs, tuple(part.squeeze(0) if part.shape[0] == 1 else part for part in parts)
