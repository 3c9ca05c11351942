"""Speech recognition: digits, letters and commands, learned from synthesizers; or words of one's own recordings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import JsonValue
from rich.console import Console
from torch import Tensor

from service.bundle import DataSource, FrontendSpec, HeadSpec, QualityFigure, Topology
from service.frontends.audio import SAMPLE_RATE, STEP_SAMPLES
from training.acoustics import Conditions
from training.data import own_speech, spoken
from training.data.spoken import Speech
from training.export import BundleDescription, Exportable
from training.recipes import varied
from training.report import Section
from training.run import Run
from training.speech_network import SpeechNetwork
from training.tasks.speech_decoding import BEAMS
from training.tasks.speech_figures import METRIC, SpeechExamination, figures, tests_of
from training.tasks.speech_learning import Learning, Recipe, scores_of
from training.tasks.speech_pictures import sections

NAME = "spoken-commands"


class SpeechRecognition(Learning):
    """The trainee with its figures and its bundle."""

    def final_network(self) -> SpeechNetwork:
        """The trained network."""
        return self.network.eval()

    def measure(self, command: str) -> tuple[QualityFigure, ...]:
        """Word error rates on every test part, beside the baseline on the same audio."""
        network = self.final_network()
        return figures(
            lambda clips: scores_of(network, clips),
            self.spelling.tokens,
            self.speech.words,
            tests_of(self.speech),
            command,
        )

    def sections(self, folder: Path) -> list[Section]:
        """Words that are taken for others, and what the network says over time."""
        return sections(self.final_network(), self.spelling.tokens, self.speech, folder)

    def exportable(self, run: Run) -> Exportable:
        """The bundle of this recipe, or one with `own-` before its name when the recordings were the user's."""
        recipe, speech, whole = self.recipe, self.speech, self.spelling.whole
        tokens: list[JsonValue] = list(self.spelling.tokens)
        words: list[JsonValue] = list(speech.words)
        description = BundleDescription(
            name=NAME if run.data is None else "own-speech",
            task="transcription",
            topology=Topology.MANY_TO_MANY,
            description=(
                f"Writes down speech while it comes in, {f'{len(words)} words' if words else 'any words'}. Logarithms "
                f"of mel bands go through {len(recipe.windows)} causal convolutions and {recipe.layers} × "
                f"{recipe.hidden} ({recipe.cell.upper()}); {'words' if whole else 'characters'} are scored every 30 ms."
            ),
            provenance=run.provenance(),
            frontend=FrontendSpec(
                kind="audio", parameters={"sample_rate_hertz": SAMPLE_RATE, "step_samples": STEP_SAMPLES}
            ),
            heads=(
                HeadSpec(
                    name="logits", kind="ctc", parameters={"tokens": tokens, "space": "before" if whole else "behind"}
                ),
            ),
            task_parameters={"words": words, "beam_count": BEAMS},
            quality=run.figures,
            data=(DataSource(**vars(speech.source)),),
        )
        return Exportable(self.final_network(), description, self._sample())

    def _sample(self) -> Tensor:
        """Steps of the training part as they are heard [rows, steps, 480]."""
        return self.drawn(np.random.default_rng(self.recipe.seed))[0]


@dataclass(frozen=True)
class SpeechTask:
    """The recipe; see `training.tasks.Task`."""

    standard: Recipe
    METRIC: str = METRIC

    def recipe(self, cell: str | None = None, smoke: bool = False, seed: int | None = None) -> Recipe:
        """The recipe of the shipped model, or a variant of it."""
        return varied(self.standard, cell, smoke, seed)

    def recipe_from(self, said: Mapping[str, Any]) -> Recipe:
        """A recipe from its plain data."""
        conditions = dict(said["conditions"])
        pairs = {name: tuple(conditions[name]) for name in ("loudness", "signal")}
        tuples = {name: tuple(said[name]) for name in ("windows", "rows", "seconds")}
        return Recipe(**{**said, **tuples, "conditions": Conditions(**{**conditions, **pairs})})

    def subject(self, recipe: Recipe, data: Path | None) -> SpeechRecognition:
        """What synthesizers say, or the user's own recordings; tones for a smoke test. Raises DataError."""
        return SpeechRecognition(recipe, own_speech.load(data) if data else _speech(recipe))

    def cross_validate(
        self, recipe: Recipe, data: Path | None, folds: int, console: Console, command: str
    ) -> QualityFigure:
        """Has one split alone."""
        raise ValueError("speech has one split, by voice: leave out --folds")

    def examination(self) -> SpeechExamination:
        """How the shipped bundle is measured again. Raises DataError when the data cannot be had."""
        return SpeechExamination(spoken.measured())


def _speech(recipe: Recipe) -> Speech:
    return spoken.made_up() if recipe.made_up else spoken.load()


TASK = SpeechTask(Recipe())
