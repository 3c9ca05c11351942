"""What the gates of a model did at each step, as a client gets it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hiddenstate.v1 import explanation_pb2

Values = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class LayerGates:
    """The gates of one layer at one step: [hidden] each, by name.

    LSTM: `input`, `forget`, `output` (0 to 1), `candidate` (-1 to 1), `cell_state`, `hidden_state`. GRU: `reset`,
    `update` (0 to 1), `candidate`, `hidden_state` (-1 to 1). RNN: `hidden_state`.
    """

    name: str
    gates: Mapping[str, Values]


@dataclass(frozen=True, slots=True)
class StepExplanation:
    """One step of a session.

    step_number: its number in the session, from 0.
    input_text: what it read, such as a token; empty when it is not text.
    sequence_number: the message that brought it.
    layers: from input to output.
    """

    step_number: int
    input_text: str
    sequence_number: int
    layers: tuple[LayerGates, ...]


def explanation(message: explanation_pb2.Explanation) -> StepExplanation:
    """One step, from its message."""
    layers = tuple(
        LayerGates(layer.name, {_gate(each.gate): np.array(each.values, np.float32) for each in layer.activations})
        for layer in message.layers
    )
    return StepExplanation(message.step_number, message.input_text, message.sequence_number, layers)


def _gate(number: int) -> str:
    known = explanation_pb2.Gate.values()
    return explanation_pb2.Gate.Name(number).removeprefix("GATE_").lower() if number in known else str(number)
