"""Text generation: the recipe and data of the Austen model, its figures, samples and bundle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from pydantic import JsonValue
from rich.console import Console
from torch import Tensor

from service.bundle import Bundle, DataSource, FrontendSpec, HeadSpec, QualityFigure, Topology
from service.frontends.text import TextFrontend
from service.model import Model, load_model
from service.tasks.generation import Completion, GenerationOptions, Prompt, SessionOptions
from service.tasks.text_generation import TextGeneration as WritingTask
from training.alone import answers_alone
from training.data import austen, own
from training.data.austen import Corpus
from training.export import BundleDescription, Exportable
from training.loop import Schedule
from training.networks import RecurrentNetwork
from training.quantize import QualityBound
from training.recipes import varied
from training.regularize import Dropout
from training.report import Section
from training.run import TOKENIZER_FILE, Run
from training.tasks.language_modelling import (
    START_TOKEN,
    LanguageModelling,
    Recipe,
    Runner,
    bits_per_character,
    encode,
    model_runner,
    torch_runner,
)
from training.tasks.ngram import CharacterNgram

if TYPE_CHECKING:
    from hiddenstate import Client

METRIC = "bits per character"
BASELINE = "interpolated Witten-Bell 6-gram of characters"
PUBLISHED_PART = 150_000  # characters of the test book; a figure beside that of the whole, for quick comparisons
GATE_CHARACTERS = 100_000  # of the validation text: the int8 gate measures several times
SAMPLE_ROWS, SAMPLE_STEPS = 64, 64
PROMPT_CHARACTERS, WRITTEN_TOKENS = 120, 24  # of the examples that the server is asked as well
PROMPTS = ("It is a truth universally acknowledged, that", "CHAPTER I\n\n\n", '"My dear')


class TextGeneration(LanguageModelling):
    """The trainee with its figures, its samples and its bundle."""

    @property
    def schedule(self) -> Schedule:
        """The recipe's."""
        return self.recipe.schedule

    def final_network(self) -> RecurrentNetwork:
        """The network itself: it is served as it was trained."""
        return self.network.eval()

    @property
    def frontend_files(self) -> dict[str, bytes]:
        """The vocabulary."""
        return {TOKENIZER_FILE: self.tokenizer.to_str(pretty=True).encode()}

    def measure(self, command: str) -> tuple[QualityFigure, ...]:
        """Bits per character of the test part by torch."""
        return figures(self.corpus, self.frontend, torch_runner(self.network), command)

    def sections(self, folder: Path) -> list[Section]:
        """Samples at two temperatures; nothing of them is chosen."""
        quotes = []
        for temperature in (0.7, 1.0):
            for number, prompt in enumerate(PROMPTS):
                text = self.write(prompt, 300, temperature, seed=number)
                quotes.append(f"Temperature {temperature}, after {prompt.strip()!r}:\n\n```text\n{text}\n```")
        return [Section("Samples", "\n\n".join(quotes))]

    def write(self, prompt: str, count: int, temperature: float, seed: int) -> str:
        """The prompt and `count` tokens drawn after it."""
        random = torch.Generator().manual_seed(seed)
        decoder, text = self.frontend.decoder(), prompt
        state = self.network.initial_state(1)
        tokens = torch.from_numpy(self.encode(prompt))[None]
        for _ in range(count):
            with torch.inference_mode():
                outputs, state = self.network(tokens, torch.tensor([tokens.shape[1]]), state)
            weights = (outputs["logits"][0, -1] / temperature).softmax(0)
            weights[self.frontend.start_ids[0]] = 0
            tokens = torch.multinomial(weights, 1, generator=random)[None]
            text += decoder.feed(int(tokens))
        return text + decoder.flush()

    def exportable(self, run: Run) -> Exportable:
        """The bundle `austen`, or `own-text` when the text was the user's."""
        description = BundleDescription(
            name="austen" if run.data is None else "own-text",
            task="text_generation",
            topology=Topology.ONE_TO_MANY,
            description=self._description(),
            provenance=run.provenance(),
            frontend=FrontendSpec(
                kind="text",
                parameters={"tokenizer": TOKENIZER_FILE, "start_token": START_TOKEN},
                files=(TOKENIZER_FILE,),
            ),
            frontend_files=self.frontend_files,
            heads=(HeadSpec(name="logits", kind="categorical"),),
            quality=run.figures,
            data=(DataSource(**vars(self.corpus.source)),),
        )
        return Exportable(self.final_network(), description, self._sample(), self._bound())

    def _sample(self) -> Tensor:
        """Tokens of the validation text, [rows, steps]."""
        tokens = self.encode(self.corpus.valid[0])
        rows = min(SAMPLE_ROWS, len(tokens) // SAMPLE_STEPS)
        return torch.from_numpy(np.ascontiguousarray(tokens[: rows * SAMPLE_STEPS].reshape(rows, SAMPLE_STEPS)))

    def _bound(self) -> QualityBound:
        part = self.corpus.valid[0][:GATE_CHARACTERS]
        pieces = [part[start : start + 5000] for start in range(0, len(part), 5000)]

        def evaluate(model: Model) -> float:
            return bits_per_character(pieces, self.encode, model_runner(model))

        return QualityBound(METRIC, higher_is_better=False, loss=self.recipe.int8_loss, evaluate=evaluate)

    def _description(self) -> str:
        recipe = self.recipe
        layers = "one layer" if recipe.layers == 1 else f"{recipe.layers} layers"
        return (
            f"Writes on in the manner of its training text: {recipe.cell.upper()}, {layers} of {recipe.hidden}, over "
            f"{self.frontend.vocabulary_size:,} byte-level BPE tokens. It knows style, not facts: what it "
            "writes is invented."
        )


def figures(corpus: Corpus, frontend: TextFrontend, run: Runner, command: str) -> tuple[QualityFigure, ...]:
    """Bits per character of the whole test part, and of its first characters, both from the start token on."""
    ngram = CharacterNgram(corpus.train)
    unseen = " (Northanger Abbey, unseen)" if corpus.source == austen.SOURCE else ""
    texts = {f"test, whole{unseen}": list(corpus.test)}
    if sum(map(len, corpus.test)) > PUBLISHED_PART:
        texts[f"test, first {PUBLISHED_PART:,} characters{unseen}"] = [corpus.test[0][:PUBLISHED_PART]]
    return tuple(
        QualityFigure(
            metric=METRIC,
            value=round(bits_per_character(part, partial(encode, frontend), run), 4),
            higher_is_better=False,
            split=split,
            baseline=BASELINE,
            baseline_value=round(ngram.bits_per_character(part), 4),
            command=command,
        )
        for split, part in texts.items()
    )


def recipe(cell: str | None = None, smoke: bool = False, seed: int | None = None) -> Recipe:
    """The recipe of the shipped model, or a variant of it."""
    return varied(Recipe(), cell, smoke, seed)


def recipe_from(said: Mapping[str, Any]) -> Recipe:
    """A recipe from its plain data."""
    parts = {"dropout": Dropout(**said["dropout"]), "schedule": Schedule(**said["schedule"])}
    return Recipe(**{**said, **parts})


def subject(recipe: Recipe, data: Path | None) -> TextGeneration:
    """The novels, or the user's own text file. Raises DataError."""
    corpus: Corpus = austen.load() if data is None else own.load_text(data)
    return TextGeneration(recipe, corpus)


def cross_validate(recipe: Recipe, data: Path | None, folds: int, console: Console, command: str) -> QualityFigure:
    """There are no folds: the test book is one whole. Raises ValueError."""
    raise ValueError("text_generation has one test part and no folds; leave out --folds")


@dataclass(frozen=True)
class NovelExamination:
    """Figures on the test book; the sample is prompts out of it, and what is written after each."""

    corpus: Corpus

    def figures(self, bundle: Bundle, variant: str, command: str) -> tuple[QualityFigure, ...]:
        """Bits per character through ONNX Runtime."""
        parameters = bundle.manifest.frontend.parameters if bundle.manifest.frontend else {}
        frontend = TextFrontend.from_files(bundle.folder, parameters)
        return figures(self.corpus, frontend, model_runner(load_model(bundle, variant)), command)

    def sample(self, count: int) -> list[str]:
        """Prompts, evenly spaced in the test book."""
        text = self.corpus.test[0]
        return [text[place : place + PROMPT_CHARACTERS] for place in range(0, len(text), -(-len(text) // count))]

    def answers(self, bundle: Bundle, variant: str, examples: Sequence[str]) -> list[JsonValue]:
        """The tokens drawn after each prompt, with their log-probabilities."""
        model, task = load_model(bundle, variant), WritingTask.from_bundle(bundle, max_characters=PROMPT_CHARACTERS)
        generation = GenerationOptions(max_token_count=WRITTEN_TOKENS, log_probabilities=True)
        answers: list[JsonValue] = []
        for seed, prompt in enumerate(examples):
            items = answers_alone(model, task, SessionOptions(generation, seed), [Prompt(prompt)])
            answers.append([[item.text, item.log_probability] for item in items if not isinstance(item, Completion)])
        return answers

    def served_answers(self, client: Client, model: str, examples: Sequence[str]) -> list[JsonValue]:
        """The same from the server."""
        answers: list[JsonValue] = []
        for seed, prompt in enumerate(examples):
            text = client.generate(prompt, model=model, max_tokens=WRITTEN_TOKENS, seed=seed, log_probabilities=True)
            answers.append([[token.text, token.log_probability] for token in text])
        return answers


def examination() -> NovelExamination:
    """How the shipped bundle is measured. Raises DataError."""
    return NovelExamination(austen.load())
