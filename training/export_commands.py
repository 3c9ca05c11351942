"""The commands `hiddenstate export` and `hiddenstate verify`."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from service.bundle import load_bundle
from service.errors import ServiceError
from training.data.cache import DataError
from training.export import Exportable
from training.graph.seq2seq import Seq2seq
from training.graph.trace import Network
from training.verify import VerifyReport
from training.verify import verify as verify_bundle

SourceArgument = Annotated[
    str, typer.Argument(metavar="SOURCE", help="A run's folder, or FILE.py:FUNCTION that returns an Exportable.")
]
ModelsOption = Annotated[Path, typer.Option("--models", help="The model repository to write into.")]
BundleArgument = Annotated[Path, typer.Argument(metavar="BUNDLE", help="A bundle's folder: models/<name>/<version>.")]
AgainstOption = Annotated[
    str | None, typer.Option("--against", help="Compare with torch as well: the SOURCE that was exported.")
]


def export(source: SourceArgument, models: ModelsOption = Path("models")) -> None:
    """Export a trained network to a bundle, and verify it against torch."""
    try:
        exportable = _exportable(source)
        bundle = exportable.write(models)
        report = verify_bundle(bundle, exportable.network)
    except (ServiceError, DataError, ValueError, OSError) as error:
        raise _failure(str(error)) from error
    for name, reason in bundle.manifest.withheld.items():
        Console().print(f"{name} is not shipped: {reason}", markup=False)
    _show(report)
    Console().print(f"wrote {bundle.folder}", markup=False)


def verify(bundle: BundleArgument, against: AgainstOption = None) -> None:
    """Verify a bundle: digests, golden vectors, and that no bit depends on other sessions or on how input is cut."""
    network: Network | Seq2seq | None = None
    try:
        if against is not None:
            network = _exportable(against).network
        report = verify_bundle(load_bundle(bundle), network)
    except (ServiceError, DataError, ValueError, OSError) as error:
        raise _failure(str(error)) from error
    _show(report)


def _exportable(source: str) -> Exportable:
    """What `source` names. Raises ValueError with the remedy when it names nothing that can be exported."""
    path, _, function = source.partition(":")
    if Path(path).suffix != ".py":
        from training.tasks import exportable_of_run

        return exportable_of_run(Path(source))
    if not Path(path).is_file():
        raise ValueError(f"there is no file {path}")
    spec = importlib.util.spec_from_file_location(Path(path).stem, path)
    if spec is None or spec.loader is None:
        raise ValueError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made = getattr(module, function or "exportable", None)
    result = made() if callable(made) else None
    if not isinstance(result, Exportable):
        name = function or "exportable"
        raise ValueError(f"{path} needs a function {name}() that returns a training.export.Exportable")
    return result


def _show(report: VerifyReport) -> None:
    """Print the report; ends the command with code 1 when a check failed."""
    table = Table(title=f"{report.name}: {'verified' if report.passed else 'FAILED'}", title_justify="left")
    for column in ("variant", "fact", "over", "largest difference", "bound", ""):
        table.add_column(column)
    for check in report.checks:
        bound = "bit for bit" if check.bound == 0 else f"{check.bound:.1e}"
        mark = "[green]ok[/]" if check.passed else "[red]FAILED[/]"
        table.add_row(check.variant, check.fact, check.scope, f"{check.difference:.2g}", bound, mark)
    Console().print(table)
    if not report.passed:
        raise typer.Exit(1)


def _failure(message: str) -> typer.Exit:
    Console(stderr=True, highlight=False).print(message, style="red", markup=False, soft_wrap=True)
    return typer.Exit(1)
