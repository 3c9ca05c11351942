"""Pronunciation: the letters of an English word in, its sounds in ARPAbet with stress out."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from pathlib import Path

from pydantic import JsonValue

from hiddenstate import Client
from service.bundle import Anchor, Bundle, QualityFigure
from service.tasks.translating import TranslationOptions
from training.attention_network import AttentionNetwork
from training.data import cmudict
from training.data.pairs import Pair, PairedText
from training.report import Section
from training.tasks.decoded import best, decoded
from training.tasks.joint_ngram import JointNgram
from training.tasks.paired import Medium, Paired, PairedTask, Serving
from training.tasks.seq2seq import Recipe
from training.tasks.spelling import letter_tokenizer, sound_tokenizer

METRIC = "word error rate"
UNSTRESSED = f"{METRIC}, stress left out"
BASELINE = "joint 7-gram of letters and sounds"
PHONETISAURUS = Anchor(
    value=0.3389,
    system="Phonetisaurus, another split of the latest dictionary, without stress",
    source="README of github.com/cmusphinx/g2p-seq2seq",
)
SERVING = Serving(
    name="cmudict",
    description="Letters of an English word to its sounds in ARPAbet with stress: a bidirectional encoder, and a "
    "decoder with attention. A word is right when it is one of the pronunciations in the dictionary.",
    beam_count=4,
    length_penalty=1.0,
    max_token_count=48,
    max_source_tokens=64,
)
_STRESS = re.compile(r"\d")
Said = Sequence[str]


class Pronunciation(Paired):
    """The trainee with its figures and its bundle."""

    def __init__(self, recipe: Recipe, text: PairedText) -> None:
        medium = Medium(
            letter_tokenizer(pair.source for pair in text.train),
            sound_tokenizer(target for pair in text.train for target in pair.targets),
            source_language="en",
            target_language="en",
            separator=" ",
        )
        super().__init__(recipe, text, medium, SERVING)

    def validate(self, network: AttentionNetwork) -> float:
        """The share of words of the validation part that greedy decoding gets wrong."""
        _, told = self.forced(network, self._valid)
        rows = iter(told)
        right = [any(tuple(islice(rows, len(pair.targets)))) for pair in self.text.valid]
        return 1 - sum(right) / len(right)

    def figures(self, bundle: Bundle, command: str) -> tuple[QualityFigure, ...]:
        """Errors of words, of words without stress and of sounds."""
        return figures(self.text, bundle, "fp32", command)

    def sections(self, folder: Path) -> list[Section]:
        """Words of the validation part that are pronounced wrong."""
        pairs = self.text.valid[:400]
        with_beam = _pronounced(self.write(folder / "bundle"), "fp32", pairs)
        rows = [
            f"| {pair.source} | {said} | {' or '.join(pair.targets)} |"
            for pair, said in zip(pairs, with_beam, strict=True)
            if said not in pair.targets
        ]
        lines = ["| word | given | right |", "|---|---|---|", *rows[:25]]
        return [Section(f"Wrong among the first {len(pairs)} words of the validation part", "\n".join(lines))]


def figures(text: PairedText, bundle: Bundle, variant: str, command: str) -> tuple[QualityFigure, ...]:
    """Errors of words, of words without stress and of sounds on the test part, by beam search; of words also greedily;
    each beside the joint n-gram.
    """
    test = text.test
    model = JointNgram(text.train)
    baseline = [model.pronounce(pair.source) for pair in test]
    beam, greedy = _pronounced(bundle, variant, test), _pronounced(bundle, variant, test, beams=1)
    beams = bundle.manifest.task_parameters["beam_count"]
    measures = (
        (METRIC, word_error, beam, f"beam {beams}"),
        (UNSTRESSED, partial(word_error, plain=_unstressed), beam, f"beam {beams}"),
        ("sound error rate", sound_error, beam, f"beam {beams}"),
        (METRIC, word_error, greedy, "greedy"),
    )
    return tuple(
        QualityFigure(
            metric=metric,
            value=round(measure(said, test), 4),
            higher_is_better=False,
            split=f"test, {len(test):,} words, {search}",
            baseline=BASELINE,
            baseline_value=round(measure(baseline, test), 4),
            command=command,
            anchor=PHONETISAURUS if metric == UNSTRESSED else None,
        )
        for metric, measure, said, search in measures
    )


def word_error(said: Said, pairs: Sequence[Pair], plain: Callable[[str], str] = str) -> float:
    """The share of words that are said in none of the ways that are right; `plain` is done to both sides first."""
    wrong = [plain(own) not in map(plain, pair.targets) for own, pair in zip(said, pairs, strict=True)]
    return sum(wrong) / len(wrong)


def sound_error(said: Said, pairs: Sequence[Pair]) -> float:
    """Sounds to change, leave out or add to come to the nearest right pronunciation, by its number of sounds."""
    wrong = total = 0
    for own, pair in zip(said, pairs, strict=True):
        counted = [(distance(own.split(), target.split()), len(target.split())) for target in pair.targets]
        changes, sounds = min(counted, key=lambda each: each[0] / each[1])
        wrong, total = wrong + changes, total + sounds
    return wrong / total


def distance(left: Sequence[str], right: Sequence[str]) -> int:
    """The fewest changes, omissions and additions that make one of the other (Levenshtein, 1966)."""
    row = list(range(len(right) + 1))
    for place, own in enumerate(left, 1):
        before, row[0] = row[0], place
        for column, other in enumerate(right, 1):
            before, row[column] = row[column], min(row[column] + 1, row[column - 1] + 1, before + (own != other))
    return row[-1]


class PronunciationExamination:
    """How the shipped bundle is measured again; see `training.tasks.Examination`."""

    def __init__(self, text: PairedText) -> None:
        self._text = text

    def figures(self, bundle: Bundle, variant: str, command: str) -> tuple[QualityFigure, ...]:
        """Every figure of the manifest."""
        return figures(self._text, bundle, variant, command)

    def sample(self, count: int) -> Sequence[str]:
        """The first words of the test part."""
        return [pair.source for pair in self._text.test[:count]]

    def answers(self, bundle: Bundle, variant: str, examples: Sequence[str]) -> list[JsonValue]:
        """The sounds of each word through ONNX Runtime."""
        return list(best(decoded(bundle, variant, examples)))

    def served_answers(self, client: Client, model: str, examples: Sequence[str]) -> list[JsonValue]:
        """The sounds of each word from a running server."""
        return [each.text for each in client.translations(examples, model=model)]


def _pronounced(bundle: Bundle, variant: str, pairs: Sequence[Pair], beams: int = 0) -> list[str]:
    return best(decoded(bundle, variant, [pair.source for pair in pairs], TranslationOptions(beam_count=beams)))


def _unstressed(sounds: str) -> str:
    return _STRESS.sub("", sounds)


RECIPE = Recipe(
    encoder_hidden=192,
    decoder_hidden=256,
    dropout=0.35,
    embedding_dropout=0.1,
    rows=256,
    epochs=24,
    learning_rate=3e-3,
)
TASK = PairedTask(
    "pronunciation", METRIC, RECIPE, cmudict.load, Pronunciation, lambda: PronunciationExamination(cmudict.load())
)
