"""Pictures of gates: one line of coloured blocks for each step at the terminal, a heat map of all units as a PNG."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.text import Text

from hiddenstate.command.terminal import missing_extra
from hiddenstate.explanation import LayerGates, StepExplanation

TEXT_WIDTH = 12
COLUMNS = 3
"""Heat maps side by side in a picture."""
SHOWN = ("input", "forget", "output", "reset", "update", "cell_state", "hidden_state")
"""Gates that get a strip at the terminal; the candidate is left to the picture."""
SHADES = " ░▒▓█"
LOW, MIDDLE, HIGH = (59, 76, 192), (221, 221, 221), (180, 4, 38)
"""Blue over grey to red: a diverging scale that colour-blind eyes can read (Moreland 2009)."""


class GateLines:
    """Prints steps as they come: the text of each, and a strip of blocks for each gate of the last layer.

    A strip shows units at even distances; a block is blue where its gate is closed (or its state negative) and red
    where it is open (or positive).
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._strips: tuple[tuple[str, int], ...] = ()
        self._printed = 0

    def print_new(self, steps: Sequence[StepExplanation]) -> None:
        """Print the steps that were not printed yet."""
        for step in steps[self._printed :]:
            if not self._strips:
                self._begin(step.layers[-1])
            self._console.print(self._line(step), no_wrap=True, overflow="crop")
        self._printed = len(steps)

    def _begin(self, layer: LayerGates) -> None:
        names = [name for name in SHOWN if name in layer.gates]
        width = max(4, (self._console.width - TEXT_WIDTH - 1) // len(names) - 2)
        self._strips = tuple((name, min(width, layer.gates[name].size)) for name in names)
        head = Text(" " * (TEXT_WIDTH + 1))
        for name, units in self._strips:
            head.append(f"{name.replace('_', ' ')[:units]:<{units}}  ", style="bold")
        hidden = layer.gates[names[0]].size
        self._console.print(Text(f"{layer.name}: {self._strips[0][1]} of its {hidden} units", style="dim"))
        self._console.print(head, no_wrap=True, overflow="crop")

    def _line(self, step: StepExplanation) -> Text:
        shown = step.input_text.replace("\n", "⏎")[:TEXT_WIDTH]
        line = Text(f"{shown:>{TEXT_WIDTH}} ")
        for name, units in self._strips:
            values = step.layers[-1].gates[name]
            for value in scaled(name, values[np.linspace(0, values.size - 1, units).astype(int)]):
                line.append(self._block(value), style=f"rgb({','.join(map(str, colour(value)))})")
            line.append("  ")
        return line

    def _block(self, value: float) -> str:
        """A full block, which its colour tells apart; without colours a darker one for a higher value."""
        return "█" if self._console.color_system else SHADES[round((float(value) + 1) / 2 * (len(SHADES) - 1))]


def scaled(gate: str, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Values as -1..1: a gate's 0..1 spread out, a state clipped."""
    gated = gate in ("input", "forget", "output", "reset", "update")
    spread: NDArray[np.float32] = 2.0 * values - 1.0 if gated else np.clip(values, -1.0, 1.0)
    return spread


def colour(value: float) -> tuple[int, int, int]:
    """Red, green and blue of a value in -1..1."""
    end = HIGH if value > 0 else LOW
    red, green, blue = (round(m + (e - m) * abs(float(value))) for m, e in zip(MIDDLE, end, strict=True))
    return red, green, blue


def save_heat_map(steps: Sequence[StepExplanation], path: Path) -> None:
    """Draw every gate of every layer, units [down] by steps [across], into a picture.

    Units are sorted by their mean, so that those which behave alike lie together. Exits naming the extra when
    matplotlib is missing.
    """
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise missing_extra("plot", "draw a picture") from error
    maps = [(number, gate) for number, layer in enumerate(steps[0].layers) for gate in layer.gates]
    columns = min(len(maps), COLUMNS)
    rows = -(-len(maps) // columns)
    width = min(5.0, max(2.6, 0.16 * len(steps))) * columns + 1
    figure = Figure(figsize=(width, 3.2 * rows + 0.8), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat[len(maps) :]:
        axes.set_axis_off()
    for axes, (number, gate) in zip(grid.flat, maps, strict=False):
        values = np.stack([step.layers[number].gates[gate] for step in steps], axis=1)  # [hidden, steps]
        ordered = scaled(gate, values[np.argsort(values.mean(axis=1))])
        image = axes.imshow(ordered, aspect="auto", cmap="coolwarm", vmin=-1, vmax=1, interpolation="nearest")
        axes.set_title(f"{steps[0].layers[number].name}: {gate.replace('_', ' ')}", fontsize=9)
        axes.set_xticks(range(len(steps)), [_label(step) for step in steps], rotation=90, fontsize=6)
        axes.set_yticks([])
    for axes in grid[:, 0]:
        axes.set_ylabel("units, by their mean", fontsize=8)
    bar = figure.colorbar(image, ax=grid, shrink=0.6, aspect=40, location="bottom")
    bar.set_ticks([-1, 0, 1], labels=["closed, or -1", "half open, or 0", "open, or 1"])
    figure.savefig(path, dpi=150)


def _label(step: StepExplanation) -> str:
    # A dollar would begin a formula.
    return step.input_text.strip().replace("$", r"\$")[:TEXT_WIDTH] or "·"
