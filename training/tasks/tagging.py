"""Token tagging: one tag for each word, in a stream with a bounded look-ahead, or of whole sentences.

The streaming network reads a sentence once. Its head `tags_k` tags the word k steps back, so that a tag can wait for k
words behind its own; all delays are learned at once. The whole-sentence network is bidirectional, with one head.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from torch import Tensor
from torch.nn import functional as F

from service.bundle import (
    DataSource,
    FrontendSpec,
    HeadSpec,
    Limits,
    QualityFigure,
    Topology,
)
from service.frontends.words import FEATURES, UNKNOWN_ID, Ids, WordFrontend
from training.batches import Epochs, padded
from training.data import brown, tagged
from training.data.tagged import Sentence, TaggedText
from training.export import BundleDescription, Exportable
from training.loop import Schedule
from training.networks import CellName
from training.recipes import varied
from training.report import Section
from training.run import Run
from training.tasks.tagging_figures import METRIC, TaggingExamination, accuracy, figures
from training.word_network import WordNetwork, WordNetworkSpec

VOCABULARY_FILE = "words.json"
MAX_SENTENCE_WORDS = 1024
IGNORED = -100
_WIDTHS = dict(zip(FEATURES, (48, 4, 8, 16, 4, 12, 24, 24, 8), strict=True))


@dataclass(frozen=True)
class Recipe:
    """All choices of a training. `look_ahead`: words a tag may wait for; None: whole sentences, both ways.

    `learn_valid`: the validation part is learned from, too, once all choices are made: for all `epochs`, to the last
    weights.
    """

    look_ahead: int | None = 2
    cell: CellName = "lstm"
    hidden: int = 256
    layers: int = 1
    widths: Mapping[str, int] = field(default_factory=lambda: dict(_WIDTHS))
    least_word_count: int = 5
    least_part_count: int = 8
    dropout: float = 0.4
    word_dropout: float = 0.1
    rows: int = 48
    epochs: int = 14
    learning_rate: float = 2e-3
    decay: float = 0.998
    patience: int = 4
    learn_valid: bool = False
    seed: int = 1

    def smoke(self) -> Recipe:
        """The same shape in a size that trains in seconds, to try the whole path."""
        return replace(self, hidden=24, widths=dict.fromkeys(FEATURES, 4), epochs=1, least_word_count=1)

    @property
    def heads(self) -> tuple[str, ...]:
        """Names of the outputs, by the words they wait for."""
        return ("tags",) if self.look_ahead is None else tuple(f"tags_{k}" for k in range(self.look_ahead + 1))


class Tagging:
    """The trainee with its figures and its bundle."""

    higher_is_better = True

    def __init__(self, recipe: Recipe, text: TaggedText, name: str) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.text, self.name = recipe, text, name
        learned = (*text.train, *text.valid) if recipe.learn_valid else text.train
        counts = dict.fromkeys(FEATURES, recipe.least_part_count) | {"word": recipe.least_word_count}
        self.frontend = WordFrontend.fitted((word for each in learned for word in each.words), counts)
        self.labels = tuple(sorted({tag for each in learned for tag in each.tags}))
        self._places = {label: place for place, label in enumerate(self.labels)}
        self.network = WordNetwork(
            WordNetworkSpec(
                cell=recipe.cell,
                hidden=recipe.hidden,
                layers=recipe.layers,
                ids=self.frontend.sizes,
                widths=tuple(recipe.widths[name] for name in FEATURES),
                bidirectional=recipe.look_ahead is None,
                dropout=recipe.dropout,
                heads=dict.fromkeys(recipe.heads, len(self.labels)),
            )
        )
        self._inputs = [self.encode(each.words) for each in learned]
        self._targets = [self._numbered(each.tags) for each in learned]
        self._epochs = Epochs([len(each) for each in self._targets], recipe.rows, recipe.seed)

    @property
    def schedule(self) -> Schedule:
        """Validated once an epoch."""
        recipe = self.recipe
        return Schedule(
            steps=recipe.epochs * self._epochs.steps,
            learning_rate=recipe.learning_rate,
            decay=recipe.decay,
            validate_every=self._epochs.steps,
            patience=recipe.patience,
            keep_last=recipe.learn_valid,
            bfloat16=False,
        )

    @property
    def frontend_files(self) -> dict[str, bytes]:
        """The vocabulary."""
        return {VOCABULARY_FILE: self.frontend.to_bytes()}

    def encode(self, words: Sequence[str]) -> Ids:
        """A sentence as the server sees it, with the steps behind its end that the last words wait for."""
        return np.concatenate([self.frontend.encode(words), self.frontend.end(self.recipe.look_ahead or 0)])

    def loss(self, step: int) -> Tensor:
        """Mean cross entropy of all heads; some words are hidden, so that what they are made of must tell."""
        inputs, lengths, targets = self.batch(step)
        if self.recipe.look_ahead is not None:
            # What follows a row's end cannot reach back, so its padding may run like steps: packing costs more.
            lengths = torch.full_like(lengths, inputs.shape[1])
        outputs, _ = self.network(inputs, lengths, self.network.initial_state(len(inputs)))
        words = targets.shape[1]
        losses = [
            F.cross_entropy(outputs[head][:, wait : wait + words].flatten(0, 1).float(), targets.flatten())
            for wait, head in enumerate(self.recipe.heads)
        ]
        return torch.stack(losses).mean()

    def batch(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """Inputs [rows, time, columns], lengths [rows] and labels [rows, words] of a step, some words made unknown."""
        chosen = self._epochs.batch(step)
        inputs, lengths = padded([self._inputs[place] for place in chosen])
        hidden = torch.rand(inputs.shape[:2]) < self.recipe.word_dropout
        inputs[:, :, 0].masked_fill_(hidden, UNKNOWN_ID)
        targets, _ = padded([self._targets[place] for place in chosen], IGNORED)
        return inputs, lengths, targets

    def validate(self, network: WordNetwork) -> float:
        """Accuracy (0..1) on the validation part, with the longest wait."""
        return accuracy(self.predict(network, self.text.valid), self.text.valid)

    def predict(self, network: WordNetwork, sentences: Sequence[Sentence], wait: int | None = None) -> list[list[str]]:
        """The tags of sentences, by torch; `wait`: words to wait for, the most by default."""
        wait = (self.recipe.look_ahead or 0) if wait is None else wait
        found: list[list[str]] = []
        for start in range(0, len(sentences), 256):
            part = sentences[start : start + 256]
            inputs, lengths = padded([self.encode(each.words) for each in part])
            with torch.inference_mode():
                outputs, _ = network.eval()(inputs, lengths, network.initial_state(len(part)))
            best = outputs[self.recipe.heads[-1 if self.recipe.look_ahead is None else wait]].argmax(-1).numpy()
            found += [
                [self.labels[place] for place in row[wait : wait + len(each.words)]]
                for row, each in zip(best, part, strict=True)
            ]
        return found

    def final_network(self) -> WordNetwork:
        """The trained network."""
        return self.network.eval()

    def measure(self, command: str) -> tuple[QualityFigure, ...]:
        """Accuracy on the test part, for every wait."""
        network = self.final_network()
        return figures(
            self.text, lambda wait: self.predict(network, self.text.test, wait), self.recipe.look_ahead, command
        )

    def sections(self, folder: Path) -> list[Section]:
        """The confusions that are most frequent in the validation part."""
        counts: dict[tuple[str, str], int] = {}
        for found, each in zip(self.predict(self.network, self.text.valid), self.text.valid, strict=True):
            for ours, theirs in zip(found, each.tags, strict=True):
                if ours != theirs:
                    counts[theirs, ours] = counts.get((theirs, ours), 0) + 1
        worst = sorted(counts.items(), key=lambda item: -item[1])[:12]
        lines = ["| tag | given | times |", "|---|---|---|", *(f"| {a} | {b} | {n} |" for (a, b), n in worst)]
        return [Section("Most frequent confusions", "\n".join(lines))]

    def exportable(self, run: Run) -> Exportable:
        """The bundle of this recipe, or one with `own-` before its name when the text was the user's."""
        whole = self.recipe.look_ahead is None
        description = BundleDescription(
            name=self.name if run.data is None else f"own-{self.name}",
            task="tagging",
            topology=Topology.MANY_TO_MANY,
            description=self._description(),
            provenance=run.provenance(),
            frontend=FrontendSpec(kind="words", parameters={"words": VOCABULARY_FILE}, files=(VOCABULARY_FILE,)),
            frontend_files=self.frontend_files,
            heads=tuple(
                HeadSpec(name=head, kind="tags", parameters={"labels": list(self.labels), "look_ahead": wait})
                for wait, head in enumerate(self.recipe.heads)
            ),
            limits=Limits(max_sequence_steps=MAX_SENTENCE_WORDS) if whole else Limits(),
            quality=run.figures,
            data=(DataSource(**vars(self.text.source)),),
        )
        return Exportable(self.final_network(), description, self._sample())

    def progress(self) -> Mapping[str, Any]:
        """Nothing goes from batch to batch."""
        return {}

    def restore(self, progress: Mapping[str, Any]) -> None:
        """Nothing to restore."""

    def _sample(self) -> Tensor:
        """Words of the validation part, joined and cut to [rows, steps, columns]."""
        steps = 32
        words = np.concatenate([self.encode(each.words) for each in self.text.valid])
        rows = max(1, min(64, len(words) // steps))
        return torch.from_numpy(np.resize(words, (rows, steps, words.shape[1])))

    def _numbered(self, tags: Sequence[str]) -> NDArray[np.int64]:
        return np.array([self._places[tag] for tag in tags], np.int64)

    def _description(self) -> str:
        recipe = self.recipe
        way = "both ways over whole sentences" if recipe.look_ahead is None else "from left to right"
        return (
            f"Tags every word ({len(self.labels)} tags): {recipe.cell.upper()} of {recipe.hidden}, {way}, over words, "
            "their first and last letters and their shape."
        )


@dataclass(frozen=True)
class TaggingTask:
    """One recipe of tagging; see `training.tasks.Task`."""

    name: str
    standard: Recipe
    METRIC: str = METRIC

    def recipe(self, cell: str | None = None, smoke: bool = False, seed: int | None = None) -> Recipe:
        """The recipe of the shipped model, or a variant of it."""
        return varied(self.standard, cell, smoke, seed)

    def recipe_from(self, said: Mapping[str, Any]) -> Recipe:
        """A recipe from its plain data."""
        return Recipe(**said)

    def subject(self, recipe: Recipe, data: Path | None) -> Tagging:
        """The Brown corpus, or the user's own text in CoNLL columns. Raises DataError."""
        return Tagging(recipe, brown.load() if data is None else tagged.load_own(data), self.name)

    def cross_validate(
        self, recipe: Recipe, data: Path | None, folds: int, console: Console, command: str
    ) -> QualityFigure:
        """Has one split alone."""
        raise ValueError(f"{self.name} has one split, by text: leave out --folds")

    def examination(self) -> TaggingExamination:
        """How the shipped bundle is measured. Raises DataError."""
        return TaggingExamination(brown.load())


STREAMING = TaggingTask("brown-tagger", Recipe())
WHOLE = TaggingTask("brown-tagger-whole", Recipe(look_ahead=None, hidden=160, epochs=10))
