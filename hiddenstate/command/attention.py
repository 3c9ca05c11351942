"""Pictures of attention: what each target token looked at, as shaded blocks at the terminal or as a picture."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from hiddenstate.command.terminal import missing_extra
from hiddenstate.tasks.translation import Translation

LABEL_WIDTH = 14
WIDEST_COLUMN = 10
SHADES = " ░▒▓█"
NOTHING, EVERYTHING = (48, 48, 56), (255, 196, 61)
"""Grey to amber: one scale of brightness, which colour-blind eyes can read."""


class AttentionMap:
    """The best hypothesis of a translation: a line for each of its tokens, a column for each token of its source."""

    def __init__(self, translation: Translation) -> None:
        best = translation.hypotheses[0]
        self.source = [_shown(token) for token in translation.source_tokens]
        self.target = [_shown(token) for token in best.tokens]
        self.weights = np.array(best.attention, np.float32).reshape(len(self.target), len(self.source))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Source tokens on top, as wide as there is room, and the lines below."""
        widths = self._widths(options.max_width - LABEL_WIDTH - 1)
        head = Text(" " * (LABEL_WIDTH + 1), no_wrap=True)
        for token, width in zip(self.source, widths, strict=True):
            head.append(f"{token[: width - 1]:<{width}}", style="dim")
        yield head
        for token, row in zip(self.target, self.weights, strict=True):
            line = Text(f"{token[:LABEL_WIDTH]:>{LABEL_WIDTH}} ", no_wrap=True)
            for block, style in self._blocks(row, widths, coloured=console.color_system in ("256", "truecolor")):
                line.append(block, style=style)
            yield line

    def _widths(self, room: int) -> list[int]:
        """Columns of the source tokens, narrower where the line would be too long."""
        most = WIDEST_COLUMN
        while most > 2 and sum(min(len(token) + 1, most) for token in self.source) > room:
            most -= 1
        return [max(2, min(len(token) + 1, most)) for token in self.source]

    def _blocks(self, row: NDArray[np.float32], widths: list[int], *, coloured: bool) -> Iterator[tuple[str, str]]:
        for weight, width in zip(row.tolist(), widths, strict=True):
            if coloured:
                mixed = (round(low + (high - low) * weight) for low, high in zip(NOTHING, EVERYTHING, strict=True))
                yield "█" * (width - 1) + " ", f"rgb({','.join(map(str, mixed))})"
            else:
                yield SHADES[round(weight * (len(SHADES) - 1))] * (width - 1) + " ", ""


def save_attention(translation: Translation, path: Path) -> None:
    """Draw the map into a picture. Exits naming the extra when matplotlib is missing."""
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise missing_extra("plot", "draw a picture") from error
    shown = AttentionMap(translation)
    columns, rows = len(shown.source), max(len(shown.target), 1)
    figure = Figure(figsize=(2.4 + 0.34 * columns, 1.8 + 0.3 * rows), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shown.weights, cmap="magma", vmin=0, vmax=1, interpolation="nearest")
    axes.set_xticks(range(columns), [_plain(token) for token in shown.source], rotation=90, fontsize=8)
    axes.set_yticks(range(len(shown.target)), [_plain(token) for token in shown.target], fontsize=8)
    axes.set_xlabel("source", fontsize=8)
    axes.set_ylabel("translation", fontsize=8)
    figure.colorbar(image, ax=axes, shrink=0.6, label="weight")
    figure.savefig(path, dpi=150)


def _shown(token: str) -> str:
    return token.strip() or "·"


def _plain(token: str) -> str:
    # A dollar would begin a formula.
    return token.replace("$", r"\$")
