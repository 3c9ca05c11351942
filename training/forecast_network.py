"""A network that forecasts: several recurrent networks side by side, whose quantiles are averaged.

Members differ in their random start alone, and so they err in different places; their mean errs less (Smyl, 2020).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from training.networks import NetworkSpec, RecurrentNetwork, State

OUTPUT = "quantiles"


class ForecastNetwork(nn.Module):
    """Follows the contract of `docs/design.md`; its output `quantiles` is [batch, time, horizon, levels]."""

    def __init__(self, spec: NetworkSpec, members: int, horizon: int) -> None:
        """`spec`: of one member, its only head `quantiles` as wide as horizon × levels."""
        super().__init__()
        self.horizon = horizon
        self.members = nn.ModuleList(RecurrentNetwork(spec) for _ in range(members))

    def networks(self) -> list[RecurrentNetwork]:
        """The members."""
        return [member for member in self.members if isinstance(member, RecurrentNetwork)]

    def initial_state(self, batch: int) -> State:
        """Zeros, each [batch, hidden], of one member after the other."""
        return tuple(tensor for member in self.networks() for tensor in member.initial_state(batch))

    def member_quantiles(self, inputs: Tensor, lengths: Tensor, state: State) -> tuple[list[Tensor], State]:
        """What each member says, [batch, time, horizon, levels], and the next state of all."""
        found: list[Tensor] = []
        carried: list[Tensor] = []
        for member in self.networks():
            own = state[len(carried) : len(carried) + len(member.initial_state(1))]
            outputs, after = member(inputs, lengths, own)
            found.append(outputs[OUTPUT].unflatten(-1, (self.horizon, -1)))
            carried += after
        return found, tuple(carried)

    def forward(self, inputs: Tensor, lengths: Tensor, state: State) -> tuple[dict[str, Tensor], State]:
        """inputs [batch, time, features] → the mean of the members, next state."""
        found, after = self.member_quantiles(inputs, lengths, state)
        return {OUTPUT: torch.stack(found).mean(dim=0) if len(found) > 1 else found[0]}, after
