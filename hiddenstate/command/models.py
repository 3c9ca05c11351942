"""`hiddenstate models`: what a server serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hiddenstate.command.terminal import ADDRESS, Address, Json, print_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table
    from rich.text import Text

    from hiddenstate.results import Model, Quality

STATE_STYLES = {"ready": "green", "loading": "yellow", "draining": "yellow", "refused": "red"}


def models(json: Json = False, address: Address = ADDRESS) -> None:
    """List the models of a server: task, network, state and measured quality beside the baseline."""
    from hiddenstate.client import Client

    with Client(address) as client:
        found = client.models()
    if json:
        for model in found:
            print_json(model)
        return
    if not found:
        raise FileNotFoundError(f"the server at {address} has no models: point `hiddenstate serve --models` at some")
    from rich.console import Console

    Console().print(models_table(found))


def models_table(found: Sequence[Model]) -> Table:
    """The models, two lines each."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column in ("model", "network", "runs on", "state", "quality"):
        table.add_column(column, no_wrap=column != "quality")
    for model in found:
        table.add_row(*_row(model))
    return table


def _row(model: Model) -> tuple[str | Text, ...]:
    from rich.text import Text

    name = Text(model.name, style="bold").append(f" {model.version}\n{spoken(model.task)}", style="not bold dim")
    network = Text(spoken(model.cell).upper()).append(f"\n{spoken(model.topology)}", style="dim")
    state = Text(model.state, style=STATE_STYLES.get(model.state, ""))
    if model.problem is not None:
        return (name, network, "", state, Text(f"{model.problem.message} ({model.problem.reason})", style="red"))
    device = Text(f"{model.device} {model.variant}").append(f"\n{model.state_byte_count:,} B/session", style="dim")
    quality = "\n".join(quality_of(figure) for figure in model.quality) or Text("not measured", style="dim")
    return (name, network, device, state, quality)


def quality_of(figure: Quality) -> str:
    """A figure with its baseline, such as `accuracy 0.79 (TF-IDF 0.785)`."""
    text = f"{spoken(figure.metric)} {figure.value:.4g}"
    if figure.baseline_value is not None:
        text += f" ({figure.baseline}: {figure.baseline_value:.4g})"
    return text


def spoken(word: str) -> str:
    """A word of the protocol as people write it; nothing when it was not stated."""
    return "" if word == "unspecified" else word.replace("_", " ")
