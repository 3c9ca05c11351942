"""A recurrent network over words that are looked up by several columns of ids: embeddings side by side, then layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from training.networks import CellName, NetworkSpec, RecurrentNetwork, State


@dataclass(frozen=True)
class WordNetworkSpec:
    """Sizes: `ids` and `widths` of each column, and those of the recurrent layers and heads behind them."""

    cell: CellName
    hidden: int
    layers: int
    ids: Sequence[int]
    widths: Sequence[int]
    bidirectional: bool = False
    dropout: float = 0.0
    heads: Mapping[str, int] = field(default_factory=dict)


class WordNetwork(nn.Module):
    """Follows the contract of `docs/design.md`: inputs [batch, time, columns] int64."""

    def __init__(self, spec: WordNetworkSpec) -> None:
        super().__init__()
        self.spec = spec
        self.tables = nn.ModuleList(nn.Embedding(ids, width) for ids, width in zip(spec.ids, spec.widths, strict=True))
        for table in self.tables:
            nn.init.normal_(table.get_parameter("weight"), std=0.1)
        self.body = RecurrentNetwork(
            NetworkSpec(
                cell=spec.cell,
                hidden=spec.hidden,
                layers=spec.layers,
                features=sum(spec.widths),
                bidirectional=spec.bidirectional,
                dropout=spec.dropout,
                heads=spec.heads,
            )
        )

    def initial_state(self, batch: int) -> State:
        """Zeros; empty for a bidirectional network."""
        return self.body.initial_state(batch)

    def forward(self, inputs: Tensor, lengths: Tensor, state: State) -> tuple[dict[str, Tensor], State]:
        """inputs [batch, time, columns], lengths [batch] → outputs [batch, time, width] by name, next state."""
        columns = [table(inputs[:, :, column]) for column, table in enumerate(self.tables)]
        outputs, next_state = self.body(torch.cat(columns, dim=2), lengths, state)
        return outputs, next_state
