"""`hiddenstate evaluate --all`: every shipped bundle measured again, shown beside what its manifest says."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hiddenstate import Client
from hiddenstate.errors import ServerError
from hiddenstate.local_server import local_server
from service.errors import ServiceError
from training.examine import VARIANT, Comparison, Examined, NotExaminedError, examine, newest_bundles

COLUMNS = ("", "manifest", "measured", "baseline", "figure")


def evaluate_all(models: Path, count: int, console: Console) -> bool:
    """Measure all bundles of a repository, and `count` examples of each through a server; whether all came out equal.

    A bundle that could not be measured is named with the reason; that is no difference, unless it is true of all.
    Raises StartError, BundleError, ValueError when the repository cannot be served at all.
    """
    bundles, measured, equal = newest_bundles(models), 0, True
    console.print(_table(("", *COLUMNS[1:]), style="bold"))
    with local_server(str(models), "--precision", VARIANT) as server, Client(server.address) as client:
        for bundle in bundles:
            name = bundle.manifest.name
            try:
                with console.status(f"measuring {name}"):
                    examined = examine(bundle, client, count)
            except NotExaminedError as reason:
                console.print(f"[bold]{name}[/] was not measured:", escape(str(reason)), highlight=False)
                continue
            except (ServerError, ServiceError) as error:
                console.print(f"[bold]{name}[/] [red]FAILED:[/]", escape(str(error)), highlight=False)
                equal = False
                continue
            _show(name, examined, console)
            measured, equal = measured + 1, equal and examined.equal
    return equal and measured > 0


def _show(name: str, examined: Examined, console: Console) -> None:
    """What was found about one bundle: a line about the server, and one for each figure."""
    served, asked = examined.served, examined.asked
    mark = "[green]equal[/]" if served == asked else "[red]DIFFERS[/]"
    console.print(
        f"[bold]{name}[/] through the server: {served} of {asked} answers {mark}, {examined.seconds:.1f} s",
        highlight=False,
    )
    for comparison in examined.comparisons:
        console.print(_table(_row(comparison)))


def _row(comparison: Comparison) -> tuple[str, ...]:
    recorded, measured = comparison.recorded, comparison.measured
    value = f"{measured.value:.4f}" if measured else "-"
    about = f"{recorded.metric}, {recorded.split}"
    if measured is None:
        # Of the recipe, or forgotten by its examination.
        about += f": measured by `{recorded.command}`"
    return _mark(comparison), f"{recorded.value:.4f}", value, _baseline(comparison), about


def _mark(comparison: Comparison) -> str:
    if not comparison.equal:
        return "[red]DIFFERS[/]"
    return "[green]equal[/]" if comparison.measured else "by folds"


def _baseline(comparison: Comparison) -> str:
    """As it was recorded, and below it as it is now where that differs."""
    recorded, measured = comparison.recorded, comparison.measured
    said = "" if recorded.baseline_value is None else f"{recorded.baseline_value:.4f}"
    if measured is None or measured.baseline_value is None or not comparison.baseline_moved:
        return said
    return f"{said}\nnow {measured.baseline_value:.4f}"


def _table(cells: tuple[str, ...], style: str = "") -> Table:
    """One row; all have the same columns, so that they stand below each other while they come in."""
    table = Table.grid(padding=(0, 2, 0, 0))
    for name, width in zip(COLUMNS, (8, 9, 9, 10, None), strict=True):
        table.add_column(min_width=width, justify="left" if name in ("", "figure") else "right")
    table.add_row(*cells, style=style)
    return table
