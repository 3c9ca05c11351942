"""The picture of speech that is being heard: what is said now, corrected in place, below what was said."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.text import Text

from hiddenstate.tasks.transcription import SpeechEvent, SpokenWord, Transcript, TranscriptAlternative

STABLE = 0.9
"""A word that is less sure than that is dim."""
REFRESHES_PER_SECOND = 20
ROOM_LINES = 2
"""Of the terminal, that the running text leaves alone."""


@dataclass(slots=True)
class Captions:
    """What is said now. `words`: tell the times of the words of final results."""

    words: bool
    current: Transcript | None = None
    speaking: bool = False

    def add(self, answer: Transcript | SpeechEvent) -> list[Text]:
        """Take an answer; the lines that are settled with it."""
        if isinstance(answer, SpeechEvent):
            self.speaking = answer.kind == "started" or (self.speaking and answer.kind != "ended")
            warning = "the audio is clipped: record less loudly"
            return [Text(f"{answer.seconds:8.2f}  {warning}", style="yellow")] if answer.kind == "clipped" else []
        if not answer.is_final:
            self.current = answer
            return []
        self.current = None
        return final_lines(answer, words=self.words)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The end of the running text, as much as fits."""
        text = Text().append("  ● " if self.speaking else "  ○ ", style="red" if self.speaking else "dim")
        if self.current is not None:
            text.append_text(shaded(self.current.alternatives[0]))
        lines = text.wrap(console, options.max_width)
        yield from lines[-max(console.height - ROOM_LINES, 1) :]


def show_live(answers: Iterable[Transcript | SpeechEvent], *, words: bool, console: Console | None = None) -> None:
    """Draw the captions while answers come in; what is settled stays above them."""
    captions = Captions(words)
    with Live(captions, console=console or Console(), refresh_per_second=REFRESHES_PER_SECOND, transient=True) as live:
        for answer in answers:
            for line in captions.add(answer):
                live.console.print(line)


def final_lines(transcript: Transcript, *, words: bool) -> list[Text]:
    """The utterance with its time and how sure it is; other possible texts, and its words, in lines of their own."""
    best, *others = transcript.alternatives
    line = Text(f"{transcript.start:8.2f}  ", style="dim")
    line.append_text(shaded(best) if best.text else Text("nothing was said", style="dim italic"))
    line.append(f"  {best.confidence:.0%}", style="dim")
    lines = [line]
    lines += [Text(f"{'':8}  {other.text or '(nothing)'}  {other.confidence:.0%}", style="dim") for other in others]
    if words:
        lines += [_word_line(word) for word in best.words]
    return lines


def shaded(alternative: TranscriptAlternative) -> Text:
    """A text whose sure words are bright and whose others are dim; all of it bright where no word is told of."""
    if not alternative.words:
        return Text(alternative.text, style="bold")
    return Text(" ").join(
        Text(word.text, style="bold" if word.confidence >= STABLE else "dim") for word in alternative.words
    )


def _word_line(word: SpokenWord) -> Text:
    text = Text(f"{word.start:8.2f}  {word.end:.2f}  ", style="dim")
    text.append(word.text, style="cyan")
    return text.append(f"  {word.confidence:.0%}", style="dim")
