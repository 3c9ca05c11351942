"""One module for each task: network, loss, metric, baseline and recipe."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from training.loop import Schedule, Trainee

if TYPE_CHECKING:
    from rich.console import Console
    from tokenizers import Tokenizer

    from service.bundle import QualityFigure
    from training.export import Exportable
    from training.networks import RecurrentNetwork
    from training.report import Section
    from training.run import Run

TASKS = ("text_generation", "sentiment")


class Subject(Trainee[Any], Protocol):
    """A task with its data and recipe, ready to be trained, measured, shown and exported."""

    tokenizer: Tokenizer

    @property
    def schedule(self) -> Schedule:
        """How long and how fast to train."""

    def final_network(self) -> RecurrentNetwork:
        """The network as it is served, from what was trained."""

    def measure(self, command: str) -> tuple[QualityFigure, ...]:
        """The figures on the test part, each beside its baseline on the same text. Touches the test part."""

    def sections(self, folder: Path) -> list[Section]:
        """What the report shows beside the curves; pictures are written into `folder`. Uses the validation part."""

    def exportable(self, run: Run) -> Exportable:
        """All that an export needs."""


class Task(Protocol):
    """What a module in here offers, by these names."""

    METRIC: str

    def recipe(self, cell: str | None, smoke: bool, seed: int | None) -> Any:
        """The recipe of the shipped model, or a variant of it."""

    def recipe_from(self, said: Mapping[str, Any]) -> Any:
        """A recipe from its plain data."""

    def subject(self, recipe: Any, data: Path | None) -> Subject:
        """Load the data (the shipped model's, or the user's own file) and build the network. Raises DataError."""

    def cross_validate(self, recipe: Any, data: Path | None, folds: int, console: Console, command: str) -> Any:
        """Train and measure once for each fold. Raises ValueError where the task has no folds."""


def task_named(name: str) -> Task:
    """The module of a task. Raises ValueError when there is none."""
    from training.tasks import sentiment, text_generation

    modules: dict[str, Any] = {"text_generation": text_generation, "sentiment": sentiment}
    if name not in modules:
        raise ValueError(f"there is no task {name!r}; there are {', '.join(TASKS)}")
    task: Task = modules[name]
    return task


def subject_of_run(run: Run) -> Subject:
    """The subject of a finished run, with its trained weights."""
    from training.run import load_weights

    task = task_named(run.task)
    subject = task.subject(task.recipe_from(run.recipe), Path(run.data) if run.data else None)
    weights, tokenizer = load_weights(run.folder)
    if tokenizer.to_str() != subject.tokenizer.to_str():
        raise ValueError(f"{run.folder}: the data has changed since this run; train again")
    subject.network.load_state_dict(weights)
    subject.network.eval()
    return subject


def exportable_of_run(folder: Path) -> Exportable:
    """What `hiddenstate export FOLDER` writes. Raises ValueError when the folder holds no finished run."""
    from training.run import Run

    run = Run.load(folder)
    return subject_of_run(run).exportable(run)
