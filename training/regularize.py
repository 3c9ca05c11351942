"""A recurrent network run for training: dropout that is the same at every step, and dropped recurrent weights."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.networks import RecurrentNetwork, State


@dataclass(frozen=True)
class Dropout:
    """Shares that are dropped: whole steps of input, features of the embedding, of what is between layers, of what the
    heads read, and weights from state to state (Gal and Ghahramani, 2016; Merity et al., 2018).
    """

    steps: float = 0.0
    embedding: float = 0.0
    between: float = 0.0
    heads: float = 0.0
    recurrent: float = 0.0


def run_dropped(
    network: RecurrentNetwork, inputs: Tensor, state: State, dropout: Dropout
) -> tuple[dict[str, Tensor], State]:
    """Run a one-directional network on tokens [batch, time] with dropout → outputs [batch, time, width], next state.

    It knows no lengths: outputs behind the end of a shorter row, and that row's next state, mean nothing.
    """
    if network.embedding is None:
        raise ValueError("run_dropped takes networks of tokens")
    steps = network.embedding(inputs)  # [batch, time, embedding]
    if dropout.steps:
        steps = steps * (torch.rand(*inputs.shape, 1) >= dropout.steps)
    steps = locked_dropout(steps, dropout.embedding)
    per_layer = 2 if network.spec.cell == "lstm" else 1
    carried: list[Tensor] = []
    for number, layer in enumerate(network.layers):
        if number:
            steps = locked_dropout(steps, dropout.between)
        own = tuple(tensor.unsqueeze(0) for tensor in state[number * per_layer : (number + 1) * per_layer])
        steps, after = _run_layer(layer, steps, own, dropout.recurrent)
        carried += [part.squeeze(0) for part in after]
    steps = locked_dropout(steps, dropout.heads)
    return {name: head(steps) for name, head in network.heads.items()}, tuple(carried)


def start_gates_open(network: RecurrentNetwork, embedding_scale: float = 1.0) -> None:
    """Begin with orthogonal recurrent weights, for LSTM with forget gates that keep their state, and with embeddings of
    this standard deviation: small where most words are rare, so that what was hardly learned says little.
    """
    if network.embedding is not None:
        network.embedding.weight.data.mul_(embedding_scale)
    for layer in network.layers:
        hidden = network.spec.hidden
        for name, weight in layer.named_parameters():
            if name.startswith("weight_hh"):
                for block in weight.data.split(hidden):
                    nn.init.orthogonal_(block)
            elif name.startswith("bias"):
                nn.init.zeros_(weight)
                if network.spec.cell == "lstm" and name.startswith("bias_ih"):
                    weight.data[hidden : 2 * hidden] = 1.0  # torch's order of gates: input, forget, cell, output


def locked_dropout(steps: Tensor, rate: float) -> Tensor:
    """Drop the same features at all steps of a row: steps [batch, time, features]."""
    if not rate:
        return steps
    kept = torch.empty(steps.shape[0], 1, steps.shape[2], dtype=steps.dtype).bernoulli_(1 - rate)
    return steps * (kept / (1 - rate))


def _run_layer(layer: nn.Module, steps: Tensor, own: State, rate: float) -> tuple[Tensor, tuple[Tensor, ...]]:
    """One layer with dropped recurrent weights; `own` is its state, each [1, batch, hidden]."""
    given = own if len(own) == 2 else own[0]
    weights = {"weight_hh_l0": F.dropout(layer.get_parameter("weight_hh_l0"), rate)} if rate else {}
    outputs, after = torch.func.functional_call(layer, weights, (steps, given))
    return outputs, after if isinstance(after, tuple) else (after,)
