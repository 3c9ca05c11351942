"""A hand at the terminal: the lines between its landmarks, in braille."""

from __future__ import annotations

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from hiddenstate.command.fan_chart import DOTS
from hiddenstate.demo.hand import BONES_OF_HAND, Landmarks

WIDTH, HEIGHT = 20, 10
"""In characters, each of 2 by 4 dots."""
LEFT, TOP, SIZE = -0.75, -1.95, 2.0
"""The corner of what is seen, and how much of it, in units of the palm."""


class HandPicture:
    """The skeleton of one hand [21, 3]."""

    def __init__(self, hand: Landmarks) -> None:
        self._hand = hand

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Lines of braille."""
        cells: dict[tuple[int, int], int] = {}
        scale = HEIGHT * 4 / SIZE
        places = [(float((x - LEFT) * scale), float((y - TOP) * scale)) for x, y, _ in self._hand]
        for first, last in BONES_OF_HAND:
            (x, y), (to_x, to_y) = places[first], places[last]
            steps = max(1, round(max(abs(to_x - x), abs(to_y - y))))
            for step in range(steps + 1):
                share = step / steps
                column, row = round(x + (to_x - x) * share), round(y + (to_y - y) * share)
                key = (row // 4, column // 2)
                cells[key] = cells.get(key, 0) | DOTS[row % 4][column % 2]
        for row in range(HEIGHT):
            line = "".join(
                chr(0x2800 + cells[row, column]) if (row, column) in cells else " " for column in range(WIDTH)
            )
            yield Text(line, style="bold", no_wrap=True)
