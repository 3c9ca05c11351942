"""What tasks on pairs of a source and its target share: their bundle, how it is measured, their choice of recipe."""

from __future__ import annotations

import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from pydantic import JsonValue
from rich.console import Console
from tokenizers import Tokenizer

from service.bundle import Bundle, DataSource, FrontendSpec, HeadSpec, Limits, Provenance, QualityFigure, Topology
from service.frontends.translation import KIND, TranslationFrontend
from training.attention_network import AttentionNetwork
from training.batches import padded
from training.data import pairs
from training.data.pairs import PairedText
from training.export import BundleDescription, Exportable, write_bundle
from training.graph.seq2seq import Seq2seq
from training.recipes import varied
from training.report import Section
from training.run import Run
from training.tasks import Examination
from training.tasks.seq2seq import END, START, Learner, Recipe, examples

SOURCE_FILE, TARGET_FILE = "source.json", "target.json"
SAMPLE_ROWS = 64


@dataclass(frozen=True)
class Medium:
    """What sources and targets are written in: a tokenizer and a BCP-47 tag each, and what stands between the texts of
    two target tokens.
    """

    source: Tokenizer
    target: Tokenizer
    source_language: str
    target_language: str
    separator: str = ""

    @property
    def parameters(self) -> dict[str, JsonValue]:
        """Those of the frontend, but for its files."""
        return {
            "source_language": self.source_language,
            "target_language": self.target_language,
            "start_token": START,
            "end_token": END,
            "separator": self.separator,
        }

    @property
    def frontend(self) -> TranslationFrontend:
        """The frontend that the server makes from the bundle."""
        return TranslationFrontend(self.source, self.target, **cast(Any, self.parameters))


@dataclass(frozen=True)
class Serving:
    """What the bundle is called and what it says of itself. The parameters are those that the server recommends."""

    name: str
    description: str
    beam_count: int
    length_penalty: float
    max_token_count: int
    max_source_tokens: int


class Paired(Learner, ABC):
    """The trainee of a task on pairs, with its figures and its bundle."""

    higher_is_better = False

    def __init__(self, recipe: Recipe, text: PairedText, medium: Medium, serving: Serving) -> None:
        self.text, self.medium, self.serving = text, medium, serving
        super().__init__(recipe, medium.frontend, medium.source.get_vocab_size(), text.train)
        self._valid = examples(self.frontend, text.valid)

    @abstractmethod
    def figures(self, bundle: Bundle, command: str) -> tuple[QualityFigure, ...]:
        """The figures of a bundle on the test part, each beside its baseline."""

    @abstractmethod
    def sections(self, folder: Path) -> list[Section]:
        """What the report shows beside the curves."""

    @property
    def frontend_files(self) -> dict[str, bytes]:
        """Both tokenizers."""
        return {
            SOURCE_FILE: self.medium.source.to_str(pretty=False).encode(),
            TARGET_FILE: self.medium.target.to_str(pretty=False).encode(),
        }

    def final_network(self) -> AttentionNetwork:
        """The trained network."""
        return self.network.eval()

    def measure(self, command: str) -> tuple[QualityFigure, ...]:
        """The figures on the test part, through ONNX Runtime and with the decoder that the server uses."""
        with tempfile.TemporaryDirectory() as folder:
            return self.figures(self.write(Path(folder)), command)

    def write(self, folder: Path) -> Bundle:
        """A bundle to try, without figures."""
        made = self._exportable(self.serving.name, Provenance(seed=self.recipe.seed, training_seconds=0, revision=""))
        return write_bundle(
            folder / "1", made.network, made.description, sample=made.sample, target_sample=made.target_sample
        )

    def exportable(self, run: Run) -> Exportable:
        """The bundle of this recipe, or one with `own-` before its name when the pairs were the user's."""
        name = self.serving.name if run.data is None else f"own-{self.serving.name}"
        return self._exportable(name, run.provenance(), run.figures)

    def _exportable(self, name: str, provenance: Provenance, quality: Sequence[QualityFigure] = ()) -> Exportable:
        serving = self.serving
        files: dict[str, JsonValue] = {"source_tokenizer": SOURCE_FILE, "target_tokenizer": TARGET_FILE}
        description = BundleDescription(
            name=name,
            task="translation",
            topology=Topology.MANY_TO_MANY,
            description=serving.description,
            provenance=provenance,
            frontend=FrontendSpec(
                kind=KIND, parameters={**files, **self.medium.parameters}, files=(SOURCE_FILE, TARGET_FILE)
            ),
            frontend_files=self.frontend_files,
            heads=(HeadSpec(name="logits", kind="categorical"),),
            task_parameters={
                "beam_count": serving.beam_count,
                "length_penalty": serving.length_penalty,
                "max_token_count": serving.max_token_count,
            },
            limits=Limits(max_sequence_steps=serving.max_source_tokens),
            quality=tuple(quality),
            data=(DataSource(**vars(self.text.source)),),
        )
        sources, _ = padded([each.source for each in self._valid[:SAMPLE_ROWS]])
        targets, _ = padded([each.target for each in self._valid[:SAMPLE_ROWS]], self.frontend.end_id)
        network = cast(Seq2seq, self.final_network())  # torch does not type how its modules are called
        return Exportable(network, description, sources, target_sample=targets)


@dataclass(frozen=True)
class PairedTask:
    """One recipe on pairs; see `training.tasks.Task`."""

    name: str
    METRIC: str
    standard: Recipe
    load: Callable[[], PairedText]
    build: Callable[[Recipe, PairedText], Paired]
    examine: Callable[[], Examination]

    def recipe(self, cell: str | None = None, smoke: bool = False, seed: int | None = None) -> Recipe:
        """The recipe of the shipped model, or a variant of it."""
        return varied(self.standard, cell, smoke, seed)

    def recipe_from(self, said: Mapping[str, Any]) -> Recipe:
        """A recipe from its plain data."""
        return Recipe(**said)

    def subject(self, recipe: Recipe, data: Path | None) -> Paired:
        """The pairs of the shipped model, or the user's own. Raises DataError."""
        return self.build(recipe, self.load() if data is None else pairs.load_own(data))

    def cross_validate(
        self, recipe: Recipe, data: Path | None, folds: int, console: Console, command: str
    ) -> QualityFigure:
        """Has one split alone."""
        raise ValueError(f"{self.name} has one split: leave out --folds")

    def examination(self) -> Examination:
        """How the shipped bundle is measured again. Raises DataError."""
        return self.examine()
