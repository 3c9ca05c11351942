"""Class scores of a sequence that is still coming: of its last step, or the running mean of all of its steps.

The mean of what a linear head says of every step is what it would say of the mean state, so a network that was trained
on the mean of its steps is read one step at a time, and only a sum has to be carried.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.bundle import HeadSpec
from service.state import Array

Floats: TypeAlias = NDArray[np.float64]

POOLINGS = ("last", "mean")


@dataclass(frozen=True)
class ScoreHead:
    """An output [batch, time, classes] and how its steps count: `last` or `mean`."""

    name: str
    pooling: str

    @classmethod
    def of(cls, spec: HeadSpec) -> "ScoreHead":
        """The head that a manifest describes. Raises ValueError."""
        pooling = spec.parameters.get("pooling", "last")
        if pooling not in POOLINGS:
            raise ValueError(f"head {spec.name!r} has the pooling {pooling!r}, which is none of {', '.join(POOLINGS)}")
        return cls(spec.name, str(pooling))


@dataclass(slots=True)
class Total:
    """What is carried of one sequence: its steps, and the sum over them of each head's scores, [classes]."""

    steps: int = 0
    sums: dict[str, Floats] = field(default_factory=dict)


def running_scores(
    heads: Sequence[ScoreHead],
    outputs: Mapping[str, Array],
    rows: Sequence[int],
    counts: Sequence[int],
    totals: Sequence[Total],
) -> Floats:
    """The scores [rows, time, classes] after every step of some rows of a tick, each the sum over all heads; what lies
    behind a row's `counts` steps means nothing. Carries `totals`, one for each row, over these steps.

    Sums go step by step from what was carried, so that cuts between ticks leave no trace.
    """
    places, steps = np.asarray(rows), np.asarray(counts)
    longest = int(steps.max())
    valid = (np.arange(longest) < steps[:, None])[..., None]  # [rows, time, 1]
    before = np.array([total.steps for total in totals])[:, None, None]
    scores: Floats = np.zeros(())
    for head in heads:
        said: Any = np.where(valid, outputs[head.name][places, :longest], 0.0).astype(np.float64)
        if head.pooling == "mean":
            carried = np.stack([total.sums.get(head.name, np.zeros(said.shape[2])) for total in totals])
            sums = np.cumsum(np.concatenate([carried[:, None], said], axis=1), axis=1)[:, 1:]
            for row, total in enumerate(totals):
                total.sums[head.name] = sums[row, steps[row] - 1].copy()
            said = sums / (before + np.arange(1, longest + 1)[:, None])
        scores = scores + said
    for total, count in zip(totals, counts, strict=True):
        total.steps += count
    return scores


def probabilities(scores: Floats) -> Floats:
    """Softmax over the last axis."""
    odds = np.exp(scores - scores.max(axis=-1, keepdims=True))
    shares: Floats = odds / odds.sum(axis=-1, keepdims=True)
    return shares
