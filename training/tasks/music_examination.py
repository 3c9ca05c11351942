"""The figures of a bundle that composes, measured again from the bundle alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import JsonValue

from service.bundle import Bundle, QualityFigure
from service.frontends.music import FRAMES_OF_QUARTER, VOICES, Key
from service.model import load_model
from service.tasks.composing import Compose, ComposedNote, ComposingOptions, MusicOptions, Note, Prime
from service.tasks.music import MusicComposition
from training.alone import answers_alone
from training.data.chorales import Chorale, Chorales
from training.tasks.music_figures import figures, model_runner

if TYPE_CHECKING:
    from hiddenstate import Client


class ChoraleExamination:
    """See `training.tasks.Examination`. The sample is chorales: music that goes on from their first bars."""

    PRIMED, MADE = 4 * FRAMES_OF_QUARTER, 8.0

    def __init__(self, data: Chorales) -> None:
        self.data = data

    def figures(self, bundle: Bundle, variant: str, command: str) -> tuple[QualityFigure, ...]:
        """All figures through ONNX Runtime."""
        model = load_model(bundle, variant)
        try:
            return figures(model_runner(model), self.data, command)
        finally:
            model.close()

    def sample(self, count: int) -> Sequence[Chorale]:
        """Chorales at even distances."""
        test = self.data.test
        return test[:: -(-len(test) // count)]

    def answers(self, bundle: Bundle, variant: str, examples: Sequence[Chorale]) -> list[JsonValue]:
        """The notes that follow the first bar, drawn with the number of the example as the seed."""
        model, task = load_model(bundle, variant), MusicComposition.from_bundle(bundle)
        found: list[JsonValue] = []
        for seed, each in enumerate(examples):
            options = MusicOptions(ComposingOptions(quarters=self.MADE), seed, Key(each.tonic, each.minor))
            values = answers_alone(model, task, options, [Prime(first_notes(each, self.PRIMED)), Compose()])
            notes = [value.note for value in values if isinstance(value, ComposedNote)]
            found.append([[note.voice, note.pitch, note.start, note.length] for note in notes])
        model.close()
        return found

    def served_answers(self, client: Client, model: str, examples: Sequence[Chorale]) -> list[JsonValue]:
        """The same from a running server."""
        found: list[JsonValue] = []
        for seed, each in enumerate(examples):
            notes = client.compose(
                model=model, seed=seed, quarters=self.MADE, key=key_name(each), prime=_client_notes(each, self.PRIMED)
            )
            found.append([[note.voice, note.pitch, note.start, note.length] for note in notes])
        return found


def first_notes(chorale: Chorale, frames: int) -> tuple[Note, ...]:
    """The notes of the first frames of a chorale, in order of their begin."""
    found = []
    for voice in range(VOICES):
        sounding, begins = chorale.pitches[:frames, voice], chorale.begins[:frames, voice]
        changes = np.flatnonzero(begins | (np.diff(sounding, prepend=-1) != 0))
        for begin, end in zip(changes, [*changes[1:], len(sounding)], strict=True):
            if sounding[begin]:
                length = (end - begin) / FRAMES_OF_QUARTER
                found.append(Note(voice, int(sounding[begin]), begin / FRAMES_OF_QUARTER, length))
    return tuple(sorted(found, key=lambda note: (note.start, note.voice)))


def key_name(chorale: Chorale) -> str:
    """As a client names it."""
    names = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
    return f"{names[chorale.tonic]} {'minor' if chorale.minor else 'major'}"


def _client_notes(chorale: Chorale, frames: int) -> list[Any]:
    from hiddenstate.tasks.music import Note as ClientNote

    return [ClientNote(*note) for note in first_notes(chorale, frames)]
