"""A network without recurrence: every row by itself, through a few dense layers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from training.networks import State


class DenseNetwork(nn.Module):
    """Follows the contract of `docs/design.md`: each step is a row of its own. It standardises its inputs itself."""

    independent_steps = True

    def __init__(
        self, mean: Tensor, scale: Tensor, hidden: Sequence[int], classes: int, dropout: float, members: int = 1
    ) -> None:
        """mean and scale [features]: of the training part. `members` networks are averaged before the softmax."""
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)
        sizes = [len(mean), *hidden]
        self.members = nn.ModuleList(
            nn.Sequential(*(part for pair in pairwise(sizes) for part in _layer(*pair, dropout)))
            for _ in range(members)
        )
        self.heads = nn.ModuleList(nn.Linear(sizes[-1], classes) for _ in range(members))

    def initial_state(self, batch: int) -> State:
        """None is carried."""
        return ()

    def member_logits(self, inputs: Tensor) -> list[Tensor]:
        """Logits [..., classes] of every member, from inputs [..., features]."""
        steps = (inputs - self.get_buffer("mean")) / self.get_buffer("scale")
        return [head(member(steps)) for member, head in zip(self.members, self.heads, strict=True)]

    def forward(self, inputs: Tensor, lengths: Tensor, state: State) -> tuple[dict[str, Tensor], State]:
        """inputs [batch, time, features] → logits [batch, time, classes], no state."""
        logits = self.member_logits(inputs)
        return {"logits": torch.stack(logits).mean(dim=0) if len(logits) > 1 else logits[0]}, ()


def _layer(width: int, size: int, dropout: float) -> tuple[nn.Module, ...]:
    return nn.Linear(width, size), nn.ReLU(), nn.Dropout(dropout)
