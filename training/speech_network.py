"""The network that listens: filterbank → causal convolutions → recurrent layers → a score for each token."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.filterbank import Filterbank
from training.networks import CellName, NetworkSpec, RecurrentNetwork, State, run_layer
from training.regularize import start_gates_open
from training.stream_network import CausalConvolution


@dataclass(frozen=True)
class SpeechSpec:
    """Sizes of a network. `windows`: steps that each convolution sees; `dropout`: of what goes into each layer."""

    cell: CellName
    tokens: int
    windows: tuple[int, ...] = (5, 5)
    width: int = 256
    hidden: int = 256
    layers: int = 1
    dropout: float = 0.1


class SpeechNetwork(nn.Module):
    """Samples in, logits out; what windows and convolution still cover is state, beside that of the layers."""

    def __init__(self, spec: SpeechSpec) -> None:
        super().__init__()
        self.spec = spec
        self.filterbank = Filterbank()
        widths = (self.filterbank.width, *[spec.width] * len(spec.windows))
        self.convolutions = nn.ModuleList(
            CausalConvolution(window, width, spec.width, normalized=True)
            for window, width in zip(spec.windows, widths, strict=False)
        )
        self.recurrent = RecurrentNetwork(
            NetworkSpec(
                spec.cell, spec.hidden, spec.layers, features=widths[-1], heads={"logits": spec.tokens}, dropout=0.0
            )
        )
        start_gates_open(self.recurrent)

    def initial_state(self, batch: int) -> State:
        """Silence for the filterbank and the convolutions, zeros for every layer."""
        return (
            *self.filterbank.initial_state(batch),
            *(tensor for each in self._convolutions() for tensor in each.initial_state(batch)),
            *self.recurrent.initial_state(batch),
        )

    def forward(self, inputs: Tensor, lengths: Tensor, state: State) -> tuple[dict[str, Tensor], State]:
        """inputs [batch, time, 480] in -1..1, lengths [batch] → logits [batch, time, tokens], next state."""
        features, heard = self.filterbank(inputs, lengths, state[0])
        logits, after = self.listen(features, lengths, state[1:])
        return {"logits": logits}, (heard, *after)

    def listen(self, features: Tensor, lengths: Tensor, state: State) -> tuple[Tensor, State]:
        """What follows the filterbank: features [batch, time, width] → logits [batch, time, tokens], next state. While
        it learns, every step of every row counts.
        """
        steps, after = features, list[Tensor]()
        valid = torch.ones(features.shape[:2]) if self.training else None
        for convolution in self._convolutions():
            count = int(convolution.window > 1)
            steps, carried = convolution(steps, lengths, state[:count], valid)
            state, after = state[count:], [*after, *carried]
        each = len(state) // self.spec.layers
        for number, layer in enumerate(self.recurrent.layers):
            steps = F.dropout(steps, self.spec.dropout, self.training)
            steps, moved = run_layer(layer, steps, lengths, state[number * each : (number + 1) * each])
            after += moved
        steps = F.dropout(steps, self.spec.dropout, self.training)
        return self.recurrent.heads["logits"](steps), tuple(after)

    def _convolutions(self) -> list[CausalConvolution]:
        return [each for each in self.convolutions if isinstance(each, CausalConvolution)]
