"""How good a tagger is: its accuracy beside that of a baseline, from torch or from a shipped bundle."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydantic import JsonValue

from service.bundle import Bundle, QualityFigure
from service.frontends.words import WordFrontend
from service.model import Model, load_model
from service.tasks.tagging import Head, Tag, TaggingOptions, Words
from service.tasks.tagging import Tagging as TaggingTask
from service.tasks.task import Finish
from training.alone import answers_alone
from training.batches import padded
from training.data.tagged import Sentence, TaggedText
from training.tasks.most_frequent import MostFrequentTag

if TYPE_CHECKING:
    from hiddenstate import Client

METRIC = "accuracy"
BASELINE = "the most frequent tag of each word, of its ending when it is new"
BATCH = 256

Predict = Callable[[int], Sequence[Sequence[str]]]
"""The tags of every sentence of the test part, where each tag waits for so many words behind its own."""


def figures(text: TaggedText, predict: Predict, look_ahead: int | None, command: str) -> tuple[QualityFigure, ...]:
    """Accuracy on the test part for every wait up to `look_ahead`, the longest first; None: of whole sentences."""
    baseline = accuracy(MostFrequentTag(text.train).predict(text.test), text.test)
    words = sum(len(each.words) for each in text.test)
    return tuple(
        QualityFigure(
            metric=METRIC,
            value=round(accuracy(predict(wait), text.test), 4),
            higher_is_better=True,
            split=f"test, {words:,} words, {'whole sentences' if look_ahead is None else f'look-ahead {wait}'}",
            baseline=BASELINE,
            baseline_value=round(baseline, 4),
            command=command,
        )
        for wait in reversed(range((look_ahead or 0) + 1))
    )


def accuracy(found: Sequence[Sequence[str]], sentences: Sequence[Sentence]) -> float:
    """The share of words whose tag is right."""
    pairs = list(_pairs(found, sentences))
    return sum(ours == theirs for ours, theirs in pairs) / len(pairs)


def _pairs(found: Sequence[Sequence[str]], sentences: Sequence[Sentence]) -> Iterator[tuple[str, str]]:
    for ours, each in zip(found, sentences, strict=True):
        yield from zip(ours, each.tags, strict=True)


def model_tags(bundle: Bundle, model: Model, sentences: Sequence[Sentence], wait: int) -> list[list[str]]:
    """The tags of sentences by an exported model, read from its outputs as the server reads them."""
    assert bundle.manifest.frontend is not None
    frontend = WordFrontend.from_file(bundle.path(bundle.manifest.frontend.files[0]))
    head = next(head for head in map(Head.of, bundle.manifest.heads) if head.look_ahead == wait)
    found: list[list[str]] = []
    for start in range(0, len(sentences), BATCH):
        part = sentences[start : start + BATCH]
        steps = [np.concatenate([frontend.encode(each.words), frontend.end(wait)]) for each in part]
        inputs, lengths = padded(steps)
        feeds = {model.signature.inputs[0].name: inputs.numpy()}
        outputs, _ = model.run(feeds, lengths.numpy().astype(np.int32), model.initial_state(len(part)))
        for row, each in zip(outputs[head.name], part, strict=True):
            numbers, _ = head.decode(row[wait : wait + len(each.words)])
            found.append([head.labels[number] for number in numbers])
    return found


@dataclass(frozen=True)
class TaggingExamination:
    """Figures on the test part; the sample is sentences of it, and the tag of each word with its probability."""

    text: TaggedText

    def figures(self, bundle: Bundle, variant: str, command: str) -> tuple[QualityFigure, ...]:
        """Accuracy through ONNX Runtime, for every wait that the bundle knows."""
        model, manifest = load_model(bundle, variant), bundle.manifest
        look_ahead = None if manifest.whole_sequence else len(manifest.heads) - 1
        return figures(self.text, lambda wait: model_tags(bundle, model, self.text.test, wait), look_ahead, command)

    def sample(self, count: int) -> list[tuple[str, ...]]:
        """Sentences, evenly spaced in the test part."""
        test = self.text.test
        return [each.words for each in test[:: -(-len(test) // count)]]

    def answers(self, bundle: Bundle, variant: str, examples: Sequence[tuple[str, ...]]) -> list[JsonValue]:
        """The tags of each sentence with their probabilities."""
        model, task = load_model(bundle, variant), TaggingTask.from_bundle(bundle)
        answers: list[JsonValue] = []
        for words in examples:
            items = answers_alone(model, task, TaggingOptions(), [Words(words), Finish()])
            answers.append([[item.label, item.probability] for item in items if isinstance(item, Tag)])
        return answers

    def served_answers(self, client: Client, model: str, examples: Sequence[tuple[str, ...]]) -> list[JsonValue]:
        """The same from the server."""
        stream = client.tag_sentences(examples, model=model)
        list(stream)
        return [[[tag.label, tag.probability] for tag in sentence.tags] for sentence in stream.sentences]
