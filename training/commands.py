"""The commands `hiddenstate train` and `hiddenstate evaluate`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.table import Table

from hiddenstate.local_server import StartError
from service.errors import ServiceError
from training.data.cache import DataError
from training.evaluate_all import evaluate_all
from training.graph.halves import round_to_halves
from training.loop import CHECKPOINT, Training
from training.report import write_report
from training.run import Run, hardware, plain, save_weights, source_revision
from training.tasks import TASKS, Subject, exportable_of_run, subject_of_run, task_named
from training.verify import verify

TaskArgument = Annotated[str, typer.Argument(metavar="TASK", help=f"What to learn: {', '.join(TASKS)}.")]
CellOption = Annotated[str | None, typer.Option(help="rnn, gru or lstm; default: the recipe's.")]
SmokeOption = Annotated[bool, typer.Option("--smoke", help="A tiny network for seconds, to try the whole path.")]
DataOption = Annotated[Path | None, typer.Option(help="Your own data: a text file, or a CSV with text,label.")]
OutOption = Annotated[Path | None, typer.Option(help="The run's folder; default: runs/TASK.")]
SeedOption = Annotated[int | None, typer.Option(help="Default: the recipe's.")]
ThreadsOption = Annotated[int | None, typer.Option(min=1, help="Threads of torch; default: one for each core.")]
ResumeOption = Annotated[bool, typer.Option("--resume", help="Go on from the run's last checkpoint.")]
ExportOption = Annotated[
    Path | None, typer.Option("--export", metavar="MODELS", help="Then measure, export into this folder and verify.")
]
SourceArgument = Annotated[
    str | None, typer.Argument(metavar="RUN|TASK", help="A run's folder, or a task with --folds.")
]
FoldsOption = Annotated[int | None, typer.Option(min=2, help="Train and measure again for each of so many folds.")]
AllOption = Annotated[
    bool, typer.Option("--all", help="Measure every shipped bundle again, by itself and through a server.")
]
ModelsOption = Annotated[Path, typer.Option("--models", help="The model repository, for --all.")]
SampleOption = Annotated[int, typer.Option(min=1, help="Examples of each test part for the server, with --all.")]


def train(
    task: TaskArgument,
    cell: CellOption = None,
    smoke: SmokeOption = False,
    data: DataOption = None,
    out: OutOption = None,
    seed: SeedOption = None,
    threads: ThreadsOption = None,
    resume: ResumeOption = False,
    export: ExportOption = None,
) -> None:
    """Train a network; with --export also measure it on the test part and write a verified bundle."""
    console, folder = Console(stderr=True), out or Path("runs") / task
    with _failures_end_the_command(), _goes_on_with(f"hiddenstate train {task} --out {folder} --resume"):
        _set_threads(threads)
        chosen = task_named(task)
        if cell not in (None, "rnn", "gru", "lstm"):
            raise ValueError(f"--cell {cell} is none of rnn, gru, lstm")
        if resume and not (folder / CHECKPOINT).is_file():
            raise ValueError(f"{folder} holds no checkpoint to resume; leave out --resume")
        recipe, revision = chosen.recipe(cell, smoke, seed), source_revision()
        subject = chosen.subject(recipe, data)
        outcome = Training(subject, subject.schedule, folder, console).run(resume=resume)
        round_to_halves(subject.network)
        save_weights(folder, subject.network.state_dict(), subject.frontend_files)
        run = Run(
            folder=folder,
            task=task,
            recipe=plain(recipe),
            data=str(data.resolve()) if data else None,
            command=_command(),
            seconds=outcome.seconds,
            revision=revision,
            hardware=hardware(),
            valid=outcome.best,
        )
        if export is not None:
            run = run.with_figures(*subject.measure(run.command))
        _keep(run, subject, console)
        if export is not None:
            _export(run, export, console)


def evaluate(
    source: SourceArgument = None,
    folds: FoldsOption = None,
    data: DataOption = None,
    threads: ThreadsOption = None,
    everything: AllOption = False,
    models: ModelsOption = Path("models"),
    sample: SampleOption = 32,
) -> None:
    """Measure a run on the test part beside its baseline, its recipe with --folds, or with --all what is shipped."""
    if everything:
        with _failures_end_the_command():
            equal = evaluate_all(models, sample, Console())
        raise typer.Exit(0 if equal else 1)
    console = Console(stderr=True)
    with _failures_end_the_command():
        _set_threads(threads)
        if source is None:
            raise ValueError("name a run's folder, e.g. runs/sentiment; or give --all")
        if source in TASKS:
            if folds is None:
                raise ValueError(f"give a run's folder, e.g. runs/{source}, or --folds 10")
            task = task_named(source)
            figure = task.cross_validate(task.recipe(None, False, None), data, folds, console, _command())
            Console().print_json(data=figure.model_dump())
            return
        run = Run.load(Path(source))
        subject = subject_of_run(run)
        if folds is None:
            run = run.with_figures(*subject.measure(_command()))
        else:
            task, own = task_named(run.task), Path(run.data) if run.data else None
            command = f"hiddenstate evaluate {run.task} --folds {folds}"
            run = run.with_figures(task.cross_validate(task.recipe_from(run.recipe), own, folds, console, command))
        _keep(run, subject, Console())


def _keep(run: Run, subject: Subject, console: Console) -> None:
    """Write the run and its report, and show its figures."""
    run.save()
    report = write_report(run, task_named(run.task).METRIC, subject.sections(run.folder))
    table = Table("metric", "value", "baseline", "split")
    for figure in run.figures:
        table.add_row(figure.metric, f"{figure.value:.4f}", f"{figure.baseline_value or 0:.4f}", figure.split)
    if run.figures:
        console.print(table)
    console.print(f"wrote {report}", markup=False)


def _export(run: Run, models: Path, console: Console) -> None:
    """Write the bundle and verify it against torch. Raises ValueError when a check fails."""
    exportable = exportable_of_run(run.folder)
    bundle = exportable.write(models)
    report = verify(bundle, exportable.network)
    for check in report.checks:
        console.print(
            f"{'passed' if check.passed else 'FAILED'}: {check.variant}, {check.fact} ({check.scope}), "
            f"{check.difference:.1e} of at most {check.bound:.1e}",
            markup=False,
        )
    for name, reason in bundle.manifest.withheld.items():
        console.print(f"{name} is not shipped: {reason}", markup=False)
    if not report.passed:
        raise ValueError(f"{bundle.folder} failed its verification; see above")
    console.print(f"wrote {bundle.folder}", markup=False)


def _set_threads(threads: int | None) -> None:
    if threads is not None:
        torch.set_num_threads(threads)


def _command() -> str:
    """The command line that is running, as it stands in a bundle."""
    return recorded(sys.argv[1:])


def recorded(words: Sequence[str]) -> str:
    """A command as another one types it again: where a run and a bundle were written on this machine is left out."""
    kept = ["hiddenstate"]
    rest = iter(words)
    for word in rest:
        option, given, value = word.partition("=")
        if option not in ("--out", "--export"):
            kept.append(word)
            continue
        value = value if given else next(rest, "")
        if option == "--export" and value:
            kept += [option, "models"]
    return " ".join(kept)


@contextmanager
def _failures_end_the_command() -> Iterator[None]:
    """What goes wrong is printed with what to do, and the command ends with code 1."""
    try:
        yield
    except (DataError, ServiceError, StartError, ValueError, OSError) as error:
        Console(stderr=True).print(f"error: {error}", style="red", markup=False)
        raise typer.Exit(1) from error


@contextmanager
def _goes_on_with(command: str) -> Iterator[None]:
    """Ctrl-C ends the command with the one that goes on from the last checkpoint."""
    try:
        yield
    except KeyboardInterrupt:
        Console(stderr=True).print(f"stopped; `{command}` goes on from the last validation", markup=False)
        raise typer.Exit(130) from None
