"""Music in four voices: a network that decides one voice of one frame at a time, trained on chorales.

It learns two grids at once: sixteenths, on which it composes, and quarters, on which such models are compared. For half
of what it reads it is told the melody ahead, or how long the music goes on, so that it can harmonise and come to an
end; the other half without, so that it needs neither.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from rich.console import Console
from torch import Tensor
from torch.nn import functional as F

from service.bundle import DataSource, FrontendSpec, HeadSpec, QualityFigure, Topology
from service.frontends.music import (
    LOOK_AHEAD,
    VOICES,
    Grid,
)
from training.batches import Epochs, padded
from training.data import chorales
from training.data.chorales import Chorales
from training.export import BundleDescription, Exportable
from training.loop import Schedule
from training.networks import CellName
from training.recipes import varied
from training.report import Section
from training.run import Run
from training.tasks.music_examination import ChoraleExamination
from training.tasks.music_figures import IGNORED, METRIC, PITCHES, figures, nats_per_quarter, piece_of, torch_runner
from training.word_network import WordNetwork, WordNetworkSpec

if TYPE_CHECKING:
    pass

COUNTDOWN_COLUMN = VOICES + 5


@dataclass(frozen=True)
class Recipe:
    """All choices of a training. `pitch_width` is that of the embedding of what a voice sounds."""

    cell: CellName = "lstm"
    hidden: int = 192
    layers: int = 2
    pitch_width: int = 24
    dropout: float = 0.35
    rows: int = 16
    epochs: int = 24
    learning_rate: float = 3e-3
    weight_decay: float = 0.02
    decay: float = 0.997
    patience: int = 5
    seed: int = 1
    made_up: bool = False

    def smoke(self) -> Recipe:
        """The same shape in a size that trains in seconds, to try the whole path."""
        return replace(self, hidden=24, layers=1, pitch_width=6, epochs=2, made_up=True)

    @property
    def widths(self) -> tuple[int, ...]:
        """Of the embedding of each column, in the order of `Range.column_sizes`."""
        pitch = self.pitch_width
        return (*[pitch] * VOICES, pitch, 8, 12, 2, 2, 6, 2, *[pitch] * len(LOOK_AHEAD))


class Music:
    """The trainee with its figures and its bundle."""

    higher_is_better = False

    def __init__(self, recipe: Recipe, data: Chorales, name: str) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.data, self.name = recipe, data, name
        self.network = WordNetwork(
            WordNetworkSpec(
                cell=recipe.cell,
                hidden=recipe.hidden,
                layers=recipe.layers,
                ids=PITCHES.column_sizes(),
                widths=recipe.widths,
                dropout=recipe.dropout,
                heads={"logits": PITCHES.tokens},
            )
        )
        pieces = [piece_of(chorale, grid) for grid in Grid for chorale in data.train]
        # Every piece as it is read with the melody ahead and without, [frames × VOICES, columns] each.
        self._steps = [
            {ahead: piece.steps(countdown=True, look_ahead=ahead) for ahead in (False, True)} for piece in pieces
        ]
        self._targets = [piece.targets for piece in pieces]
        self._epochs = Epochs([len(targets) for targets in self._targets], recipe.rows, recipe.seed)

    @property
    def schedule(self) -> Schedule:
        """Validated once an epoch."""
        recipe = self.recipe
        return Schedule(
            steps=recipe.epochs * self._epochs.steps,
            learning_rate=recipe.learning_rate,
            weight_decay=recipe.weight_decay,
            decay=recipe.decay,
            validate_every=self._epochs.steps,
            patience=recipe.patience,
            bfloat16=False,
        )

    @property
    def frontend_files(self) -> dict[str, bytes]:
        """None: the frontend is made of numbers."""
        return {}

    def loss(self, step: int) -> Tensor:
        """Mean cross entropy of what the voices do."""
        chosen = self._epochs.batch(step)
        ahead, counted = (torch.rand(2, len(chosen)) < 0.5).tolist()
        rows = [self._steps[place][known].copy() for place, known in zip(chosen, ahead, strict=True)]
        for row, told in zip(rows, counted, strict=True):
            if not told:
                row[:, COUNTDOWN_COLUMN] = 0
        inputs, lengths = padded(rows)
        targets, _ = padded([self._targets[place] for place in chosen], IGNORED)
        # What follows a row's end cannot reach back, so its padding may run like steps: packing costs more.
        lengths = torch.full_like(lengths, inputs.shape[1])
        outputs, _ = self.network(inputs, lengths, self.network.initial_state(len(inputs)))
        return F.cross_entropy(outputs["logits"].flatten(0, 1).float(), targets.flatten())

    def validate(self, network: WordNetwork) -> float:
        """Nats per frame of quarters on the validation part, plus those per quarter of sixteenths."""
        return sum(nats_per_quarter(torch_runner(network), self.data.valid, grid) for grid in Grid)

    def final_network(self) -> WordNetwork:
        """The trained network."""
        return self.network.eval()

    def measure(self, command: str) -> tuple[QualityFigure, ...]:
        """Nats on the test part: of frames of quarters, of sixteenths, and of the voices added to a melody."""
        return figures(torch_runner(self.final_network()), self.data, command)

    def sections(self, folder: Path) -> list[Section]:
        """What knowing the melody ahead and the end is worth, on the validation part."""
        run = torch_runner(self.network)
        rows = ["| sixteenths, nats per quarter | value |", "|---|---|"]
        for said, told in (
            ("all voices", {}),
            ("all voices, the end in sight", {"countdown": True}),
            ("three voices to a melody", {"added": True}),
            ("three voices to a melody that is known ahead", {"added": True, "look_ahead": True}),
        ):
            rows.append(f"| {said} | {nats_per_quarter(run, self.data.valid, Grid.SIXTEENTHS, **told):.3f} |")
        return [Section("What is known ahead", "\n".join(rows))]

    def exportable(self, run: Run) -> Exportable:
        """The bundle of this recipe, or one with `own-` before its name when the music was the user's."""
        recipe = self.recipe
        description = BundleDescription(
            name=self.name if run.data is None else f"own-{self.name}",
            task="music",
            topology=Topology.ONE_TO_MANY,
            description=(
                f"Makes music in four voices, or adds three to a melody: {recipe.cell.upper()}, {recipe.layers} layers "
                f"of {recipe.hidden}, one step for each voice of each sixteenth, in the manner of Bach's chorales."
            ),
            provenance=run.provenance(),
            frontend=FrontendSpec(kind="music", parameters={"low": PITCHES.low, "high": PITCHES.high}),
            heads=(HeadSpec(name="logits", kind="categorical"),),
            quality=run.figures,
            data=(DataSource(**vars(self.data.source)),),
        )
        return Exportable(self.final_network(), description, self._sample())

    def progress(self) -> Mapping[str, Any]:
        """Nothing goes from batch to batch."""
        return {}

    def restore(self, progress: Mapping[str, Any]) -> None:
        """Nothing to restore."""

    def _sample(self) -> Tensor:
        """Steps of the validation part, cut to [rows, steps, columns]."""
        steps = 64
        pieces = [piece_of(chorale, grid) for chorale in self.data.valid for grid in Grid]
        joined = np.concatenate([piece.steps(countdown=True, look_ahead=True) for piece in pieces])
        rows = max(1, min(32, len(joined) // steps))
        return torch.from_numpy(np.resize(joined, (rows, steps, joined.shape[1])))


@dataclass(frozen=True)
class MusicTask:
    """The recipe; see `training.tasks.Task`."""

    name: str
    standard: Recipe
    METRIC: str = METRIC

    def recipe(self, cell: str | None = None, smoke: bool = False, seed: int | None = None) -> Recipe:
        """The recipe of the shipped model, or a variant of it."""
        return varied(self.standard, cell, smoke, seed)

    def recipe_from(self, said: Mapping[str, Any]) -> Recipe:
        """A recipe from its plain data."""
        return Recipe(**said)

    def subject(self, recipe: Recipe, data: Path | None) -> Music:
        """Bach's chorales, or the user's own music; made-up chords for a smoke test. Raises DataError."""
        if data is not None:
            return Music(recipe, chorales.load_own(data), self.name)
        return Music(recipe, chorales.made_up() if recipe.made_up else chorales.load(), self.name)

    def cross_validate(
        self, recipe: Recipe, data: Path | None, folds: int, console: Console, command: str
    ) -> QualityFigure:
        """Has one split alone."""
        raise ValueError(f"{self.name} has one split, by chorale: leave out --folds")

    def examination(self) -> ChoraleExamination:
        """How the shipped bundle is measured again. Raises DataError."""
        return ChoraleExamination(chorales.load())


CHORALES = MusicTask("chorales", Recipe())
