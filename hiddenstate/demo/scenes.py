"""The scenes of the demonstration: one for each task, played where a model for it is served."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from rich.console import Console, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from hiddenstate.client import Client
from hiddenstate.command.attention import AttentionMap
from hiddenstate.command.captions import show_live as show_captions
from hiddenstate.command.classify import picture_of
from hiddenstate.command.fan_chart import FanChart
from hiddenstate.command.piano_roll import roll
from hiddenstate.command.reading import show_live
from hiddenstate.command.sound import PIECES_PER_SECOND, wav
from hiddenstate.command.tag import print_live
from hiddenstate.command.words import Remembered, paced, split_words
from hiddenstate.demo import hand, made_up
from hiddenstate.demo.hand_picture import HandPicture
from hiddenstate.errors import ServerError
from hiddenstate.results import Model
from hiddenstate.tasks.gesture import Gesture
from hiddenstate.tasks.music import Note
from hiddenstate.tasks.tagging import split_words as split_tagged

T = TypeVar("T")
Play = Callable[[Client, str, Console], None]

TEMPO = 1.0
"""How fast the demonstration is played; 0: as fast as the server answers."""
TEXT_TOKENS, TOKENS_PER_SECOND = 120, 90.0
WORDS_PER_SECOND = 14.0
MONTHS, MONTHS_WATCHED, MONTHS_PER_SECOND = 54, 18, 12.0
WORD, FRAMES_OF_LETTER, FRAMES_PER_SECOND = "LILY", 28, 25.0
QUARTERS, NOTES_PER_SECOND = 32.0, 60.0
TEMPERATURE, SEED = 0.8, 1813
SPOKEN = Path(__file__).with_name("spoken.wav")
"""Commands and digits, said by a voice that the recipe never learns from (flite's `slt`), 8 kHz."""
PAUSE = 0.6
"""Seconds between two of them."""


@dataclass(frozen=True)
class Scene:
    """What is played on the first ready model of a task that `fits`."""

    task: str
    title: str
    play: Play
    fits: Callable[[Model], bool] = lambda model: True

    def model(self, served: Iterable[Model]) -> str:
        """The name of that model; empty when none is served."""
        fitting = (each.name for each in served if each.task == self.task and each.state == "ready" and self.fits(each))
        return next(fitting, "")


def slowly(items: Iterable[T], items_per_second: float) -> Iterator[T]:
    """The items, no faster than anybody can look."""
    return paced(items, items_per_second / TEMPO if TEMPO else 0.0)


@contextmanager
def drawing(console: Console) -> Iterator[Live]:
    """A picture that moves; where there is no terminal, the last one."""
    with Live(console=console, auto_refresh=False) as live:
        yield live
    _end_line(console)


def _end_line(console: Console) -> None:
    # Where there is no terminal, rich leaves the last line of a live picture open.
    if not console.is_terminal:
        console.print()


def side_by_side(pictures: Sequence[RenderableType], names: Sequence[Text]) -> Table:
    """Pictures in a row, the name of each below it."""
    grid = Table.grid(padding=(0, 2))
    grid.add_row(*pictures)
    grid.add_row(*names)
    return grid


def text(client: Client, model: str, console: Console) -> None:
    """A text, token by token."""
    console.print(made_up.PROMPT, style="dim", end="")
    written = client.generate(made_up.PROMPT, model=model, max_tokens=TEXT_TOKENS, temperature=TEMPERATURE, seed=SEED)
    for token in slowly(written, TOKENS_PER_SECOND):
        console.print(token.text, end="", markup=False, soft_wrap=True)
    console.print()


def sentiment(client: Client, model: str, console: Console) -> None:
    """Words coloured by what they do to the score."""
    for snippet in made_up.SNIPPETS:
        words = Remembered(slowly(split_words([snippet]), WORDS_PER_SECOND))
        show_live(words, client.sentiment(words, model=model), console)
        _end_line(console)


def tags(client: Client, model: str, console: Console) -> None:
    """Words in the colours of their parts of speech, each as soon as the words behind it are known."""
    print_live(client.tag(slowly(split_tagged(made_up.TAGGED), WORDS_PER_SECOND), model=model), console)


def forecast(client: Client, model: str, console: Console) -> None:
    """A fan that moves with every value."""
    series = made_up.sales(MONTHS)
    known, coming = series[:-MONTHS_WATCHED], series[-MONTHS_WATCHED:]

    def observed() -> Iterator[float]:
        yield from known
        yield from slowly(coming, MONTHS_PER_SECOND)

    with drawing(console) as live:
        for found in client.forecast(observed(), each=True, model=model, quantiles=[0.1, 0.5, 0.9]):
            if found.observation_count >= len(known):
                live.update(FanChart("made up", series[: found.observation_count], found), refresh=True)


def digits(client: Client, model: str, console: Console) -> None:
    """Pictures of 8 by 8 pixels, and what they are taken for."""
    rows = [made_up.pixels(picture) for picture in made_up.DIGITS]
    names = [
        Text(f"{each.label} {each.probabilities[each.label]:.0%}", "bold green", justify="center")
        for each in client.classify(rows, model=model)
    ]
    console.print(side_by_side([picture_of(row) for row in rows], names))


def gesture(client: Client, model: str, console: Console) -> None:
    """A hand that spells a word, and the likeliest letter while it does."""
    hands: list[RenderableType] = []
    names: list[Text] = []

    def frames(letter: str) -> Iterator[hand.Frame]:
        for shape in slowly(hand.spelled(hand.SHAPES[letter], FRAMES_OF_LETTER), FRAMES_PER_SECOND):
            hands[-1] = HandPicture(shape)
            yield hand.frame_of(shape)

    with drawing(console) as live:
        for letter in WORD:
            hands.append(Text())
            names.append(Text())
            for answer in client.gesture(frames(letter), model=model, classes=3):
                if isinstance(answer, Gesture):
                    names[-1] = _likeliest(answer)
                    live.update(side_by_side(hands, names), refresh=True)


def _likeliest(found: Gesture) -> Text:
    """The classes as far as they are told, the first one bright."""
    text = Text(justify="center")
    for label, probability in found.probabilities.items():
        style = ("bold green" if found.is_final else "bold") if label == found.label else "dim"
        text.append(f"{label} {probability:.0%}  ", style)
    return text


def translation(client: Client, model: str, console: Console) -> None:
    """Sentences in another language, and which words of the last one each token looked at."""
    for sentence in made_up.TRANSLATED:
        console.print(sentence, style="dim")
        stream = client.translate(sentence, model=model, attention=True)
        for token in slowly(stream, WORDS_PER_SECOND):
            console.print(token.text, end="", markup=False, soft_wrap=True)
        console.print("\n")
    console.print(AttentionMap(stream.translation()))


def pronunciation(client: Client, model: str, console: Console) -> None:
    """Words and their sounds, most of them in no dictionary."""
    for each in slowly(client.pronounce(made_up.PRONOUNCED, model=model), WORDS_PER_SECOND):
        console.print(Text.assemble((f"{each.word:>20}  ", "bold"), (" ".join(each.sounds), "cyan")))


def speech(client: Client, model: str, console: Console) -> None:
    """What is said, while it is said; a menu tells what can be said, if the model knows its words."""
    try:
        _captions(client, model, made_up.MENU, console)
    except ServerError as error:
        if error.reason != "PHRASE_INVALID":
            raise
        _captions(client, model, (), console)


def _captions(client: Client, model: str, phrases: Sequence[str], console: Console) -> None:
    sound = wav(SPOKEN)
    pieces = slowly(sound.pieces, PIECES_PER_SECOND)
    heard = client.transcribe(pieces, model=model, sample_rate=sound.rate, phrases=phrases, silence=PAUSE)
    show_captions(heard, words=False, console=console)


def music(client: Client, model: str, console: Console) -> None:
    """A chorale as it is made, and as a MIDI file."""
    notes: list[Note] = []
    stream = client.compose(model=model, quarters=QUARTERS, key="G major", temperature=TEMPERATURE, seed=SEED)
    with drawing(console) as live:
        for note in slowly(stream, NOTES_PER_SECOND):
            notes.append(note)
            live.update(roll(notes, console.width, QUARTERS), refresh=True)
    console.print(_written(notes, stream.composition.tempo if stream.composition else 0.0), style="dim")


def _written(notes: list[Note], tempo: float) -> str:
    """Where the MIDI file is, or what it takes to have one."""
    try:
        import mido  # noqa: F401  (an extra of its own: the demonstration needs none)
    except ModuleNotFoundError:
        return "pip install 'hiddenstate[music]' writes this as a MIDI file: hiddenstate compose out.mid"
    from hiddenstate.command.midi import write_midi

    path = Path(tempfile.gettempdir()) / "hiddenstate-demo.mid"
    write_midi(notes, tempo, path)
    return f"wrote {path}"


def pronounces(model: Model) -> bool:
    """Whether a model writes sounds: it turns a language into itself."""
    return model.name == "cmudict"


SCENES = (
    Scene("text_generation", "text, token by token", text),
    Scene("sentiment", "sentiment while the words come in", sentiment),
    Scene("tagging", "parts of speech, two words behind", tags, lambda model: not model.whole_sequence),
    Scene("forecast", "a forecast that moves with every value", forecast),
    Scene("classification", "digits of 8 by 8 pixels", digits, lambda model: model.inputs[0].shape == (-1, 64)),
    Scene("gesture", "a hand that spells, named while it moves", gesture, lambda model: len(model.class_labels) == 26),
    Scene("translation", "a translation, and where it looked", translation, lambda model: not pronounces(model)),
    Scene("translation", "how words sound", pronunciation, pronounces),
    Scene("transcription", "what is said, out of a menu, while it is spoken", speech),
    Scene("music", "a chorale in four voices", music),
)
