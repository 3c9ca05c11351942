"""The torch network behind the interface of `service.model.Model`: what the exported graph is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from service.bundle import Signature
from training.graph.trace import Network, frozen, named

Array = NDArray[np.generic]


class Reference:
    """Runs each row alone and cut to its length, so that it needs no opinion on padding, and is exact."""

    def __init__(self, network: Network, signature: Signature, precision: torch.dtype = torch.float32) -> None:
        """precision: float32, as it is exported, or float64."""
        self.signature = signature
        self._network = frozen(cast(nn.Module, network)).to(precision)
        self._precision = precision

    def run(
        self, inputs: Mapping[str, Array], lengths: NDArray[np.int32], state: Mapping[str, Array]
    ) -> tuple[dict[str, Array], dict[str, Array]]:
        """As `Model.run`; outputs behind a row's length are zero."""
        steps = inputs[self.signature.inputs[0].name]  # [batch, time, ...]
        outputs: dict[str, Array] = {}
        kind = np.float32 if self._precision is torch.float32 else np.float64
        next_state = {name: np.empty_like(array, kind) for name, array in state.items()}
        for row, length in enumerate(lengths):
            found, after = self._run_row(steps[row : row + 1, :length], [state[name][row : row + 1] for name in state])
            for name, array in found.items():
                outputs.setdefault(name, np.zeros((*steps.shape[:2], *array.shape[2:]), kind))[row, :length] = array
            for name, array in zip(next_state, after, strict=True):
                next_state[name][row] = array[0]
        return outputs, next_state

    def initial_state(self, batch: int) -> dict[str, Array]:
        """The state of `batch` fresh sequences, each [batch, ...]."""
        return self.signature.initial_state(batch)

    @torch.inference_mode()
    def _run_row(self, steps: Array, state: list[Array]) -> tuple[dict[str, Array], list[Array]]:
        """steps [1, length, ...], state each [1, ...] → outputs [1, length, ...], next state [1, ...]."""
        given = tuple(self._tensor(array) for array in state)
        length = torch.tensor([steps.shape[1]])
        outputs, after = self._network(self._tensor(steps), length, given)
        return {name: tensor.numpy() for name, tensor in named(outputs).items()}, [tensor.numpy() for tensor in after]

    def _tensor(self, array: Array) -> Tensor:
        """In the precision of the network; whole numbers stay such."""
        tensor = torch.from_numpy(np.ascontiguousarray(array))
        return tensor.to(self._precision) if tensor.is_floating_point() else tensor
