"""What the memory trials found, as tables for the terminal, a picture and a CSV."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from training.lab.memory import SOLVED, Time, Trial
from training.lab.problems import PROBLEMS
from training.report import picture, store_picture, tidy

COLOURS = {"rnn": "#c8553d", "gru": "#6a994e", "lstm": "#2a6f97"}
TIMES: tuple[Time, Time] = ("before", "after")
VISIBLE = 1e-12  # of a gradient: float32 adds nothing smaller to what it was at the last step


def outcome_table(trials: Sequence[Trial], problem: str) -> Group:
    """Lags down, cells across: the step at which a cell had solved it, or its error at the end."""
    measure = PROBLEMS[problem].measure
    about = f"error: {measure}; 1.00 is one who remembers nothing, {SOLVED} and less is solved"
    return _by_lag_and_cell(f"{problem}: remember over a lag", about, trials, problem, _outcome)


def gradient_table(trials: Sequence[Trial], problem: str) -> Group:
    """Lags down, cells across: the share of a gradient that arrives `lag` steps earlier, before and after training."""
    about = "norm by the state so many steps before the end, as a share of that at the end: before → after training"
    return _by_lag_and_cell(f"{problem}: gradient left after a lag", about, trials, problem, _survival)


def draw_memory(trials: Sequence[Trial], target: Path) -> None:
    """One row for each problem: error against lag, and gradient norm against lag before and after training."""
    problems = list(dict.fromkeys(trial.problem for trial in trials))
    figure, grid = picture(len(problems), 3, (14, 3.9 * len(problems)))
    for (left, middle, right), problem in zip(grid, problems, strict=True):
        own = [trial for trial in trials if trial.problem == problem]
        _draw_errors(left, own, problem)
        longest = max(trial.lag for trial in own)
        for axes, when in zip((middle, right), TIMES, strict=True):
            _draw_gradients(axes, [trial for trial in own if trial.lag == longest], when)
            axes.set(title=f"{problem}, lag {longest}: gradient {when} training")
    store_picture(figure, target)


def write_trials(trials: Sequence[Trial], target: Path) -> None:
    """One line for each trial."""
    with target.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("problem", "lag", "cell", "error", "solved_at_step", "steps", "seconds", "before", "after"))
        for trial in trials:
            left = [f"{trial.left(when):.3e}" for when in TIMES]
            spent = (trial.errors[-1][0], f"{trial.seconds:.1f}")
            solved = trial.solved_at or ""
            writer.writerow((trial.problem, trial.lag, trial.cell, f"{trial.error:.4f}", solved, *spent, *left))


def _by_lag_and_cell(
    title: str, about: str, trials: Sequence[Trial], problem: str, shown: Callable[[Trial], Text]
) -> Group:
    cells = list(dict.fromkeys(trial.cell for trial in trials))
    table = Table()
    for name in ("lag", *cells):
        table.add_column(name, justify="right")
    for lag in sorted({trial.lag for trial in trials}):
        found = {trial.cell: trial for trial in trials if (trial.problem, trial.lag) == (problem, lag)}
        table.add_row(str(lag), *(shown(found[cell]) if cell in found else "" for cell in cells))
    return Group(Text(title, style="bold"), table, Text(about + "\n", style="dim"))


def _outcome(trial: Trial) -> Text:
    if trial.solved_at is not None:
        return Text(f"solved at step {trial.solved_at:,}", style="green")
    return Text(f"error {trial.error:.2f}", style="red" if trial.error > 0.8 else "yellow")


def _survival(trial: Trial) -> Text:
    before, after = trial.left("before"), trial.left("after")
    return Text(f"{before:.0e} → {after:.0e}", style="red" if after < 1e-6 else "")


def _draw_errors(axes: Any, trials: Sequence[Trial], problem: str) -> None:
    for cell in dict.fromkeys(trial.cell for trial in trials):
        own = sorted((trial for trial in trials if trial.cell == cell), key=lambda trial: trial.lag)
        lags, errors = [trial.lag for trial in own], [trial.error for trial in own]
        axes.plot(lags, errors, "o-", color=COLOURS[cell], label=cell, linewidth=1.8)
    axes.axhline(1.0, color="#999999", linewidth=1, linestyle=":")
    axes.set(title=f"{problem}: error after training", xlabel="lag (steps)", ylabel=PROBLEMS[problem].measure)
    axes.set(xscale="log", ylim=(-0.03, 1.15))
    lags = sorted({trial.lag for trial in trials})
    axes.set_xticks(lags, [str(lag) for lag in lags])
    axes.minorticks_off()
    axes.legend(frameon=False)
    tidy(axes)


def _draw_gradients(axes: Any, trials: Sequence[Trial], when: Time) -> None:
    for trial in trials:
        norms = [max(norm, VISIBLE / 10) for norm in trial.norms(when)]
        axes.plot(range(len(norms)), norms, color=COLOURS[trial.cell], label=trial.cell, linewidth=1.8)
    axes.set(yscale="log", xlabel="steps before the end", ylabel="norm / norm at the end")
    low, high = axes.get_ylim()
    axes.set_ylim(max(low, VISIBLE), max(high, 10.0))
    axes.legend(frameon=False)
    tidy(axes)
