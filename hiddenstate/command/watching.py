"""The picture of a gesture that is being made: bars of the likeliest classes; their curves over time in a file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.text import Text

from hiddenstate.command.terminal import missing_extra
from hiddenstate.tasks.gesture import Gesture, GestureEvent

BAR = 30
CURVES = 5
"""Classes that get a curve of their own in a picture."""
REFRESHES_PER_SECOND = 25
LABEL_WIDTH = 14


@dataclass(slots=True)
class Watching:
    """The latest result, and a line for everything that is settled."""

    classes: int
    latest: Gesture | None = None
    lines: list[Text] = field(default_factory=list)

    def add(self, answer: Gesture | GestureEvent) -> None:
        """Take a result or an event."""
        if isinstance(answer, GestureEvent):
            self.lines.append(_event_line(answer))
            return
        self.latest = answer
        if answer.is_final:
            self.lines.append(_final_line(answer))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The lines that fit, and the bars."""
        shown = list(self.latest.probabilities.items())[: self.classes or None] if self.latest else []
        room = max(console.height - len(shown) - 3, 1)
        yield from self.lines[-room:]
        if self.latest is not None:
            end = self.latest.start_frame + self.latest.frame_count
            yield Text(f"frames {self.latest.start_frame} to {end - 1}", style="dim")
        for label, probability in shown:
            yield bar(label, probability, best=self.latest is not None and label == self.latest.label)


def bar(label: str, probability: float, *, best: bool) -> Text:
    """A class as a bar as long as it is likely."""
    style = "bold green" if best else "dim"
    text = Text.assemble((f"{label:>{LABEL_WIDTH}} ", style))
    full = round(probability * BAR)
    text.append("━" * full, style=style)
    text.append("─" * (BAR - full), style="dim")
    text.append(f" {probability:4.0%}", style=style)
    return text


def show_live(answers: Iterable[Gesture | GestureEvent], classes: int, console: Console | None = None) -> None:
    """Draw the bars while answers come in."""
    watching = Watching(classes)
    with Live(watching, console=console or Console(), refresh_per_second=REFRESHES_PER_SECOND) as live:
        for answer in answers:
            watching.add(answer)
        live.refresh()


def save_curves(answers: Sequence[Gesture | GestureEvent], path: Path) -> None:
    """Draw the probabilities of the likeliest classes over the frames into a picture, begins and ends marked.

    Exits naming the extra when matplotlib is missing.
    """
    try:
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator
    except ModuleNotFoundError as error:
        raise missing_extra("plot", "draw a picture") from error
    results = [answer for answer in answers if isinstance(answer, Gesture)]
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    axes = figure.subplots()
    highest: dict[str, float] = {}
    for result in results:
        for label, probability in result.probabilities.items():
            highest[label] = max(highest.get(label, 0.0), probability)
    for label in sorted(highest, key=lambda each: -highest[each])[:CURVES]:
        axes.plot(*_curve(results, label), label=label, linewidth=1.8)
    for event in answers:
        if isinstance(event, GestureEvent):
            axes.axvline(event.frame, color="0.6", linestyle=":" if event.kind == "onset" else "--", linewidth=1)
    for result in results:
        if result.is_final:
            middle = result.start_frame + result.frame_count / 2
            axes.annotate(result.label, (middle, 1.03), ha="center", annotation_clip=False, fontsize=9)
    axes.set(xlabel="frame", ylabel="probability", ylim=(0, 1.1))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    figure.savefig(path, dpi=150)


def _curve(results: Sequence[Gesture], label: str) -> tuple[list[float], list[float]]:
    """Frames and probabilities of a class; a gap where another gesture begins."""
    frames: list[float] = []
    probabilities: list[float] = []
    for place, result in enumerate(results):
        if place and result.start_frame != results[place - 1].start_frame:
            frames.append(float(result.start_frame))
            probabilities.append(float("nan"))
        frames.append(float(result.start_frame + result.frame_count - 1))
        probabilities.append(result.probabilities.get(label, 0.0))
    return frames, probabilities


def _event_line(event: GestureEvent) -> Text:
    text = Text.assemble((f"{event.seconds:7.2f} s  ", "dim"))
    text.append("▶ begins" if event.kind == "onset" else "■ ends  ", style="cyan")
    if event.label:
        text.append(f"  {event.label} {event.probability:.0%}", style="bold")
    return text


def _final_line(result: Gesture) -> Text:
    text = Text.assemble((f"{result.label:>{LABEL_WIDTH}} ", "bold green"))
    text.append(f"{result.probability:.0%}  ", style="green")
    text.append(f"frames {result.start_frame} to {result.start_frame + result.frame_count - 1}", style="dim")
    return text
