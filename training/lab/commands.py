"""The command `hiddenstate lab`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeVar

import torch
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from training.lab.memory import Effort, Start, Trial, run_trial
from training.lab.pictures import draw_memory, gradient_table, outcome_table, write_trials
from training.lab.problems import PROBLEMS
from training.networks import CellName

CELLS: tuple[CellName, ...] = ("rnn", "gru", "lstm")
STARTS: tuple[Start, ...] = ("open", "torch")
Word = TypeVar("Word", bound=str)

lab = typer.Typer(
    help="Small experiments that show what a choice means.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@lab.callback()
def _keeps_the_name() -> None:
    """Small experiments that show what a choice means."""


@lab.command("memory")
def memory(
    lags: Annotated[str, typer.Option(help="Steps to remember over, each a trial.")] = "10,25,50,100,200",
    cells: Annotated[str, typer.Option(help="Cells to compare.")] = "rnn,gru,lstm",
    problems: Annotated[str, typer.Option(help="Problems to solve.")] = ",".join(PROBLEMS),
    steps: Annotated[int, typer.Option(min=1, help="Training steps of a trial that is not solved earlier.")] = 2500,
    hidden: Annotated[int, typer.Option(min=1, help="Units of the layer.")] = 64,
    start: Annotated[str, typer.Option(help="Gates at the start: open for the lag, or as torch makes them.")] = "open",
    seed: Annotated[int, typer.Option(help="Of the weights and the made-up data.")] = 0,
    out: Annotated[Path, typer.Option(help="Folder for memory.png and memory.csv.")] = Path("runs/lab"),
    threads: Annotated[int, typer.Option(min=1, help="Threads of torch; layers this small gain nothing from two.")] = 1,
) -> None:
    """How far back can a cell learn to look? Trains each on the adding problem and the copy task over growing lags."""
    console = Console()
    try:
        chosen_lags = sorted({int(lag) for lag in lags.split(",")})
    except ValueError:
        raise typer.BadParameter(f"--lags {lags}: give whole numbers, e.g. 10,50,100") from None
    if chosen_lags[0] < 2:
        raise typer.BadParameter(f"--lags {lags}: a lag is at least 2 steps")
    chosen_cells = _chosen("--cells", cells, CELLS)
    chosen_problems = _chosen("--problems", problems, tuple(PROBLEMS))
    effort = Effort(hidden=hidden, steps=steps, start=_chosen("--start", start, STARTS)[0])
    torch.set_num_threads(threads)
    plan = [(problem, lag, cell) for problem in chosen_problems for lag in chosen_lags for cell in chosen_cells]
    trials = _run(plan, effort, seed, console)
    for problem in chosen_problems:
        console.print(outcome_table(trials, problem), gradient_table(trials, problem))
    out.mkdir(parents=True, exist_ok=True)
    draw_memory(trials, out / "memory.png")
    write_trials(trials, out / "memory.csv")
    console.print(f"wrote {out / 'memory.png'} and {out / 'memory.csv'}", markup=False)


def _run(plan: list[tuple[str, int, CellName]], effort: Effort, seed: int, console: Console) -> list[Trial]:
    """All trials, one after the other, with a line for each that runs and how long they took together."""
    trials: list[Trial] = []
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[error]}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        overall = progress.add_task("trials", total=len(plan), error="")
        for problem, lag, cell in plan:
            row = progress.add_task(f"{problem}, lag {lag}, {cell}", total=effort.steps, error="")

            def show(step: int, error: float, row: TaskID = row) -> None:
                progress.update(row, completed=step, error=f"error {error:.2f}")

            trials.append(run_trial(PROBLEMS[problem], cell, lag, effort, seed, show))
            progress.remove_task(row)
            progress.update(overall, advance=1, error=f"{len(trials)} of {len(plan)}")
    return trials


def _chosen(option: str, text: str, known: tuple[Word, ...]) -> list[Word]:
    """The comma-separated words of an option, in their order. Raises BadParameter for one that is not known."""
    words: dict[str, Word] = {name: name for name in known}
    for word in text.split(","):
        if word not in words:
            raise typer.BadParameter(f"{option} {text}: {word!r} is none of {', '.join(known)}")
    return [words[word] for word in dict.fromkeys(text.split(","))]
