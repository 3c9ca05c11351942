"""How far back a cell can learn to look: trials over growing lags, and how much of a gradient survives each step."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from training.lab.problems import Problem
from training.networks import CellName, NetworkSpec, RecurrentNetwork, State

Start: TypeAlias = Literal["open", "torch"]
Time: TypeAlias = Literal["before", "after"]

SOLVED = 0.05  # of the error of one who remembers nothing
TEST_ROWS, MEASURE_ROWS = 512, 64


@dataclass(frozen=True)
class Effort:
    """What every trial may spend, the same for each cell: a trial ends when it is solved, or after these steps."""

    hidden: int = 64
    steps: int = 2500
    rows: int = 64
    learning_rate: float = 4e-3
    clip: float = 1.0
    check_every: int = 50
    start: Start = "open"


@dataclass(frozen=True)
class Trial:
    """One network on one problem at one lag.

    `errors` holds (step, error) at every check, on made-up data of its own; 1 is chance. `before` and `after` are the
    gradient norms of `gradient_norms` at the start and at the end of training.
    """

    problem: str
    cell: CellName
    lag: int
    errors: tuple[tuple[int, float], ...]
    seconds: float
    before: tuple[float, ...]
    after: tuple[float, ...]

    @property
    def error(self) -> float:
        """The error at the end."""
        return self.errors[-1][1]

    @property
    def solved_at(self) -> int | None:
        """The step at which the problem was found solved."""
        return self.errors[-1][0] if self.error <= SOLVED else None

    def norms(self, when: Time) -> tuple[float, ...]:
        """The gradient norms before or after training."""
        return self.before if when == "before" else self.after

    def left(self, when: Time) -> float:
        """The share of the gradient that is left `lag` steps before the end."""
        return self.norms(when)[self.lag]


def run_trial(
    problem: Problem, cell: CellName, lag: int, effort: Effort, seed: int, progress: Callable[[int, float], None]
) -> Trial:
    """Train one network until it solves the problem or its steps are used up; `progress` gets each check."""
    torch.manual_seed(seed)
    network = RecurrentNetwork(
        NetworkSpec(cell, effort.hidden, features=problem.features, heads={"answer": problem.head})
    )
    if effort.start == "open":
        open_gates(network, lag)
    before = gradient_norms(network, problem, lag, seed)
    optimizer = torch.optim.Adam(network.parameters(), lr=effort.learning_rate)
    generator = torch.Generator().manual_seed(seed)
    errors: list[tuple[int, float]] = []
    began = time.perf_counter()
    for step in range(1, effort.steps + 1):
        inputs, targets = problem.batch(lag, effort.rows, generator)
        loss = problem.loss(_answers(network, inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), effort.clip)
        optimizer.step()
        if step % effort.check_every == 0 or step == effort.steps:
            errors.append((step, _test_error(network, problem, lag)))
            progress(*errors[-1])
            if errors[-1][1] <= SOLVED:
                break
    seconds = time.perf_counter() - began
    after = gradient_norms(network, problem, lag, seed)
    return Trial(problem.name, cell, lag, tuple(errors), seconds, before, after)


def open_gates(network: RecurrentNetwork, lag: int) -> None:
    """Begin with gates that keep the state for 1 to `lag` steps, each unit for another time: the chrono initialisation
    of Tallec and Ollivier (2018). torch begins with gates half open, which forget within a few steps; a plain RNN has
    none to open.
    """
    cell, hidden = network.spec.cell, network.spec.hidden
    if cell == "rnn":
        return
    for layer in network.layers:
        kept = torch.log(torch.empty(hidden).uniform_(1, max(lag - 1, 2)))
        for name, parameter in layer.named_parameters():
            if name.startswith("bias"):
                parameter.data.zero_()
        bias = layer.get_parameter("bias_ih_l0").data
        # torch's order of gates: input, forget, cell, output; or reset, update, new. An open update gate keeps.
        bias[hidden : 2 * hidden] = kept
        if cell == "lstm":
            bias[:hidden] = -kept


def gradient_norms(network: RecurrentNetwork, problem: Problem, lag: int, seed: int) -> tuple[float, ...]:
    """How strongly the loss of the answers feels the state of each earlier step: the norm of the gradient of the loss
    by the state (h, and c for LSTM) that enters the step, the mean over rows, as a share of its value at the last step.

    Index 0 is the last step, index k lies k steps before it. An error signal that shrinks by the same factor at every
    step is the vanishing gradient of Hochreiter (1991) and of Bengio, Simard and Frasconi (1994).
    """
    inputs, targets = problem.batch(lag, MEASURE_ROWS, torch.Generator().manual_seed(seed))
    one = torch.ones(len(inputs), dtype=torch.int64)
    state: State = tuple(part.requires_grad_() for part in network.initial_state(len(inputs)))
    states: list[State] = []
    outputs: list[Tensor] = []
    for step in inputs.split(1, dim=1):  # each [rows, 1, features]
        for part in state:
            part.retain_grad()
        states.append(state)
        answer, state = network(step, one, state)
        outputs.append(answer["answer"])
    problem.loss(torch.cat(outputs, dim=1), targets).backward()
    norms = [float(_norm(state)) for state in reversed(states)]
    return tuple(norm / norms[0] for norm in norms)


def _norm(state: State) -> Tensor:
    gradients = [part.grad for part in state if part.grad is not None]
    norm: Tensor = torch.cat(gradients, dim=1).norm(dim=1).mean()
    return norm


def _answers(network: RecurrentNetwork, inputs: Tensor) -> Tensor:
    lengths = torch.full((len(inputs),), inputs.shape[1])
    outputs, _ = network(inputs, lengths, network.initial_state(len(inputs)))
    answers: Tensor = outputs["answer"]
    return answers


def _test_error(network: RecurrentNetwork, problem: Problem, lag: int) -> float:
    """On the same made-up rows for every cell and seed."""
    with torch.no_grad():
        inputs, targets = problem.batch(lag, TEST_ROWS, torch.Generator().manual_seed(2**31 - 1))
        return problem.error(_answers(network, inputs), targets)


def longest_solved(trials: Sequence[Trial], problem: str, cell: CellName) -> int | None:
    """The longest lag up to which the cell solved every trial of the problem; None when not even the first."""
    longest = None
    for trial in sorted((t for t in trials if (t.problem, t.cell) == (problem, cell)), key=lambda t: t.lag):
        if trial.solved_at is None:
            break
        longest = trial.lag
    return longest
