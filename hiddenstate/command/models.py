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
    """The models, two lines each: of what was measured the first figure and its strongest baseline."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column in ("model", "network", "runs on", "state"):
        table.add_column(column, no_wrap=True)
    table.add_column("quality", ratio=1)
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
    quality = quality_of(hardest(model.quality)) if model.quality else Text("not measured", style="dim")
    return (name, network, device, state, quality)


def hardest(figures: Sequence[Quality]) -> Quality:
    """The first figure, beside the strongest of the baselines that it is told with."""
    alike = [each for each in figures if (each.metric, each.split) == (figures[0].metric, figures[0].split)]
    beside = [each for each in alike if each.baseline_value is not None]
    sign = 1 if figures[0].higher_is_better else -1
    return max(beside, key=lambda each: sign * (each.baseline_value or 0.0), default=figures[0])


def quality_of(figure: Quality) -> Text:
    """A figure, such as `accuracy 0.79`, above its baseline, such as `0.785 TF-IDF`."""
    from rich.text import Text

    text = Text(f"{spoken(figure.metric)} {figure.value:.4g}", no_wrap=True, overflow="ellipsis")
    if figure.baseline_value is not None:
        text.append(f"\n{figure.baseline_value:.4g} {figure.baseline}", style="dim")
    return text


def spoken(word: str) -> str:
    """A word of the protocol as people write it; nothing when it was not stated."""
    return "" if word == "unspecified" else word.replace("_", " ")
