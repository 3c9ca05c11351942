"""Translation: English sentences in, Spanish ones out, learned from the help of a program."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import JsonValue

from hiddenstate import Client
from service.bundle import Bundle, QualityFigure
from service.tasks.translating import TranslationOptions
from training.attention_network import AttentionNetwork
from training.data import libreoffice_help
from training.data.pairs import Pair, PairedText
from training.report import Section
from training.tasks.apertium import apertium, installed
from training.tasks.attention_picture import draw_attention
from training.tasks.byte_pairs import fit_byte_pairs
from training.tasks.decoded import best, decoded
from training.tasks.paired import Medium, Paired, PairedTask, Serving
from training.tasks.seq2seq import Recipe

METRIC = "negative log-likelihood"
BASELINE = "Apertium eng-spa, rules"
SERVING = Serving(
    name="help-en-es",
    description="English to Spanish, in the words of a program's help: a bidirectional encoder, and a decoder with "
    "attention, over byte pairs. BLEU is nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp, chrF is "
    "nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no, both as sacrebleu counts them.",
    beam_count=5,
    length_penalty=1.0,
    max_token_count=256,
    max_source_tokens=256,
)
LONGEST = 128
"""Tokens of a source or a target that is learned from."""
SHOWN, DRAWN = 12, 4


class Scores(NamedTuple):
    """BLEU (Papineni et al., 2002) and chrF (Popović, 2015), 0 to 100."""

    bleu: float
    chrf: float


class Translating(Paired):
    """The trainee with its figures and its bundle."""

    def __init__(self, recipe: Recipe, text: PairedText) -> None:
        medium = Medium(
            fit_byte_pairs((pair.source for pair in text.train), recipe.tokens, is_source=True),
            fit_byte_pairs((pair.targets[0] for pair in text.train), recipe.tokens, is_source=False),
            source_language="en",
            target_language="es",
        )
        super().__init__(recipe, text, medium, SERVING)

    def validate(self, network: AttentionNetwork) -> float:
        """The mean negative log-likelihood of a token of the validation part, in nats."""
        return self.forced(network, self._valid)[0]

    def figures(self, bundle: Bundle, command: str) -> tuple[QualityFigure, ...]:
        """BLEU and chrF, of beam search and of greedy search; beside Apertium where it is and the pairs are ours."""
        ours, baseline = self.text.source == libreoffice_help.SOURCE, None
        if ours and installed():
            baseline = rules(self.text.test)
        return figures(self.text, bundle, "fp32", command, baseline)

    def sections(self, folder: Path) -> list[Section]:
        """Translations of the validation part beside the references, and where the decoder looked."""
        pairs = [pair for pair in self.text.valid if len(pair.source.split()) < 16][:SHOWN]
        options = TranslationOptions(attention=True)
        found = decoded(self.write(folder / "bundle"), "fp32", [pair.source for pair in pairs], options)
        rows = [
            f"| {pair.source} | {each.hypotheses[0].text} | {pair.targets[0]} |"
            for pair, each in zip(pairs, found, strict=True)
        ]
        lines = ["| source | given | reference |", "|---|---|---|", *rows]
        pictures = [draw_attention(each, folder / f"attention-{n}.png") for n, each in enumerate(found[:DRAWN], 1)]
        return [
            Section("The first short paragraphs of the validation part", "\n".join(lines)),
            Section("Where the decoder looked", "\n\n".join(f"![attention]({path.name})" for path in pictures)),
        ]


def figures(
    text: PairedText, bundle: Bundle, variant: str, command: str, baseline: Scores | None
) -> tuple[QualityFigure, ...]:
    """BLEU and chrF on the test part, of beam search and of greedy search."""
    test, found = text.test, []
    for search, beam_count in ((f"beam {bundle.manifest.task_parameters['beam_count']}", 0), ("greedy", 1)):
        options = TranslationOptions(beam_count=beam_count)
        given = scores(best(decoded(bundle, variant, [pair.source for pair in test], options)), test)
        found += [
            QualityFigure(
                metric=metric,
                value=round(value, 2),
                higher_is_better=True,
                split=f"test, {len(test):,} paragraphs, {search}",
                baseline=None if baseline is None else BASELINE,
                baseline_value=None if baseline is None else round(baseline[place], 2),
                command=command,
            )
            for place, (metric, value) in enumerate(zip(("BLEU", "chrF"), given, strict=True))
        ]
    return tuple(found)


def rules(pairs: Sequence[Pair]) -> Scores:
    """Those of Apertium. Raises DataError when it is not installed."""
    return scores(apertium([pair.source for pair in pairs]), pairs)


def scores(given: Sequence[str], pairs: Sequence[Pair]) -> Scores:
    """Of a whole part at once, by sacrebleu with its defaults; every pair's first target is the reference."""
    import sacrebleu

    references = [[pair.targets[0] for pair in pairs]]
    return Scores(
        float(sacrebleu.corpus_bleu(list(given), references).score),
        float(sacrebleu.corpus_chrf(list(given), references).score),
    )


class TranslationExamination:
    """How the shipped bundle is measured again; see `training.tasks.Examination`."""

    def __init__(self, text: PairedText) -> None:
        """Raises DataError when Apertium is not installed."""
        self._text, self._baseline = text, rules(text.test)

    def figures(self, bundle: Bundle, variant: str, command: str) -> tuple[QualityFigure, ...]:
        """Every figure of the manifest."""
        return figures(self._text, bundle, variant, command, self._baseline)

    def sample(self, count: int) -> Sequence[str]:
        """The first paragraphs of the test part."""
        return [pair.source for pair in self._text.test[:count]]

    def answers(self, bundle: Bundle, variant: str, examples: Sequence[str]) -> list[JsonValue]:
        """The translation of each paragraph through ONNX Runtime."""
        return list(best(decoded(bundle, variant, examples)))

    def served_answers(self, client: Client, model: str, examples: Sequence[str]) -> list[JsonValue]:
        """The translation of each paragraph from a running server."""
        return [each.text for each in client.translations(examples, model=model)]


RECIPE = Recipe(
    embedding=160,
    encoder_hidden=192,
    decoder_hidden=256,
    tied=True,
    tokens=4000,
    longest=LONGEST,
    dropout=0.3,
    embedding_dropout=0.2,
    hidden_tokens=0.1,
    rows=64,
    epochs=16,
    learning_rate=2e-3,
    decay=0.9995,
)
TASK = PairedTask(
    "translation",
    METRIC,
    RECIPE,
    libreoffice_help.load,
    Translating,
    lambda: TranslationExamination(libreoffice_help.load()),
)
