"""A linear-chain conditional random field over the logits of a tagger (Lafferty et al., 2001)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from service.tasks.entities import BEGIN, INSIDE

FORBIDDEN = -1e4


class ConditionalRandomField(nn.Module):
    """What it costs to go from label to label: transitions [labels + 1, labels], the last row from the start."""

    def __init__(self, labels: Sequence[str]) -> None:
        """Transitions that IOB2 does not allow, such as `O I-PER`, cost so much that no path takes them."""
        super().__init__()
        self.learned = nn.Parameter(torch.zeros(len(labels) + 1, len(labels)))
        allowed = [[continues(before, after) for after in labels] for before in (*labels, "")]
        self.register_buffer("forbidden", torch.where(torch.tensor(allowed), 0.0, FORBIDDEN))

    @property
    def transitions(self) -> Tensor:
        """As `service.tasks.entities.best_path` takes them."""
        return self.learned + self.get_buffer("forbidden")

    def forward(self, logits: Tensor, targets: Tensor, lengths: Tensor) -> Tensor:
        """The mean negative log-likelihood of a word: logits [batch, time, labels], targets [batch, time], lengths
        [batch].
        """
        moves, start = self.transitions[:-1], self.transitions[-1]
        reached = start + logits[:, 0]  # [batch, labels]: log of the sum over all paths to each label
        path = start[targets[:, 0]] + logits[:, 0].gather(1, targets[:, :1])[:, 0]  # [batch]
        for step in range(1, logits.shape[1]):
            valid = step < lengths
            ways = torch.logsumexp(reached[:, :, None] + moves, dim=1) + logits[:, step]
            reached = torch.where(valid[:, None], ways, reached)
            move = (
                moves[targets[:, step - 1], targets[:, step]] + logits[:, step].gather(1, targets[:, step, None])[:, 0]
            )
            path = path + torch.where(valid, move, torch.zeros_like(move))
        return (torch.logsumexp(reached, dim=1) - path).sum() / lengths.sum()


def continues(before: str, after: str) -> bool:
    """Whether a label may follow another (the empty one: the start) in IOB2."""
    return not after.startswith(INSIDE) or before in (BEGIN + after[2:], after)
