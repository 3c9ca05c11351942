"""Batches of sequences of different length, cut so that there is little padding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

BUCKET_BATCHES = 20
"""Batches are cut from this many, sorted by length."""

Places = NDArray[np.int64]


class Epochs:
    """The batch of each step: a function of the seed and the step alone, every sequence once an epoch."""

    def __init__(self, lengths: Sequence[int], rows: int, seed: int) -> None:
        """lengths: of every sequence; rows: sequences in a batch."""
        self._lengths, self._rows, self._seed = np.asarray(lengths), rows, seed
        self.steps = -(-len(lengths) // rows)
        """Batches in an epoch."""
        self._epoch, self._plan = -1, []  # type: tuple[int, list[Places]]

    def batch(self, step: int) -> Places:
        """The places of the sequences of a step."""
        epoch, number = divmod(step, self.steps)
        if epoch != self._epoch:
            self._epoch, self._plan = epoch, self._cut(epoch)
        return self._plan[number]

    def _cut(self, epoch: int) -> list[Places]:
        """The batches of an epoch: places of sequences of similar length, in random order."""
        random = np.random.default_rng((self._seed, epoch))
        order, rows, batches = random.permutation(len(self._lengths)), self._rows, []
        for start in range(0, len(order), rows * BUCKET_BATCHES):
            bucket = order[start : start + rows * BUCKET_BATCHES]
            bucket = bucket[np.argsort(self._lengths[bucket], kind="stable")]
            batches += [bucket[first : first + rows] for first in range(0, len(bucket), rows)]
        return [batches[place] for place in random.permutation(len(batches))]


def padded(rows: Sequence[NDArray[Any]], filling: float = 0) -> tuple[Tensor, Tensor]:
    """Rows [time, ...] → [rows, longest, ...] with `filling` behind the ends, lengths [rows]."""
    longest = max(map(len, rows))
    inputs = np.full((len(rows), longest, *rows[0].shape[1:]), filling, rows[0].dtype)
    for place, row in enumerate(rows):
        inputs[place, : len(row)] = row
    return torch.from_numpy(inputs), torch.tensor([len(row) for row in rows])


class EvenEpochs(Epochs):
    """Batches in which all sequences have the same length, so that nothing has to be packed: layers of torch that take
    packed sequences are several times slower on a CPU, and do not compute in bfloat16.
    """

    def __init__(self, lengths: Sequence[int], others: Sequence[int], rows: int, seed: int) -> None:
        """others: a second length of every sequence, which is only nearly the same within a batch."""
        super().__init__(lengths, rows, seed)
        self._others = np.asarray(others)
        self.steps = sum(-(-int(count) // rows) for count in np.unique(self._lengths, return_counts=True)[1])

    def _cut(self, epoch: int) -> list[Places]:
        random = np.random.default_rng((self._seed, epoch))
        others = self._others * random.uniform(0.85, 1.15, len(self._others))  # so that batches differ every time
        order = np.lexsort((others, self._lengths))
        groups = np.split(order, np.flatnonzero(np.diff(self._lengths[order])) + 1)
        batches = [group[first : first + self._rows] for group in groups for first in range(0, len(group), self._rows)]
        return [batches[place] for place in random.permutation(len(batches))]
