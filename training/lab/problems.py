"""Two problems that can be solved only by remembering: each has a lag, the steps between what matters and its use.

Their data are made up without end, so what a network gets right it has not seen before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

SYMBOLS, COPIED = 8, 2
BLANK, CUE = SYMBOLS, SYMBOLS + 1


class Problem(Protocol):
    """A made-up task of sequences."""

    @property
    def name(self) -> str:
        """As options and tables write it."""

    @property
    def features(self) -> int:
        """Width of a step."""

    @property
    def head(self) -> int:
        """Width of the output."""

    @property
    def measure(self) -> str:
        """What its error is, in a few words."""

    def batch(self, lag: int, rows: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Inputs [rows, time, features] float32, and the targets of the last steps, [rows, answers]."""

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """outputs [rows, time, head], targets [rows, answers] → the mean loss of the answers."""

    def error(self, outputs: Tensor, targets: Tensor) -> float:
        """How wrong the answers are, as a share of the error of one who remembers nothing: 0 is solved, 1 is chance."""


@dataclass(frozen=True)
class Adding:
    """Add the two marked numbers of a sequence (Hochreiter and Schmidhuber, 1997, experiment 4).

    Each step is a number in 0..1 and a mark; the first number and one of the second half are marked, and the answer is
    asked at the last step, at least `lag` steps after the first. One who remembers nothing answers 1, and is wrong by
    a mean square of 1/6.
    """

    name: str = "adding"
    features: int = 2
    head: int = 1
    measure: str = "mean square error / 0.167"

    def batch(self, lag: int, rows: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Inputs [rows, lag + 1, 2], targets [rows, 1]."""
        numbers = torch.rand(rows, lag + 1, generator=generator)
        second = torch.randint(lag // 2 + 1, lag + 1, (rows,), generator=generator)
        marks = torch.zeros(rows, lag + 1)
        marks[:, 0] = 1.0
        marks[torch.arange(rows), second] = 1.0
        return torch.stack([numbers, marks], dim=2), (numbers * marks).sum(dim=1, keepdim=True)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """outputs [rows, time, 1], targets [rows, 1] → mean square error of the last step."""
        return F.mse_loss(outputs[:, -1], targets)

    def error(self, outputs: Tensor, targets: Tensor) -> float:
        """The mean square error as a share of 1/6."""
        return 6.0 * float(self.loss(outputs, targets))


@dataclass(frozen=True)
class Copying:
    """Say again, after `lag` blanks and a cue, the symbols that the sequence began with (the copying memory problem of
    Arjovsky, Shah and Bengio, 2016, with 2 symbols out of 8). One who remembers nothing gets 1 of 8 right.
    """

    name: str = "copy"
    features: int = SYMBOLS + 2
    head: int = SYMBOLS
    measure: str = "wrong symbols / 0.875"

    def batch(self, lag: int, rows: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Inputs [rows, COPIED + lag + COPIED, SYMBOLS + 2] one-hot, targets [rows, COPIED] int64."""
        copied = torch.randint(0, SYMBOLS, (rows, COPIED), generator=generator)
        steps = torch.full((rows, lag + 2 * COPIED), BLANK)
        steps[:, :COPIED] = copied
        steps[:, COPIED + lag] = CUE
        return F.one_hot(steps, self.features).float(), copied

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """outputs [rows, time, SYMBOLS], targets [rows, COPIED] → cross-entropy of the last COPIED steps, in nats."""
        return F.cross_entropy(outputs[:, -COPIED:].flatten(0, 1), targets.flatten())

    def error(self, outputs: Tensor, targets: Tensor) -> float:
        """The share of wrong symbols as a share of 7/8."""
        wrong = (outputs[:, -COPIED:].argmax(dim=2) != targets).float().mean()
        return float(wrong) / (1 - 1 / SYMBOLS)


PROBLEMS: Mapping[str, Problem] = {problem.name: problem for problem in (Adding(), Copying())}
