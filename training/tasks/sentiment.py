"""Sentiment: the recipe and data of the movie model, its figures, confusion matrix and bundle."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from rich.console import Console
from torch import Tensor

from service.bundle import DataSource, FrontendSpec, HeadSpec, QualityFigure, Topology
from service.model import Model
from training.data import movie_snippets, own
from training.data.cache import Licensed
from training.data.movie_snippets import Example, Examples, folds
from training.export import BundleDescription, Exportable
from training.loop import Training
from training.networks import CellName
from training.quantize import QualityBound
from training.regularize import Dropout
from training.report import CONFUSION_PICTURE, Section, confusion, draw_confusion
from training.run import TOKENIZER_FILE, Run
from training.tasks.classification import Classification, Recipe, accuracy, baseline_accuracy

METRIC = "accuracy"
BASELINE = "TF-IDF of words and word pairs, logistic regression"
SAMPLE_ROWS = 64


class Sentiment(Classification):
    """The trainee with its figures, its confusion matrix and its bundle."""

    def __init__(self, recipe: Recipe, examples: Examples) -> None:
        super().__init__(recipe, examples.labels, examples.train, examples.valid)
        self._examples = examples

    @property
    def frontend_files(self) -> dict[str, bytes]:
        """The vocabulary."""
        return {TOKENIZER_FILE: self.tokenizer.to_str(pretty=True).encode()}

    def measure(self, command: str) -> tuple[QualityFigure, ...]:
        """Accuracy on the test part of the 80/10/10 split."""
        examples = self._examples
        return (
            _figure(
                accuracy(self.scores(self.final_network(), examples.test), examples.test),
                baseline_accuracy(examples.train, examples.test),
                f"test, {len(examples.test):,} texts (80/10/10 by hash of the text)",
                command,
            ),
        )

    def sections(self, folder: Path) -> list[Section]:
        """The confusion matrix, and the texts it is most wrongly sure of."""
        valid = self._examples.valid
        scores = self.scores(self.final_network(), valid)
        truth = [example.label for example in valid]
        counts = confusion(truth, scores.argmax(axis=1).tolist(), len(self.labels))
        draw_confusion(counts, self.labels, folder / CONFUSION_PICTURE)
        probabilities = torch.from_numpy(scores).softmax(1).numpy()
        worst = np.argsort(probabilities[np.arange(len(valid)), truth])[:8]
        lines = [
            f"- {self.labels[truth[place]]}, given {probabilities[place, truth[place]]:.0%}: {valid[place].text}"
            for place in worst
        ]
        return [
            Section("Confusion matrix", f"![confusion matrix]({CONFUSION_PICTURE})"),
            Section("Most wrongly sure", "\n".join(lines)),
        ]

    def exportable(self, run: Run) -> Exportable:
        """The bundle `movie-sentiment`, or `own-sentiment` when the examples were the user's."""
        description = BundleDescription(
            name="movie-sentiment" if run.data is None else "own-sentiment",
            task="sentiment",
            topology=Topology.MANY_TO_ONE,
            description=self._description(run),
            provenance=run.provenance(),
            frontend=FrontendSpec(kind="text", parameters={"tokenizer": TOKENIZER_FILE}, files=(TOKENIZER_FILE,)),
            frontend_files=self.frontend_files,
            heads=(HeadSpec(name="logits", kind="classes", parameters={"labels": list(self.labels)}),),
            quality=run.figures,
            data=(DataSource(**vars(self._examples.source)),),
        )
        return Exportable(self.final_network(), description, self._sample(), self._bound())

    def _sample(self) -> Tensor:
        """Tokens of the validation texts, joined and cut to [rows, steps]: without padding, which is no real input."""
        steps = 32
        tokens = np.concatenate([self.encode(example.text) for example in self.valid])
        rows = max(1, min(SAMPLE_ROWS, len(tokens) // steps))
        return torch.from_numpy(np.resize(tokens, (rows, steps)))

    def _bound(self) -> QualityBound:
        def evaluate(model: Model) -> float:
            return accuracy(self.model_scores(model, self.valid), self.valid)

        return QualityBound(METRIC, higher_is_better=True, loss=self.recipe.int8_loss, evaluate=evaluate)

    def _description(self, run: Run) -> str:
        kind = "a review of a film" if run.data is None else "a text"
        recipe = self.recipe
        return (
            f"Says how {kind} sounds ({', '.join(self.labels)}) after every word: the mean of {recipe.members} "
            f"{recipe.cell.upper()} networks of {recipe.hidden} over {self.frontend.vocabulary_size:,} words, side by "
            "side in one. It learned from snippets of one or two sentences; other text is outside of what it knows."
        )


def recipe(cell: str | None = None, smoke: bool = False, seed: int | None = None) -> Recipe:
    """The recipe of the shipped model, or a variant of it."""
    chosen = Recipe()
    chosen = replace(chosen, cell=cast(CellName, cell or chosen.cell), seed=chosen.seed if seed is None else seed)
    return chosen.smoke() if smoke else chosen


def recipe_from(said: Mapping[str, Any]) -> Recipe:
    """A recipe from its plain data."""
    return Recipe(**{**said, "dropout": Dropout(**said["dropout"])})


def subject(recipe: Recipe, data: Path | None) -> Sentiment:
    """The movie snippets, or the user's own CSV. Raises DataError."""
    return Sentiment(recipe, movie_snippets.load() if data is None else own.load_table(data))


def cross_validate(recipe: Recipe, data: Path | None, count: int, console: Console, command: str) -> QualityFigure:
    """Train and measure once for each fold (`id % count`), the last averaged weights, nothing chosen on the fold."""
    if count < 2:
        raise ValueError(f"--folds {count}: at least 2 are needed")
    rows, labels = (movie_snippets.load_rows(), movie_snippets.LABELS) if data is None else own.load_rows(data)
    ours, theirs = [], []
    for fold in range(count):
        train, test = folds(rows, fold, count)
        ours.append(_fold_accuracy(recipe, labels, train, test, console))
        theirs.append(baseline_accuracy(train, test))
        console.print(f"fold {fold + 1}/{count}: {ours[-1]:.4f} (baseline {theirs[-1]:.4f}), mean {np.mean(ours):.4f}")
    split = f"{count} folds by id modulo {count}, {len(rows):,} texts"
    return _figure(float(np.mean(ours)), float(np.mean(theirs)), split, command)


def _fold_accuracy(
    recipe: Recipe, labels: Sequence[str], train: Sequence[Example], test: Sequence[Example], console: Console
) -> float:
    """Validation is on training texts and only once, at the end: nothing of the fold decides anything."""
    examples = Examples(tuple(labels), tuple(train), tuple(train[:200]), tuple(test), Licensed("a fold", "", ""))
    sentiment = Sentiment(recipe, examples)
    schedule = replace(sentiment.schedule, validate_every=sentiment.schedule.steps)
    with tempfile.TemporaryDirectory() as folder:
        Training(sentiment, schedule, Path(folder), console).run()
    return accuracy(sentiment.scores(sentiment.final_network(), test), test)


def _figure(value: float, baseline: float, split: str, command: str) -> QualityFigure:
    return QualityFigure(
        metric=METRIC,
        value=round(value, 4),
        higher_is_better=True,
        split=split,
        baseline=BASELINE,
        baseline_value=round(baseline, 4),
        command=command,
    )
