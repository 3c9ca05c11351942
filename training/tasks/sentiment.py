"""Sentiment: the recipe and data of the movie model, its figures, confusion matrix and bundle."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import JsonValue
from rich.console import Console
from torch import Tensor

from service.bundle import Bundle, DataSource, FrontendSpec, HeadSpec, QualityFigure, Topology
from service.frontends.text import TextFrontend
from service.model import Model, load_model
from service.tasks.sentiment import SentimentAnalysis, SentimentOptions, Text
from training.alone import answers_alone
from training.data import movie_snippets, own
from training.data.cache import Licensed
from training.data.movie_snippets import Example, Examples, folds
from training.export import BundleDescription, Exportable
from training.folds import Folds
from training.loop import Training
from training.quantize import QualityBound
from training.recipes import varied
from training.regularize import Dropout
from training.report import CONFUSION_PICTURE, Section, confusion, draw_confusion
from training.run import TOKENIZER_FILE, Run
from training.tasks.classification import Classification, Recipe, accuracy, baseline_accuracy, model_scores

if TYPE_CHECKING:
    from hiddenstate import Client

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
        test = self._examples.test
        return (_release_figure(self._examples, self.scores(self.final_network(), test), command),)

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
            return accuracy(model_scores(model, self.frontend, self.valid), self.valid)

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
    return varied(Recipe(), cell, smoke, seed)


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
    kept = Folds("sentiment", count, recipe, (f"{each}".encode() for each in rows), console)
    ours, theirs = [], []
    for fold in range(count):
        train, test = folds(rows, fold, count)
        said = kept.said(fold, partial(_fold, recipe, labels, train, test, console))
        ours.append(said["ours"])
        theirs.append(said["baseline"])
        console.print(f"fold {fold + 1}/{count}: {ours[-1]:.4f} (baseline {theirs[-1]:.4f}), mean {np.mean(ours):.4f}")
    split = f"{count} folds by id modulo {count}, {len(rows):,} texts"
    return _figure(float(np.mean(ours)), float(np.mean(theirs)), split, command)


def _fold(
    recipe: Recipe, labels: Sequence[str], train: Sequence[Example], test: Sequence[Example], console: Console
) -> dict[str, float]:
    """The accuracy of the network and of the baseline.

    Validation is on training texts and only once, at the end: nothing of the fold decides anything.
    """
    examples = Examples(tuple(labels), tuple(train), tuple(train[:200]), tuple(test), Licensed("a fold", "", ""))
    sentiment = Sentiment(recipe, examples)
    schedule = replace(sentiment.schedule, validate_every=sentiment.schedule.steps)
    with tempfile.TemporaryDirectory() as folder:
        Training(sentiment, schedule, Path(folder), console).run()
    ours = accuracy(sentiment.scores(sentiment.final_network(), test), test)
    return {"ours": ours, "baseline": baseline_accuracy(train, test)}


def _release_figure(examples: Examples, scores: NDArray[np.float32], command: str) -> QualityFigure:
    """Accuracy on the test part of the 80/10/10 split, from its logits [texts, classes]."""
    ours, theirs = accuracy(scores, examples.test), baseline_accuracy(examples.train, examples.test)
    return _figure(ours, theirs, f"test, {len(examples.test):,} texts (80/10/10 by hash of the text)", command)


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


@dataclass(frozen=True)
class SnippetExamination:
    """Figures on the test part of the release split; the sample is texts of it, and how each sounds as a whole."""

    examples: Examples

    def figures(self, bundle: Bundle, variant: str, command: str) -> tuple[QualityFigure, ...]:
        """Accuracy through ONNX Runtime. That of folds belongs to the recipe, not to the bundle."""
        parameters = bundle.manifest.frontend.parameters if bundle.manifest.frontend else {}
        frontend = TextFrontend.from_files(bundle.folder, parameters)
        scores = model_scores(load_model(bundle, variant), frontend, self.examples.test)
        return (_release_figure(self.examples, scores, command),)

    def sample(self, count: int) -> list[str]:
        """Texts, evenly spaced in the test part."""
        test = self.examples.test
        return [example.text for example in test[:: -(-len(test) // count)]]

    def answers(self, bundle: Bundle, variant: str, examples: Sequence[str]) -> list[JsonValue]:
        """The probabilities of the classes."""
        model, options = load_model(bundle, variant), SentimentOptions(interim=False)
        task = SentimentAnalysis.from_bundle(bundle, max_characters=max(map(len, examples)))
        finals = (answers_alone(model, task, options, [Text(text)])[-1] for text in examples)
        return [dict(zip(final.labels, final.probabilities, strict=True)) for final in finals]

    def served_answers(self, client: Client, model: str, examples: Sequence[str]) -> list[JsonValue]:
        """The same from the server."""
        return [dict(final.probabilities) for final in client.sentiments(examples, model=model)]


def examination() -> SnippetExamination:
    """How the shipped bundle is measured. Raises DataError."""
    return SnippetExamination(movie_snippets.load())
