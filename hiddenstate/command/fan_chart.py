"""Fan charts: what was observed, and the quantiles of what will be; at the terminal and as a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from hiddenstate.command.terminal import missing_extra
from hiddenstate.tasks.forecast import Forecast

HEIGHT, LABEL_WIDTH = 14, 10
DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Bits of a braille character by row and column."""
PAST_STYLE, AHEAD_STYLE, FAN = "default", "bold cyan", "on grey30"
INK, FAN_INK = "#333333", "#2a6f97"
SHOWN_SEASONS = 8
"""Past values in a picture, in horizons."""
COLUMNS = 2


@dataclass(frozen=True, slots=True)
class FanChart:
    """One series (None: missing) with its forecast."""

    name: str
    past: Sequence[float | None]
    forecast: Forecast

    def middle(self) -> Sequence[float]:
        """The median, or the means where it was not asked for."""
        return self.forecast.quantiles.get(0.5, self.forecast.means)

    def fan(self) -> tuple[Sequence[float], Sequence[float]]:
        """The lowest and the highest quantile of each value."""
        levels = sorted(self.forecast.quantiles)
        if not levels:
            return self.forecast.means, self.forecast.means
        return self.forecast.quantiles[levels[0]], self.forecast.quantiles[levels[-1]]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The newest values that fit, one column each and as wide as there is room, then the fan."""
        ahead = len(self.forecast.means)
        room = max(options.max_width - LABEL_WIDTH - 1, ahead + 2)
        shown = list(self.past)[-max(room - ahead, 2) :]
        wide = max(1, min(3, room // (len(shown) + ahead)))
        yield from _draw(shown, self, wide, plain=console.color_system is None)
        yield self._caption(len(shown) * wide, options.max_width)

    def _caption(self, indent: int, width: int) -> Text:
        """What was observed, and what is ahead: below the fan where it fits, else further to the left."""
        levels = sorted(self.forecast.quantiles)
        says = f"{levels[0]:.0%} to {levels[-1]:.0%}" if levels else "means"
        ahead = f" ▸ {len(self.forecast.means)} ahead, {says}"
        observed = f"{self.name or 'observed'}: {self.forecast.observation_count} values"
        indent = min(indent, width - LABEL_WIDTH - 1 - len(ahead))
        text = Text(" " * (LABEL_WIDTH + 1), style="dim", no_wrap=True, overflow="crop")
        return text.append(observed.ljust(indent)).append(ahead)


def _draw(shown: Sequence[float | None], chart: FanChart, wide: int, *, plain: bool) -> list[Text]:
    """Rows of braille lines, the fan behind them as a shade."""
    low, high = chart.fan()
    middle = [*shown, *chart.middle()]
    known = [value for value in (*middle, *low, *high) if value is not None]
    bottom, top = min(known), max(known)
    unit = (top - bottom) / (HEIGHT * 4 - 1) or 1.0
    rows = [None if value is None else round((top - value) / unit) for value in middle]
    cells = _line(rows, wide)
    lines = []
    for row in range(HEIGHT):
        label = top - (row * 4 + 1.5) * unit
        text = Text()
        text.append(f"{_short(label) if row % 4 == 0 else '':>{LABEL_WIDTH}} ", style="dim")
        for column in range(len(middle) * wide):
            place = column // wide - len(shown)
            bits = cells.get((row, column), 0)
            inside = place >= 0 and (top - high[place]) / unit < row * 4 + 4 and (top - low[place]) / unit >= row * 4
            character = chr(0x2800 + bits) if bits else "░" if inside and plain else " "
            style = PAST_STYLE if place < 0 else f"{AHEAD_STYLE} {FAN if inside else ''}"
            text.append(character, style=style)
        lines.append(text)
    return lines


def _line(rows: Sequence[int | None], wide: int) -> dict[tuple[int, int], int]:
    """Braille bits by cell (row, column) of a line through points at even distances; it breaks where one is missing."""
    cells: dict[tuple[int, int], int] = {}
    for place, (row, following) in enumerate(zip(rows, [*rows[1:], None], strict=True)):
        if row is None:
            continue
        steps = 2 * wide if following is not None else 1
        end = row if following is None else following
        for step in range(steps):
            first, last = (round(row + (end - row) * part / steps) for part in (step, step + 1))
            for dot in range(min(first, last), max(first, last) + 1):
                column = 2 * wide * place + step
                key = (dot // 4, column // 2)
                cells[key] = cells.get(key, 0) | DOTS[dot % 4][column % 2]
    return cells


def _short(value: float) -> str:
    """A number in few characters."""
    return f"{value:.4g}" if value == 0 or 1e-3 < abs(value) < 1e5 else f"{value:.2e}"


def save_fans(charts: Sequence[FanChart], path: Path) -> None:
    """Draw all series into one picture. Exits naming the extra when matplotlib is missing."""
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise missing_extra("plot", "draw a picture") from error
    columns = min(len(charts), COLUMNS)
    rows = -(-len(charts) // columns)
    figure = Figure(figsize=(6.4 * columns + 1.2 * (columns == 1), 3.4 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat[len(charts) :]:
        axes.set_axis_off()
    for axes, chart in zip(grid.flat, charts, strict=False):
        _plot(axes, chart)
    figure.savefig(path, dpi=150)


def _plot(axes: Any, chart: FanChart) -> None:
    """Nested bands, from the outermost pair of quantiles to the innermost, and the median."""
    forecast = chart.forecast
    ahead = len(forecast.means)
    past = list(chart.past)[-SHOWN_SEASONS * ahead :]
    observed = [math.nan if value is None else value for value in past]
    axes.plot(range(1 - len(past), 1), observed, color=INK, linewidth=1.3, label="observed")
    coming, last = range(ahead + 1), observed[-1]
    levels = sorted(forecast.quantiles)
    for low, high in zip(levels, reversed(levels), strict=True):
        if low >= high:
            break
        bounds = ([last, *forecast.quantiles[level]] for level in (low, high))
        axes.fill_between(coming, *bounds, color=FAN_INK, alpha=0.22, linewidth=0, label=f"{low:g} to {high:g}")
    axes.plot(coming, [last, *chart.middle()], color=FAN_INK, linewidth=1.8, label="median")
    axes.axvline(0, color="#bbbbbb", linewidth=0.8, linestyle=":")
    axes.set_title(chart.name or "forecast", fontsize=10, loc="left")
    span = f": {forecast.times[0]:%Y-%m-%d} to {forecast.times[-1]:%Y-%m-%d}" if forecast.times else ""
    axes.set_xlabel(f"steps from the last observation{span}", fontsize=8)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=8, frameon=False, loc="best")
