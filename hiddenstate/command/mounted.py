"""Commands of the server and of training: present when their extra is installed, named with the remedy when not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import typer

GROUP = "hiddenstate.commands"
OURS = frozenset({"hiddenstate", "service", "training"})


@dataclass(frozen=True, slots=True)
class Mounted:
    """A command of another package; `about` is shown without importing it."""

    name: str
    extra: str
    panel: str
    about: str


MOUNTED = (
    Mounted("serve", "service", "Run a server", "Serve the models of a repository over gRPC."),
    Mounted("inspect", "service", "Run a server", "Show what is in a bundle: tensors, figures, graph."),
    Mounted("train", "training", "Make models", "Train a task from its recipe, or on your own data."),
    Mounted("evaluate", "training", "Make models", "Measure a trained model, beside its baseline."),
    Mounted("export", "training", "Make models", "Write a trained model as a bundle that the server reads."),
    Mounted("verify", "training", "Make models", "Check a bundle: parity with torch, and the laws bit for bit."),
    Mounted("lab", "training", "Make models", "Small experiments: what a choice of cell means for memory."),
)


def mount(app: typer.Typer) -> None:
    """Add every command of the entry-point group; none is imported before it is run."""
    found = {point.name: point for point in entry_points(group=GROUP)}
    for command in MOUNTED:
        _add(app, command, found.pop(command.name, None))
    for name, point in found.items():
        _add(app, Mounted(name, "", "More", f"From {point.value.partition(':')[0]}."), point)


def _add(app: typer.Typer, command: Mounted, point: EntryPoint | None) -> None:
    about = command.about if point else f"{command.about} [dim](needs {_remedy(command)})[/dim]"
    # Whatever follows the name, --help included, belongs to the command itself.
    settings = {"allow_extra_args": True, "ignore_unknown_options": True}
    register = app.command(
        command.name, help=about, rich_help_panel=command.panel, context_settings=settings, add_help_option=False
    )
    register(_runner(command, point))


def _runner(command: Mounted, point: EntryPoint | None) -> Callable[[typer.Context], None]:
    def run(ctx: typer.Context) -> None:
        if point is None:
            raise _missing(command, "it is not installed")
        try:
            loaded = point.load()
            inner = loaded if isinstance(loaded, typer.Typer) else _alone(command.name, loaded)
            inner(args=ctx.args, prog_name=f"hiddenstate {command.name}")
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] in OURS:
                raise
            raise _missing(command, f"the package {error.name} is missing") from error

    return run


def _alone(name: str, function: Callable[..., Any]) -> typer.Typer:
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command(name)(function)
    return app


def _missing(command: Mounted, why: str) -> Any:
    typer.secho(f"error: `hiddenstate {command.name}`: {why}; install {_remedy(command)}", fg="red", err=True)
    return typer.Exit(1)


def _remedy(command: Mounted) -> str:
    extra = f"[{command.extra}]" if command.extra else ""
    return f"pip install 'hiddenstate{extra}'"
