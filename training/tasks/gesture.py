"""Gestures and signs: letters spelled by hand, speakers told by two vowels, an umpire's signals; own recordings."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import JsonValue
from rich.console import Console
from torch import Tensor

from service.bundle import DataSource, FrontendSpec, HeadSpec, QualityFigure, Topology
from service.frontends.activity import Activity
from service.frontends.frames import frontend_to_bytes
from training.data import cricket, fingerspelling, japanese_vowels
from training.data.own_recordings import load_own
from training.data.recordings import Kind, Recording, Recordings, fold_of, some_of, where
from training.export import BundleDescription, Exportable
from training.folds import Folds
from training.loop import Training
from training.recipes import varied
from training.report import CONFUSION_PICTURE, Section, confusion, draw_confusion
from training.run import Run
from training.tasks.gesture_figures import METRIC, GestureExamination, baselines, figures
from training.tasks.gesture_learning import HEAD, Learning, Recipe, accuracy, encoded
from training.warping import Warp

FRONTEND_FILE = "frames.json"
THRESHOLD = 0.5
"""Probability from which on a gesture counts as seen, unless the client says otherwise."""
SAMPLE_ROWS, SAMPLE_STEPS = 64, 16


class Gestures(Learning):
    """The trainee with its figures and its bundle."""

    def __init__(self, recipe: Recipe, recordings: Recordings, name: str) -> None:
        super().__init__(recipe, recordings)
        self.name = name

    @property
    def frontend_files(self) -> dict[str, bytes]:
        """The frontend with what was measured on the training part."""
        return {FRONTEND_FILE: frontend_to_bytes(self.frontend)}

    def final_network(self) -> Any:
        """The trained network."""
        return self.network.eval()

    def measure(self, command: str) -> tuple[QualityFigure, ...]:
        """Accuracy on the test part, beside both baselines."""
        value = accuracy(self.scores(self.network, self.recordings.test), self.recordings.test)
        return figures(self.frontend, self.recordings, value, command)

    def sections(self, folder: Path) -> list[Section]:
        """The confusion matrix of the validation part."""
        valid = self.recordings.valid
        predicted = self.scores(self.network, valid).argmax(axis=1).tolist()
        counts = confusion([each.label for each in valid], predicted, len(self.labels))
        draw_confusion(counts, self.labels, folder / CONFUSION_PICTURE)
        return [Section("Confusion matrix", f"![confusion matrix]({CONFUSION_PICTURE})")]

    def exportable(self, run: Run) -> Exportable:
        """The bundle of this recipe, or `own-` and its name when the recordings were the user's."""
        recordings = self.recordings
        labels: dict[str, JsonValue] = {"labels": list(self.labels), "pooling": HEAD.pooling}
        levels = [self.frontend.liveliness(None, each.frames) for each in recordings.train]
        description = BundleDescription(
            name=self.name if run.data is None else f"own-{self.name}",
            task="gesture",
            topology=Topology.MANY_TO_ONE,
            description=self._description(),
            provenance=run.provenance(),
            frontend=FrontendSpec(
                kind=self.frontend.kind,
                parameters={"frames": FRONTEND_FILE, "columns": list(recordings.columns)},
                files=(FRONTEND_FILE,),
            ),
            frontend_files=self.frontend_files,
            heads=(HeadSpec(name=HEAD.name, kind="classes", parameters=labels),),
            task_parameters={
                "frame_rate_hertz": recordings.frame_rate,
                "threshold": THRESHOLD,
                "activity": Activity.fitted(levels).parameters(),
            },
            quality=run.figures,
            data=(DataSource(**vars(recordings.source)),),
        )
        return Exportable(self.final_network(), description, self._sample())

    def _sample(self) -> Tensor:
        """Steps of the training part, joined and cut to [rows, steps, features]."""
        steps = np.concatenate([encoded(self.frontend, each.frames) for each in self.recordings.train[:SAMPLE_ROWS]])
        rows = max(1, min(SAMPLE_ROWS, len(steps) // SAMPLE_STEPS))
        return torch.from_numpy(np.resize(steps, (rows, SAMPLE_STEPS, self.frontend.feature_count)))

    def _description(self) -> str:
        recipe, recordings = self.recipe, self.recordings
        frame = "the landmarks of two hands" if recordings.kind == "hands" else f"{len(recordings.columns)} channels"
        return (
            f"Names a gesture, one of {len(self.labels)}, while its frames come in ({frame}, {recordings.frame_rate:g} "
            f"a second): the mean score over the steps so far of {recipe.members} networks of causal convolutions and "
            f"a {recipe.cell.upper()} of {recipe.hidden}, side by side in one."
        )


@dataclass(frozen=True)
class GestureTask:
    """One recipe of gestures; see `training.tasks.Task`."""

    name: str
    kind: Kind
    standard: Recipe
    load: Callable[[], Recordings]
    METRIC: str = METRIC

    def recipe(self, cell: str | None = None, smoke: bool = False, seed: int | None = None) -> Recipe:
        """The recipe of the shipped model, or a variant of it."""
        return varied(self.standard, cell, smoke, seed)

    def recipe_from(self, said: Mapping[str, Any]) -> Recipe:
        """A recipe from its plain data."""
        lists = {name: tuple(said[name]) for name in ("windows", "widths", "dropout")}
        return Recipe(**{**said, **lists, "warp": Warp(**said["warp"])})

    def subject(self, recipe: Recipe, data: Path | None) -> Gestures:
        """The recordings of the shipped model, or the user's own. Raises DataError."""
        return Gestures(recipe, self.load() if data is None else load_own(data, self.kind), self.name)

    def cross_validate(
        self, recipe: Recipe, data: Path | None, folds: int, console: Console, command: str
    ) -> QualityFigure:
        """Train and measure once for each fold, the last weights, nothing chosen on the fold: of languages, where there
        are several, and else of the training part alone.
        """
        recordings = self.load() if data is None else load_own(data, self.kind)
        several = len(recordings.groups) > 1
        known = (*recordings.train, *recordings.test) if several else recordings.train
        places = fold_of(known, folds)
        kept = Folds(self.name, folds, recipe, _told(known), console)
        right, theirs = np.zeros(0, bool), dict[str, list[float]]()
        for fold in range(folds):
            train = where(known, lambda place, fold=fold: places[place] != fold)  # type: ignore[misc]
            test = where(known, lambda place, fold=fold: places[place] == fold)  # type: ignore[misc]
            part = replace(recordings, train=train, valid=some_of(train), test=test, held_out=False)
            said = kept.said(fold, partial(_fold, recipe, part, console))
            right = np.append(right, said["right"])
            for name, value in said["baselines"].items():
                theirs[name] = [*theirs.get(name, []), value * len(test)]
            beside = ", ".join(f"{name} {sum(values) / len(right):.4f}" for name, values in theirs.items())
            console.print(f"fold {fold + 1}/{folds}: so far {right.mean():.4f} of {len(right)} ({beside})")
        best, values = max(theirs.items(), key=lambda each: sum(each[1]))
        return QualityFigure(
            metric=METRIC,
            value=round(float(right.mean()), 4),
            higher_is_better=True,
            split=f"{folds} folds by {'language' if several else 'class'}, {len(known):,} recordings",
            baseline=best,
            baseline_value=round(sum(values) / len(known), 4),
            command=command,
        )

    def examination(self) -> GestureExamination:
        """How the shipped bundle is measured. Raises DataError when the data cannot be had."""
        return GestureExamination(self.load())


def _told(recordings: Sequence[Recording]) -> Iterator[bytes]:
    """All that is known of recordings."""
    for each in recordings:
        yield f"{each.label} {each.group} {each.frames.shape}".encode() + each.frames.tobytes()


def _fold(recipe: Recipe, part: Recordings, console: Console) -> dict[str, Any]:
    """Which recordings of a fold's test part were named rightly, and the accuracy of each baseline."""
    learned = _learned(recipe, part, console)
    named = learned.scores(learned.network, part.test).argmax(axis=1).tolist()
    right = [label == each.label for label, each in zip(named, part.test, strict=True)]
    return {"right": right, "baselines": baselines(learned.frontend, part)}


def _learned(recipe: Recipe, recordings: Recordings, console: Console) -> Learning:
    """Train on one fold, validating on training recordings, and only once."""
    learning = Learning(recipe, recordings)
    schedule = replace(learning.schedule, validate_every=recipe.steps)
    with tempfile.TemporaryDirectory() as folder:
        Training(learning, schedule, Path(folder), console).run()
    return learning


FINGERSPELLING = GestureTask(
    "fingerspelling", "hands", Recipe(members=5, steps=200, shortcut=True), fingerspelling.load
)
JAPANESE_VOWELS = GestureTask(
    "japanese-vowels",
    "sensors",
    Recipe(members=5, steps=300, warp=Warp(bend=0.2, offset=0.1, noise=0.1), mix=0.3, learning_rate=5e-3),
    japanese_vowels.load,
)
CRICKET = GestureTask(
    "cricket",
    "sensors",
    Recipe(
        window=16,
        stride=4,
        windows=(1, 7, 5),
        widths=(64, 96, 64),
        normalized=True,
        shortcut=True,
        members=3,
        dropout=(0.0, 0.1, 0.2),
        locked=True,
        rows=48,
        steps=900,
        weight_decay=0.02,
        bfloat16=True,
    ),
    cricket.load,
)
