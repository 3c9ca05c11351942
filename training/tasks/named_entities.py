"""Named entities: a bidirectional tagger whose labels must make sense together, measured by whole names.

Sentences at a time, words by themselves, their letters and their shape, no word vectors. CoNLL-2003 by default; what
learned from it is for research and is never shipped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from rich.console import Console
from torch import Tensor, nn

from service.bundle import Bundle, HeadSpec, QualityFigure
from service.model import load_model
from service.tasks.entities import best_path, spans
from training.batches import padded
from training.crf import ConditionalRandomField
from training.data import conll2003, tagged
from training.data.tagged import Sentence, TaggedText
from training.export import Exportable
from training.recipes import varied
from training.run import Run
from training.tasks.tagging import Recipe, Tagging
from training.tasks.tagging_figures import TaggingExamination, model_tags
from training.word_network import WordNetwork

METRIC = "entity F1"
BASELINE = "conditional random field on features of words (sklearn-crfsuite)"
NAME = "named-entities"


class CrfTagger(nn.Module):
    """A tagger and the costs of its transitions, learned together."""

    def __init__(self, body: WordNetwork, labels: Sequence[str]) -> None:
        super().__init__()
        self.body, self.field = body, ConditionalRandomField(labels)


class NamedEntities(Tagging):
    """The trainee of tagging with another loss, another decoder and another metric."""

    network: CrfTagger  # type: ignore[assignment]

    def __init__(self, recipe: Recipe, text: TaggedText, name: str) -> None:
        super().__init__(recipe, text, name)
        self.network = CrfTagger(cast(WordNetwork, self.network), self.labels)

    def loss(self, step: int) -> Tensor:
        """Negative log-likelihood of the labels of whole sentences."""
        inputs, lengths, targets = self.batch(step)
        outputs, _ = self.network.body(inputs, lengths, ())
        loss: Tensor = self.network.field(outputs["tags"].float(), targets.clamp_min(0), lengths)
        return loss

    def validate(self, network: CrfTagger) -> float:  # type: ignore[override]
        """Entity F1 (0..1) on the validation part."""
        return entity_f1(self.predict(network, self.text.valid), self.text.valid)

    def predict(  # type: ignore[override]
        self, network: CrfTagger, sentences: Sequence[Sentence], wait: int | None = None
    ) -> list[list[str]]:
        """The labels of sentences, by torch and the server's decoder."""
        transitions = network.field.transitions.detach().numpy().astype(np.float64)
        found: list[list[str]] = []
        for start in range(0, len(sentences), 256):
            part = sentences[start : start + 256]
            inputs, lengths = padded([self.encode(each.words) for each in part])
            with torch.inference_mode():
                outputs, _ = network.eval().body(inputs, lengths, ())
            for row, length in zip(outputs["tags"].numpy(), lengths.tolist(), strict=True):
                path = best_path(row[:length].astype(np.float64), transitions)
                found.append([self.labels[place] for place in path])
        return found

    def final_network(self) -> WordNetwork:
        """The network alone; its transitions go into the manifest."""
        return self.network.body.eval()

    def measure(self, command: str) -> tuple[QualityFigure, ...]:
        """Entity F1 on the test part."""
        return (_figure(self.text, self.predict(self.network, self.text.test), command),)

    def exportable(self, run: Run) -> Exportable:
        """The bundle, for the user's own data or for research."""
        exportable = super().exportable(run)
        transitions = self.network.field.transitions.detach().tolist()
        heads = tuple(
            HeadSpec(name=head.name, kind=head.kind, parameters={**head.parameters, "transitions": transitions})
            for head in exportable.description.heads
        )
        return replace(exportable, description=replace(exportable.description, heads=heads))


def entity_f1(found: Sequence[Sequence[str]], sentences: Sequence[Sentence]) -> float:
    """Harmonic mean of precision and recall of exact runs with their kind, as the CoNLL-2003 task counts them."""
    right = ours = theirs = 0
    for labels, sentence in zip(found, sentences, strict=True):
        predicted, true = set(spans(labels)), set(spans(sentence.tags))
        right, ours, theirs = right + len(predicted & true), ours + len(predicted), theirs + len(true)
    return 2 * right / max(ours + theirs, 1)


def _figure(text: TaggedText, found: Sequence[Sequence[str]], command: str) -> QualityFigure:
    """Entity F1 on the test part beside that of the baseline, which takes minutes to learn."""
    from training.tasks.crf_baseline import crf_labels

    words = sum(len(each.words) for each in text.test)
    return QualityFigure(
        metric=METRIC,
        value=round(entity_f1(found, text.test), 4),
        higher_is_better=True,
        split=f"test, {len(text.test):,} sentences, {words:,} words",
        baseline=BASELINE,
        baseline_value=round(entity_f1(crf_labels(text.train, text.test), text.test), 4),
        command=command,
    )


class EntityExamination(TaggingExamination):
    """As of tagging, with the figure of named entities."""

    def figures(self, bundle: Bundle, variant: str, command: str) -> tuple[QualityFigure, ...]:
        """Entity F1 through ONNX Runtime."""
        found = model_tags(bundle, load_model(bundle, variant), self.text.test, 0)
        return (_figure(self.text, found, command),)


@dataclass(frozen=True)
class NamedEntitiesTask:
    """The recipe of named entities; see `training.tasks.Task`."""

    METRIC: str = METRIC

    def recipe(self, cell: str | None = None, smoke: bool = False, seed: int | None = None) -> Recipe:
        """The standard recipe, or a variant of it."""
        return varied(STANDARD, cell, smoke, seed)

    def recipe_from(self, said: Mapping[str, Any]) -> Recipe:
        """A recipe from its plain data."""
        return Recipe(**said)

    def subject(self, recipe: Recipe, data: Path | None) -> NamedEntities:
        """CoNLL-2003, or the user's own text in CoNLL columns, whose validation part says which weights are the best:
        nothing was chosen on it yet. Raises DataError.
        """
        if data is None:
            return NamedEntities(recipe, conll2003.load(), NAME)
        return NamedEntities(replace(recipe, learn_valid=False), tagged.load_own(data), NAME)

    def cross_validate(
        self, recipe: Recipe, data: Path | None, folds: int, console: Console, command: str
    ) -> QualityFigure:
        """Has one split alone."""
        raise ValueError("named_entities has one split: leave out --folds")

    def examination(self) -> EntityExamination:
        """How a bundle of CoNLL-2003 is measured. Raises DataError."""
        return EntityExamination(conll2003.load())


STANDARD = Recipe(
    look_ahead=None,
    hidden=200,
    widths={
        "word": 100,
        "prefix_1": 8,
        "prefix_2": 16,
        "prefix_3": 32,
        "suffix_1": 8,
        "suffix_2": 16,
        "suffix_3": 32,
        "suffix_4": 32,
        "shape": 24,
    },
    least_word_count=2,
    least_part_count=2,
    dropout=0.6,
    word_dropout=0.1,
    rows=32,
    epochs=10,
    learning_rate=4e-3,
    decay=0.999,
    learn_valid=True,
)
TASK = NamedEntitiesTask()
