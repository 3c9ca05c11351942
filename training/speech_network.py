"""The network that listens: filterbank → causal convolution → recurrent layers → a score for each token."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F

from training.filterbank import Filterbank
from training.networks import CellName, NetworkSpec, RecurrentNetwork, State, run_layer
from training.regularize import start_gates_open
from training.stream_network import CausalConvolution


@dataclass(frozen=True)
class SpeechSpec:
    """Sizes of a network. `window`: steps that the convolution sees; `dropout`: of what goes into each layer."""

    cell: CellName
    tokens: int
    window: int = 3
    width: int = 224
    hidden: int = 224
    layers: int = 2
    dropout: float = 0.1


class SpeechNetwork(nn.Module):
    """Samples in, logits out; what windows and convolution still cover is state, beside that of the layers."""

    def __init__(self, spec: SpeechSpec) -> None:
        super().__init__()
        self.spec = spec
        self.filterbank = Filterbank()
        self.convolution = CausalConvolution(spec.window, self.filterbank.width, spec.width, normalized=False)
        self.recurrent = RecurrentNetwork(
            NetworkSpec(
                spec.cell, spec.hidden, spec.layers, features=spec.width, heads={"logits": spec.tokens}, dropout=0.0
            )
        )
        start_gates_open(self.recurrent)

    def initial_state(self, batch: int) -> State:
        """Silence for the filterbank and the convolution, zeros for every layer."""
        return (
            *self.filterbank.initial_state(batch),
            *self.convolution.initial_state(batch),
            *self.recurrent.initial_state(batch),
        )

    def forward(self, inputs: Tensor, lengths: Tensor, state: State) -> tuple[dict[str, Tensor], State]:
        """inputs [batch, time, 480] in -1..1, lengths [batch] → logits [batch, time, tokens], next state."""
        features, heard = self.filterbank(inputs, lengths, state[0])
        logits, after = self.listen(features, lengths, state[1:])
        return {"logits": logits}, (heard, *after)

    def listen(self, features: Tensor, lengths: Tensor, state: State) -> tuple[Tensor, State]:
        """What follows the filterbank: features [batch, time, width] → logits [batch, time, tokens], next state."""
        count = int(self.spec.window > 1)
        steps, carried = self.convolution(features, lengths, state[:count], None)
        state, after = state[count:], [*carried]
        each = len(state) // self.spec.layers
        for number, layer in enumerate(self.recurrent.layers):
            steps = F.dropout(steps, self.spec.dropout, self.training)
            steps, moved = run_layer(layer, steps, lengths, state[number * each : (number + 1) * each])
            after += moved
        steps = F.dropout(steps, self.spec.dropout, self.training)
        return self.recurrent.heads["logits"](steps), tuple(after)
