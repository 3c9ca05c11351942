"""Several small networks trained side by side and served as one: their mean, exactly, in a single network.

Members that differ in their random start err in different places, so the mean of their scores errs less. Put side by
side as blocks on the diagonal of one larger network, they still are plain recurrent layers, with one state to carry.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from training.networks import NetworkSpec, RecurrentNetwork

_GATES = {"rnn": 1, "gru": 3, "lstm": 4}


class Committee(nn.Module):
    """Networks of the same shape that learn at the same time, each from its own loss."""

    def __init__(self, spec: NetworkSpec, size: int) -> None:
        super().__init__()
        self.members = nn.ModuleList(RecurrentNetwork(spec) for _ in range(size))

    def networks(self) -> list[RecurrentNetwork]:
        """The members."""
        return [member for member in self.members if isinstance(member, RecurrentNetwork)]

    def merged(self) -> RecurrentNetwork:
        """One network whose outputs are the means of the members'."""
        return merge(self.networks())


def merge(networks: Sequence[RecurrentNetwork]) -> RecurrentNetwork:
    """One network whose outputs are the means of those of `networks`, which must share a spec: one-directional, of
    tokens. Its embedding and hidden sizes are the sums of theirs; its recurrent weights are zero between members.
    """
    spec = networks[0].spec
    if any(network.spec != spec for network in networks) or spec.bidirectional or spec.vocabulary is None:
        raise ValueError("only one-directional networks of tokens with the same spec can be merged")
    count = len(networks)
    weights = [network.state_dict() for network in networks]
    wide = replace(spec, hidden=count * spec.hidden, embedding=count * (spec.embedding or spec.hidden))
    merged = RecurrentNetwork(wide)
    joined = {}
    for name in weights[0]:
        parts = [own[name] for own in weights]
        if name.startswith("heads."):
            joined[name] = torch.cat(parts, dim=-1) / count if name.endswith("weight") else torch.stack(parts).mean(0)
        elif name.startswith("embedding."):
            joined[name] = torch.cat(parts, dim=1)
        else:
            joined[name] = _side_by_side(parts, _GATES[spec.cell])
    merged.load_state_dict(joined)
    return merged.eval()


def _side_by_side(parts: Sequence[Tensor], gates: int) -> Tensor:
    """Weights [gates × hidden, width] as blocks on the diagonal of every gate; biases [gates × hidden] in a row."""
    split = [part.unflatten(0, (gates, -1)) for part in parts]
    if parts[0].dim() == 1:
        return torch.cat(split, dim=1).flatten()
    return torch.cat([torch.block_diag(*(part[gate] for part in split)) for gate in range(gates)])
