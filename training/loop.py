"""The training loop: seeded, resumable to the bit, averaged, stopped early; it says how long it will take first.

A loop of our own rather than a framework's: recurrent state goes from batch to batch, a batch is a function of the seed
and the step alone, and a checkpoint holds everything, so a resumed run ends with the weights of an undisturbed one.
"""

from __future__ import annotations

import copy
import csv
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn

CHECKPOINT, CURVES = "checkpoint.pt", "curves.csv"
COLUMNS = ("step", "seconds", "learning_rate", "train_loss", "valid")
TRIAL_STEPS = 5


@dataclass(frozen=True)
class Schedule:
    """How the weights move. `decay` is that of the average of weights, which is what is validated and kept.

    The learning rate warms up linearly, then follows a cosine to `final_share` of its peak. Training ends early after
    `patience` validations in a row that brought nothing; with `keep_last` it never does, and the last weights are kept
    rather than the best (where the validation part was learned from, too). `bfloat16`: compute in it where the CPU has
    it, which about halves the time of layers of 500 and gains nothing in those of 100.
    """

    steps: int
    learning_rate: float
    warmup_steps: int = 100
    final_share: float = 0.02
    weight_decay: float = 0.01
    clip: float = 1.0
    decay: float = 0.999
    validate_every: int = 500
    patience: int = 8
    keep_last: bool = False
    bfloat16: bool = True

    def rate(self, step: int) -> float:
        """The learning rate of a step, counted from 0."""
        wave = 0.5 * (1 + math.cos(math.pi * min(1.0, step / self.steps)))
        warm = min(1.0, (step + 1) / self.warmup_steps)
        return self.learning_rate * warm * (self.final_share + (1 - self.final_share) * wave)


N = TypeVar("N", bound=nn.Module)


class Trainee(Protocol[N]):
    """What a task gives to the loop. `progress` and `restore` carry what a batch leaves to the next, e.g. state."""

    network: N
    higher_is_better: bool

    def loss(self, step: int) -> Tensor:
        """The loss of the batch of this step, a function of the seed, the step and the progress alone."""

    def validate(self, network: N) -> float:
        """The metric on the validation part."""

    def progress(self) -> Mapping[str, Any]:
        """What the next step needs of the steps before it: tensors and numbers."""

    def restore(self, progress: Mapping[str, Any]) -> None:
        """Go on from what `progress` said."""


@dataclass(frozen=True)
class Outcome:
    """How a training ended: the best validation figure, the step it came from, seconds in all (resumed parts added)."""

    best: float
    best_step: int
    steps: int
    seconds: float


class Training(Generic[N]):
    """One training in one folder: `checkpoint.pt` and `curves.csv`."""

    def __init__(self, trainee: Trainee[N], schedule: Schedule, folder: Path, console: Console | None = None) -> None:
        self.trainee, self.schedule, self.folder = trainee, schedule, folder
        self.console = console or Console(stderr=True)
        folder.mkdir(parents=True, exist_ok=True)
        self.average = copy.deepcopy(trainee.network).eval()
        self.best_weights = copy.deepcopy(self.average.state_dict())
        self.optimizer = _optimizer(trainee.network, schedule)
        self.precision = torch.bfloat16 if schedule.bfloat16 and has_fast_bfloat16() else torch.float32
        self.step, self.seconds, self.misses = 0, 0.0, 0
        self.best, self.best_step = math.inf, 0  # always "lower is better" in here

    def run(self, *, resume: bool = False, until: int | None = None) -> Outcome:
        """Train to the end (or to step `until`), and leave the best averaged weights in the network.

        resume: go on from the folder's checkpoint; FileNotFoundError when there is none.
        """
        if resume:
            self.load(torch.load(self.folder / CHECKPOINT, weights_only=True))
        else:
            (self.folder / CURVES).unlink(missing_ok=True)
        self._announce()
        last = min(self.schedule.steps, until or self.schedule.steps)
        with _bar(self.console) as bar:
            shown = bar.add_task("training", total=self.schedule.steps, completed=self.step, figure="")
            while self.step < last and self.misses < self.schedule.patience:
                self._advance_to(min(last, self._next_validation()), lambda: bar.update(shown, completed=self.step))
                bar.update(shown, figure=f"valid {abs(self.best):.4f} at step {self.best_step}")
        self.trainee.network.load_state_dict(self.best_weights)
        self.trainee.network.eval()
        return Outcome(self._signed(self.best), self.best_step, self.step, self.seconds)

    def state(self) -> dict[str, Any]:
        """Everything a resumed run needs; tensors and numbers only."""
        return {
            "network": self.trainee.network.state_dict(),
            "average": self.average.state_dict(),
            "best_weights": self.best_weights,
            "optimizer": self.optimizer.state_dict(),
            "progress": dict(self.trainee.progress()),
            "random": torch.get_rng_state(),
            "counters": [self.step, self.seconds, self.misses, self.best, self.best_step],
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` said."""
        self.trainee.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.best_weights = state["best_weights"]
        self.optimizer.load_state_dict(state["optimizer"])
        self.trainee.restore(state["progress"])
        torch.set_rng_state(state["random"])
        self.step, self.seconds, self.misses, self.best, self.best_step = state["counters"]

    def _announce(self) -> None:
        """Time a few steps and undo them, then say how long all of them will take."""
        before = copy.deepcopy(self.state())
        self._train_step()  # the first one is slower than all others
        start = time.perf_counter()
        for _ in range(TRIAL_STEPS):
            self._train_step()
        each = (time.perf_counter() - start) / TRIAL_STEPS
        self.load(before)
        left = self.schedule.steps - self.step
        self.console.print(
            f"{left} steps of {each * 1000:.0f} ms ({str(self.precision).removeprefix('torch.')}, "
            f"{torch.get_num_threads()} threads): at most {left * each / 60:.1f} minutes, validations not counted"
        )

    def _next_validation(self) -> int:
        return (self.step // self.schedule.validate_every + 1) * self.schedule.validate_every

    def _advance_to(self, step: int, on_step: Callable[[], object]) -> None:
        """Train up to a step, validate, save."""
        start, losses = time.perf_counter(), []
        while self.step < step:
            losses.append(self._train_step())
            on_step()
        valid = self.trainee.validate(self.average)
        if self.schedule.keep_last or self._signed(valid) < self.best:
            self.best, self.best_step, self.misses = self._signed(valid), self.step, 0
            self.best_weights = copy.deepcopy(self.average.state_dict())
        else:
            self.misses += 1
        self.seconds += time.perf_counter() - start
        self._record(sum(losses) / len(losses), valid)
        _save(self.state(), self.folder / CHECKPOINT)

    def _train_step(self) -> float:
        network = self.trainee.network.train()
        for group in self.optimizer.param_groups:
            group["lr"] = self.schedule.rate(self.step)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.precision == torch.bfloat16):
            loss = self.trainee.loss(self.step)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), self.schedule.clip)
        self.optimizer.step()
        self.step += 1
        # Early averages must forget the random start soon.
        decay = min(self.schedule.decay, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(network.parameters()), 1 - decay)
        return float(loss.detach())

    def _signed(self, figure: float) -> float:
        return -figure if self.trainee.higher_is_better else figure

    def _record(self, train_loss: float, valid: float) -> None:
        path = self.folder / CURVES
        new = not path.exists()
        with path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            if new:
                writer.writerow(COLUMNS)
            rate = self.schedule.rate(self.step - 1)
            writer.writerow((self.step, f"{self.seconds:.1f}", f"{rate:.6f}", f"{train_loss:.5f}", f"{valid:.5f}"))


def has_fast_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16 by itself; elsewhere autocast only costs time."""
    return bool(torch.cpu._is_avx512_bf16_supported())


def _optimizer(network: nn.Module, schedule: Schedule) -> torch.optim.Optimizer:
    """AdamW; biases do not decay."""
    matrices = [parameter for parameter in network.parameters() if parameter.dim() > 1]
    vectors = [parameter for parameter in network.parameters() if parameter.dim() < 2]
    groups = [{"params": matrices, "weight_decay": schedule.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=schedule.learning_rate, betas=(0.9, 0.99))


def _bar(console: Console) -> Progress:
    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}")
    return Progress(*columns, TimeRemainingColumn(), TextColumn("{task.fields[figure]}"), console=console)


def _save(state: Mapping[str, Any], path: Path) -> None:
    """Write aside, then move: a run that is killed here leaves the checkpoint before it."""
    torch.save(state, path.with_suffix(".new"))
    path.with_suffix(".new").replace(path)
