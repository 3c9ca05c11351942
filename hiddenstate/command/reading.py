"""The picture of a text that is being read: its words, coloured by what they did to the score, above a scale."""

from __future__ import annotations

from dataclasses import dataclass, field

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.live import Live
from rich.text import Text

from hiddenstate.command.words import Remembered
from hiddenstate.results import Sentiment
from hiddenstate.sessions import SentimentStream

NOTICEABLE = 0.08
"""A word that moves the score by less keeps its colour."""
SCALE_WIDTH = 33
REFRESHES_PER_SECOND = 30


@dataclass(slots=True)
class Reading:
    """All words that were sent, and the score after each of them, as far as it is known."""

    words: list[str]
    scores: dict[int, float] = field(default_factory=dict)
    latest: Sentiment | None = None

    def add(self, result: Sentiment) -> None:
        """Take a running or final result."""
        if not result.is_final:
            self.scores[result.sequence_number] = result.score
        self.latest = result

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The words that fit, and the scale."""
        lines = self._coloured().wrap(console, options.max_width)
        yield Group(*lines[-max(console.height - 4, 1) :])
        if self.latest is not None:
            yield Text()
            yield scale(self.latest)

    def _coloured(self) -> Text:
        text, before = Text(), 0.0
        for number, word in enumerate(self.words, 1):
            score = self.scores.get(number, before)
            text.append(word.replace("\n", " "), style=colour(score - before))
            before = score
        return text


def show_live(words: Remembered, results: SentimentStream, console: Console | None = None) -> None:
    """Draw the reading while results come in."""
    reading = Reading(words.taken)
    with Live(reading, console=console or Console(), refresh_per_second=REFRESHES_PER_SECOND) as live:
        for result in results:
            reading.add(result)
        live.refresh()


def scale(result: Sentiment) -> Text:
    """The score on a scale from the first class to the last, with the probability of the likeliest."""
    middle = SCALE_WIDTH // 2
    place = round((result.score + 1) / 2 * (SCALE_WIDTH - 1))
    low, high = min(middle, place), max(middle, place)
    labels = list(result.probabilities) or ["", ""]
    style = colour(result.score)
    text = Text(f"{labels[0]} ", style="dim")
    text.append("─" * low, style="dim")
    text.append("━" * (place - low) + "●" + "━" * (high - place), style=style or "bold")
    text.append("─" * (SCALE_WIDTH - 1 - high), style="dim")
    text.append(f" {labels[-1]}", style="dim")
    text.append(f"   {result.score:+.2f}", style=f"bold {style}".strip())
    if result.is_final:
        text.append(f"  {result.label}", style=f"bold {style}".strip())
        text.append(f" {result.probabilities.get(result.label, 0.0):.0%}", style="dim")
    return text


def colour(score: float) -> str:
    """Green for a rise, red for a fall; nothing for what is too small to notice."""
    if abs(score) < NOTICEABLE:
        return ""
    return "green" if score > 0 else "red"
