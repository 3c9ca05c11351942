"""Dense classification: one answer for each row, by itself; digits, cell nuclei, or the user's own table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from torch import Tensor
from torch.nn import functional as F

from service.bundle import DataSource, FrontendSpec, HeadSpec, QualityFigure, Topology
from training.data import tables
from training.data.tables import Rows, Table
from training.dense import DenseNetwork
from training.export import BundleDescription, Exportable
from training.loop import Schedule
from training.report import CONFUSION_PICTURE, Section, confusion, draw_confusion
from training.run import Run
from training.tasks.dense_figures import METRIC, TableExamination, accuracy, figures

PICTURE = 8
"""Pixels along the side of a digit."""


@dataclass(frozen=True)
class Recipe:
    """All choices of a training. `shift`: move a picture by up to one pixel; `noise`: in standard deviations."""

    hidden: tuple[int, ...] = (128, 64)
    members: int = 4
    dropout: float = 0.3
    noise: float = 0.1
    shift: bool = False
    rows: int = 64
    steps: int = 3000
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    decay: float = 0.995
    seed: int = 1

    def smoke(self) -> Recipe:
        """The same shape in a size that trains in a second."""
        return replace(self, hidden=(16,), members=2, steps=100)


class Dense:
    """The trainee with its figures and its bundle."""

    higher_is_better = True

    def __init__(self, recipe: Recipe, table: Table, name: str) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.table, self.name = recipe, table, name
        features = torch.from_numpy(table.train.features)
        mean, scale = features.mean(0), features.std(0)
        scale[scale == 0] = 1.0  # a column that never changes says nothing in any unit
        self.network = DenseNetwork(mean, scale, recipe.hidden, len(table.labels), recipe.dropout, recipe.members)

    @property
    def schedule(self) -> Schedule:
        """Validated thirty times."""
        recipe = self.recipe
        return Schedule(
            steps=recipe.steps,
            learning_rate=recipe.learning_rate,
            weight_decay=recipe.weight_decay,
            decay=recipe.decay,
            validate_every=max(recipe.steps // 30, 1),
            patience=30,
            bfloat16=False,
        )

    @property
    def frontend_files(self) -> dict[str, bytes]:
        """None: the network standardises by itself."""
        return {}

    def loss(self, step: int) -> Tensor:
        """Mean cross entropy of every member by itself, on rows drawn by the seed and the step."""
        random = np.random.default_rng((self.recipe.seed, step))
        train = self.table.train
        chosen = random.integers(0, len(train.classes), self.recipe.rows)
        features = train.features[chosen]
        if self.recipe.shift:
            features = shifted(features, random)
        spread = self.recipe.noise * self.network.get_buffer("scale")
        noise = torch.from_numpy(random.standard_normal(features.shape).astype(np.float32))
        inputs = torch.from_numpy(features) + spread * noise
        truth = torch.from_numpy(train.classes[chosen])
        losses = [F.cross_entropy(logits, truth) for logits in self.network.member_logits(inputs)]
        return torch.stack(losses).mean()

    def validate(self, network: DenseNetwork) -> float:
        """Accuracy (0..1) on the validation part."""
        return accuracy(self.scores(network, self.table.valid), self.table.valid)

    def scores(self, network: DenseNetwork, rows: Rows) -> NDArray[np.float32]:
        """Logits [rows, classes], by torch."""
        with torch.inference_mode():
            outputs, _ = network.eval()(torch.from_numpy(rows.features)[None], torch.tensor([len(rows.classes)]), ())
        scores: NDArray[np.float32] = outputs["logits"][0].numpy()
        return scores

    def final_network(self) -> DenseNetwork:
        """The trained network."""
        return self.network.eval()

    def measure(self, command: str) -> tuple[QualityFigure, ...]:
        """Accuracy on the test part, beside both baselines."""
        value = accuracy(self.scores(self.final_network(), self.table.test), self.table.test)
        return figures(self.table, value, command)

    def sections(self, folder: Path) -> list[Section]:
        """The confusion matrix of the validation part."""
        valid = self.table.valid
        predicted = self.scores(self.final_network(), valid).argmax(axis=1)
        counts = confusion(valid.classes.tolist(), predicted.tolist(), len(self.table.labels))
        draw_confusion(counts, self.table.labels, folder / CONFUSION_PICTURE)
        return [Section("Confusion matrix", f"![confusion matrix]({CONFUSION_PICTURE})")]

    def exportable(self, run: Run) -> Exportable:
        """The bundle of this recipe, or `own-table` when the rows were the user's."""
        table = self.table
        description = BundleDescription(
            name=self.name if run.data is None else "own-table",
            task="classification",
            topology=Topology.ONE_TO_ONE,
            description=(
                f"Puts a row of {len(table.columns)} numbers into one of {len(table.labels)} classes: the mean of "
                f"{self.recipe.members} dense networks. Every row is answered by itself."
            ),
            provenance=run.provenance(),
            frontend=FrontendSpec(kind="table", parameters={"columns": list(table.columns)}),
            heads=(HeadSpec(name="logits", kind="classes", parameters={"labels": list(table.labels)}),),
            quality=run.figures,
            data=(DataSource(**vars(table.source)),),
        )
        return Exportable(self.final_network(), description, torch.from_numpy(table.valid.features)[:, None])

    def progress(self) -> Mapping[str, Any]:
        """Nothing goes from batch to batch."""
        return {}

    def restore(self, progress: Mapping[str, Any]) -> None:
        """Nothing to restore."""


def shifted(pictures: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float32]:
    """Pictures [rows, pixels] moved by -1, 0 or 1 pixels each way, zeros coming in."""
    padded = np.pad(pictures.reshape(-1, PICTURE, PICTURE), ((0, 0), (1, 1), (1, 1)))
    moves = random.integers(0, 3, (len(pictures), 2))
    moved = [
        picture[down : down + PICTURE, right : right + PICTURE]
        for picture, (down, right) in zip(padded, moves, strict=True)
    ]
    return np.stack(moved).reshape(len(pictures), -1)


@dataclass(frozen=True)
class DenseTask:
    """One recipe of dense classification; see `training.tasks.Task`."""

    name: str
    standard: Recipe
    load: Callable[[], Table]
    METRIC: str = METRIC

    def recipe(self, cell: str | None = None, smoke: bool = False, seed: int | None = None) -> Recipe:
        """The recipe of the shipped model, or a variant of it. Raises ValueError for a cell: there is none."""
        if cell is not None:
            raise ValueError(f"--cell {cell}: {self.name} has no recurrent layer; leave it out")
        chosen = replace(self.standard, seed=self.standard.seed if seed is None else seed)
        return chosen.smoke() if smoke else chosen

    def recipe_from(self, said: Mapping[str, Any]) -> Recipe:
        """A recipe from its plain data."""
        return Recipe(**{**said, "hidden": tuple(said["hidden"])})

    def subject(self, recipe: Recipe, data: Path | None) -> Dense:
        """The shipped model's table, or the user's own CSV file. Raises DataError."""
        if data is None:
            return Dense(recipe, self.load(), self.name)
        return Dense(replace(recipe, shift=False), tables.load_own(data), self.name)

    def cross_validate(
        self, recipe: Recipe, data: Path | None, folds: int, console: Console, command: str
    ) -> QualityFigure:
        """Has one split alone."""
        raise ValueError(f"{self.name} has one split: leave out --folds")

    def examination(self) -> TableExamination:
        """How the shipped bundle is measured. Raises DataError."""
        return TableExamination(self.load())


DIGITS = DenseTask("digits", Recipe(hidden=(256,), noise=0.3, shift=True, steps=4000), tables.load_digits)
BREAST_CANCER = DenseTask("breast-cancer", Recipe(hidden=(32,), steps=800), tables.load_breast_cancer)
