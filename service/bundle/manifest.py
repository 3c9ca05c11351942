"""The manifest of a bundle: what a model is, what it takes and gives, how good it is and who made it from what.

The manifest is data only. Unknown keys are refused, so that a bundle written for a later server fails loudly.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property
from pathlib import PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, JsonValue, model_validator

from service.bundle.signature import Part, Signature, TensorName, TensorSpec

FORMAT_VERSION: Literal[1] = 1
MANIFEST_FILE = "manifest.json"

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Word = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.-]*$", max_length=64)]


def _inner_path(text: str) -> str:
    """Accept a relative path of plain segments; a bundle never names anything outside its folder."""
    parts = text.split("/")
    if "\\" in text or ":" in text or "\0" in text or PurePosixPath(text).is_absolute() or {"", ".", ".."} & set(parts):
        raise ValueError(f"path {text!r} must be relative and stay inside the bundle's folder")
    return text


InnerPath = Annotated[str, AfterValidator(_inner_path)]


class Topology(StrEnum):
    """How steps of input relate to items of output."""

    ONE_TO_ONE = "one-to-one"
    ONE_TO_MANY = "one-to-many"
    MANY_TO_ONE = "many-to-one"
    MANY_TO_MANY = "many-to-many"


class Cell(StrEnum):
    """The recurrent cell of a network; `mixed` when its layers differ, `none` when it has none."""

    RNN = "rnn"
    GRU = "gru"
    LSTM = "lstm"
    MIXED = "mixed"
    NONE = "none"


class FrontendSpec(Part):
    """The code that turns raw input into steps, by kind, with its parameters and files."""

    kind: Word
    parameters: Mapping[str, JsonValue] = {}
    files: tuple[InnerPath, ...] = ()


class HeadSpec(Part):
    """A named output and how to read it, e.g. class labels."""

    name: TensorName
    kind: Word
    parameters: Mapping[str, JsonValue] = {}


class Limits(Part):
    """What one call may carry: steps of a row in one run; steps of a whole sequence (None: no limit)."""

    max_chunk_steps: int = Field(default=256, ge=1)
    max_sequence_steps: int | None = Field(default=None, ge=1)


class GateFigures(Part):
    """What was measured before a variant was let in. Speed-up is at 64 rows, against fp32, interleaved."""

    metric: str
    quality_loss: float
    quality_loss_bound: float
    speedup: float = Field(gt=0)
    speedup_bound: float = Field(gt=0)
    batch_independent: bool


class EncoderGraph(Part):
    """The graph that reads a whole source. It takes `source` [batch, time] and its lengths [batch]; it gives the
    context [batch, time, width] and, under the names of the next states, the state that the decoder begins with.
    """

    file: InnerPath
    source: TensorSpec
    lengths: TensorName = "lengths"


class Variant(Part):
    """One precision of the model: its graph, its own golden vectors, and how far a replay may be off (absolute for
    values within -1..1, else relative).
    """

    file: InnerPath
    golden: InnerPath
    tolerance: float = Field(gt=0)
    gate: GateFigures | None = None


Gate = Literal["input", "forget", "output", "reset", "update", "candidate", "cell_state", "hidden_state"]


class WatchedLayer(Part):
    """One recurrent layer, in one direction: its gates are the output [batch, time, gates, hidden] of that name."""

    name: str
    output: TensorName
    gates: tuple[Gate, ...] = Field(min_length=1)
    hidden: int = Field(ge=1)


class ExplainGraph(Part):
    """A graph with the weights of fp32 that also tells what the gates of each layer did, from input to output."""

    file: InnerPath
    layers: tuple[WatchedLayer, ...] = Field(min_length=1)


class Anchor(Part):
    """What others have published for the same measure: to tell the order of magnitude, not to compare by the digit."""

    value: float
    system: str
    source: str


class QualityFigure(Part):
    """One measured figure, beside the baseline it has to beat, with the command that gives it again.

    A figure whose command has `--folds` is the mean over networks that were each trained without their test part: no
    one bundle can give it again.
    """

    metric: str
    value: float
    higher_is_better: bool
    split: str
    baseline: str | None = None
    baseline_value: float | None = None
    command: str
    anchor: Anchor | None = None

    @property
    def of_folds(self) -> bool:
        """Whether it was measured by cross-validation."""
        return "--folds" in self.command.split()


class DataSource(Part):
    """What the model learned from."""

    name: str
    licence: str
    source: str


class Provenance(Part):
    """How the model was made: enough to make it again. `recipe` is the name that `hiddenstate train` knows it by."""

    recipe: str = ""
    seed: int
    training_seconds: float = Field(ge=0)
    revision: str
    command: str = ""
    hardware: str = ""


class Manifest(Signature):
    """The whole description of one version of a model. See `docs/manifest.schema.json`.

    `takes_over`: earlier versions whose sessions may go on with this one where they are no longer served.
    """

    format_version: Literal[1] = FORMAT_VERSION
    name: Word
    version: int = Field(ge=1)
    task: Word
    topology: Topology
    cell: Cell
    description: str = ""
    frontend: FrontendSpec | None = None
    heads: tuple[HeadSpec, ...] = ()
    task_parameters: Mapping[str, JsonValue] = {}
    limits: Limits = Limits()
    takes_over: tuple[Annotated[int, Field(ge=1)], ...] = ()
    variants: Mapping[Literal["fp32", "int8"], Variant]
    withheld: Mapping[Literal["int8"], str] = {}
    explain: ExplainGraph | None = None
    encoder: EncoderGraph | None = None
    quality: tuple[QualityFigure, ...] = ()
    data: tuple[DataSource, ...] = ()
    provenance: Provenance
    files: Mapping[InnerPath, Sha256]

    @cached_property
    def inputs_by_name(self) -> dict[str, TensorSpec]:
        """What a client may send, by name: the inputs, and that of the encoder before them."""
        source = (self.encoder.source,) if self.encoder else ()
        return {tensor.name: tensor for tensor in (*source, *self.inputs)}

    @model_validator(mode="after")
    def _heads_agree(self) -> Self:
        if unknown := {head.name for head in self.heads} - {tensor.name for tensor in self.outputs}:
            raise ValueError(f"heads without an output: {sorted(unknown)}")
        return self

    def watched(self) -> Signature:
        """The tensors of the explain graph: those of the model, and the gates of each layer."""
        layers = self.explain.layers if self.explain else ()
        gates = tuple(
            TensorSpec(name=each.output, dtype="float32", shape=("batch", "time", len(each.gates), each.hidden))
            for each in layers
        )
        own = {name: getattr(self, name) for name in Signature.model_fields}
        return Signature(**{**own, "outputs": (*self.outputs, *gates)})

    @model_validator(mode="after")
    def _heirs_are_later(self) -> Self:
        if later := [version for version in self.takes_over if version >= self.version]:
            raise ValueError(f"version {self.version} cannot take over sessions of {later}, only of earlier versions")
        return self

    @model_validator(mode="after")
    def _encoder_agrees(self) -> Self:
        if (self.encoder is None) != (self.context is None):
            raise ValueError("a decoder (context) and its encoder come together")
        return self

    @model_validator(mode="after")
    def _files_agree(self) -> Self:
        if "fp32" not in self.variants:
            raise ValueError("the fp32 variant is missing")
        named = {path for variant in self.variants.values() for path in (variant.file, variant.golden)}
        named |= set(self.frontend.files) if self.frontend else set()
        named |= {graph.file for graph in (self.explain, self.encoder) if graph}
        if unlisted := named - set(self.files):
            raise ValueError(f"files without a digest: {sorted(unlisted)}")
        if MANIFEST_FILE in self.files:
            raise ValueError("the manifest cannot hold its own digest")
        return self


def manifest_schema() -> dict[str, JsonValue]:
    """The JSON Schema of `manifest.json`, as published in `docs/manifest.schema.json`."""
    schema: dict[str, JsonValue] = Manifest.model_json_schema()
    return schema
