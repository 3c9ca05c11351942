"""Music as a picture: time across, pitch up, a colour for each voice; in the terminal and as a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hiddenstate.command.terminal import missing_extra
from hiddenstate.tasks.music import PITCH_NAMES, VOICE_NAMES, Note

if TYPE_CHECKING:
    from rich.text import Text

COLOURS = ("#e4572e", "#f3a712", "#29a19c", "#4361ee")
LEAST_QUARTERS, QUARTERS_OF_BAR = 8, 4
_LABEL = 4


def roll(notes: Sequence[Note], width: int, quarters: float) -> Text:
    """Lines of half blocks, two pitches each, from the highest pitch to the lowest; `quarters` fill the width."""
    from rich.text import Text

    if not notes:
        return Text()
    low, high = min(note.pitch for note in notes), max(note.pitch for note in notes)
    high += (high - low + 1) % 2  # whole lines
    columns = width - _LABEL - 1
    scale = columns / max(quarters, LEAST_QUARTERS)
    cells: dict[tuple[int, int], int] = {}  # pitch, column → voice
    for note in sorted(notes, key=lambda note: note.start):
        first, behind = int(note.start * scale), max(int(note.start * scale) + 1, int(note.end * scale))
        for column in range(first, min(behind, columns)):
            cells[note.pitch, column] = note.voice
    text = Text()
    for upper in range(high, low, -2):
        named = next((pitch for pitch in (upper, upper - 1) if pitch % 12 == 0), None)
        text.append(f"{f'C{named // 12 - 1}' if named is not None else '':>{_LABEL}} ", style="dim")
        for column in range(columns):
            above, below = cells.get((upper, column)), cells.get((upper - 1, column))
            ruled = int(column / scale / QUARTERS_OF_BAR) != int((column - 1) / scale / QUARTERS_OF_BAR)
            text.append(*_cell(above, below, "·" if ruled else " "))
        text.append("\n")
    return text


def _cell(above: int | None, below: int | None, empty: str) -> tuple[str, str]:
    """Character and style of two pitches, each the voice that sings it or None."""
    if above is None and below is None:
        return empty, "grey35"
    if below is None:
        return "▀", COLOURS[above or 0]
    if above is None:
        return "▄", COLOURS[below]
    return "▀", f"{COLOURS[above]} on {COLOURS[below]}"


def save_roll(notes: Sequence[Note], path: Path) -> None:
    """Draw a piano roll into a picture. Exits naming the extra when matplotlib is missing."""
    try:
        from matplotlib.figure import Figure
        from matplotlib.patches import Patch
    except ModuleNotFoundError as error:
        raise missing_extra("plot", "draw a picture") from error
    end = max((note.end for note in notes), default=4.0)
    low, high = min((n.pitch for n in notes), default=48), max((n.pitch for n in notes), default=72)
    figure = Figure(figsize=(min(24.0, max(8.0, 0.32 * end)), 5), layout="constrained")
    axes = figure.subplots()
    for pitch in range(low, high + 1):
        if PITCH_NAMES[pitch % 12][1:]:
            axes.axhspan(pitch - 0.5, pitch + 0.5, color="#f3f3f3", zorder=0)
    for note in notes:
        axes.broken_barh(
            [(note.start, note.length)], (note.pitch - 0.4, 0.8), color=COLOURS[note.voice], edgecolor="white", zorder=2
        )
    bars = range(0, int(end) + 1, 4)
    axes.set_xticks(list(bars), [str(quarter // 4 + 1) for quarter in bars])
    tonics = [pitch for pitch in range(low, high + 1) if pitch % 12 in (0, 4, 7)]
    axes.set_yticks(tonics, [f"{PITCH_NAMES[pitch % 12]}{pitch // 12 - 1}" for pitch in tonics])
    axes.set(xlim=(0, end), ylim=(low - 1, high + 1), xlabel="bar")
    axes.grid(axis="x", color="#dddddd", linewidth=0.8, zorder=1)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    handles = [Patch(color=colour, label=name) for colour, name in zip(COLOURS, VOICE_NAMES, strict=True)]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), frameon=False)
    figure.savefig(path, dpi=130)
