"""One module for each task: network, loss, metric, baseline and recipe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import JsonValue

from training.loop import Schedule, Trainee

if TYPE_CHECKING:
    from rich.console import Console
    from torch import nn

    from hiddenstate import Client
    from service.bundle import Bundle, QualityFigure
    from training.export import Exportable
    from training.report import Section
    from training.run import Run

TASKS: Mapping[str, str] = {
    "text_generation": "training.tasks.text_generation",
    "sentiment": "training.tasks.sentiment",
    "tagging": "training.tasks.tagging:STREAMING",
    "tagging_whole": "training.tasks.tagging:WHOLE",
    "digits": "training.tasks.dense:DIGITS",
    "breast_cancer": "training.tasks.dense:BREAST_CANCER",
    "named_entities": "training.tasks.named_entities:TASK",
    "forecast_yearly": "training.tasks.forecast:YEARLY",
    "forecast_quarterly": "training.tasks.forecast:QUARTERLY",
    "forecast_monthly": "training.tasks.forecast:MONTHLY",
    "forecast_other": "training.tasks.forecast:OTHER",
    "fingerspelling": "training.tasks.gesture:FINGERSPELLING",
    "japanese_vowels": "training.tasks.gesture:JAPANESE_VOWELS",
    "cricket": "training.tasks.gesture:CRICKET",
    "music": "training.tasks.music:CHORALES",
    "pronunciation": "training.tasks.pronunciation:TASK",
    "translation": "training.tasks.translation:TASK",
    "speech": "training.tasks.speech:TASK",
}
"""What can be learned: a name, and the module, or `module:attribute`, that offers a `Task`."""


class Subject(Trainee[Any], Protocol):
    """A task with its data and recipe, ready to be trained, measured, shown and exported."""

    @property
    def frontend_files(self) -> Mapping[str, bytes]:
        """The frontend as it was fitted on the training part: file name → content, kept with the weights."""

    @property
    def schedule(self) -> Schedule:
        """How long and how fast to train."""

    def final_network(self) -> nn.Module:
        """The network as it is served, from what was trained."""

    def measure(self, command: str) -> tuple[QualityFigure, ...]:
        """The figures on the test part, each beside its baseline on the same text. Touches the test part."""

    def sections(self, folder: Path) -> list[Section]:
        """What the report shows beside the curves; pictures are written into `folder`. Uses the validation part."""

    def exportable(self, run: Run) -> Exportable:
        """All that an export needs."""


class Examination(Protocol):
    """How the figures of a shipped bundle are measured again, from the bundle alone.

    Answers are plain JSON data, so that those of ONNX Runtime and those of the running server can be compared.
    """

    def figures(self, bundle: Bundle, variant: str, command: str) -> tuple[QualityFigure, ...]:
        """Every figure of the manifest, measured through ONNX Runtime on the whole test part, and its baseline.

        Raises DataError when a baseline cannot be measured here.
        """

    def sample(self, count: int) -> Sequence[Any]:
        """Some examples of the test part, the same ones every time."""

    def answers(self, bundle: Bundle, variant: str, examples: Sequence[Any]) -> list[JsonValue]:
        """The answer to each example through ONNX Runtime, with the decoder that the server uses."""

    def served_answers(self, client: Client, model: str, examples: Sequence[Any]) -> list[JsonValue]:
        """The answer to each example from a running server."""


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

    def examination(self) -> Examination:
        """How the shipped bundle of this task is measured. Raises DataError when the data cannot be had."""


def task_named(name: str) -> Task:
    """The task of a name. Raises ValueError when there is none."""
    if name not in TASKS:
        raise ValueError(f"there is no task {name!r}; there are {', '.join(TASKS)}")
    module, _, attribute = TASKS[name].partition(":")
    found: Any = import_module(module)
    task: Task = getattr(found, attribute) if attribute else found
    return task


def subject_of_run(run: Run) -> Subject:
    """The subject of a finished run, with its trained weights."""
    from training.run import load_weights, same_files

    task = task_named(run.task)
    subject = task.subject(task.recipe_from(run.recipe), Path(run.data) if run.data else None)
    if not same_files(run.folder, subject.frontend_files):
        raise ValueError(f"{run.folder}: the data has changed since this run; train again")
    subject.network.load_state_dict(load_weights(run.folder))
    subject.network.eval()
    return subject


def exportable_of_run(folder: Path) -> Exportable:
    """What `hiddenstate export FOLDER` writes. Raises ValueError when the folder holds no finished run."""
    from training.run import Run

    run = Run.load(folder)
    return subject_of_run(run).exportable(run)
