"""Write a bundle: a torch network, what it is for, and how good it is → one checked folder."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast

import onnx_ir as ir
from pydantic import JsonValue
from torch import Tensor

from service.bundle import (
    MANIFEST_FILE,
    Bundle,
    Cell,
    DataSource,
    EncoderGraph,
    ExplainGraph,
    FrontendSpec,
    HeadSpec,
    Limits,
    Manifest,
    Provenance,
    QualityFigure,
    Signature,
    Topology,
    load_bundle,
    sha256_of,
)
from training.card import CARD_FILE, card
from training.graph.seq2seq import Seq2seq, trace_seq2seq
from training.graph.trace import RECURRENT, Network, trace
from training.quantize import QualityBound
from training.seq2seq_bundle import build_seq2seq
from training.variants import Built, build_explain, build_fp32, build_int8


@dataclass(frozen=True)
class BundleDescription:
    """What a graph cannot say of itself. `frontend_files` holds the content of each file that `frontend` names."""

    name: str
    task: str
    topology: Topology
    provenance: Provenance
    version: int = 1
    description: str = ""
    frontend: FrontendSpec | None = None
    frontend_files: Mapping[str, bytes] = field(default_factory=dict)
    heads: tuple[HeadSpec, ...] = ()
    task_parameters: Mapping[str, JsonValue] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    takes_over: tuple[int, ...] = ()
    quality: tuple[QualityFigure, ...] = ()
    data: tuple[DataSource, ...] = ()


@dataclass(frozen=True)
class Exportable:
    """All that `write_bundle` takes: what a run, or a file of one's own, gives to `hiddenstate export`."""

    network: Network | Seq2seq
    description: BundleDescription
    sample: Tensor
    int8_bound: QualityBound | None = None
    target_sample: Tensor | None = None

    def write(self, models: Path | str) -> Bundle:
        """Export into `<models>/<name>/<version>`, in place of what was there."""
        folder = Path(models) / self.description.name / str(self.description.version)
        return write_bundle(
            folder,
            self.network,
            self.description,
            sample=self.sample,
            int8_bound=self.int8_bound,
            target_sample=self.target_sample,
        )


def write_bundle(
    folder: Path | str,
    network: Network | Seq2seq,
    description: BundleDescription,
    *,
    sample: Tensor,
    int8_bound: QualityBound | None = None,
    target_sample: Tensor | None = None,
) -> Bundle:
    """Export `network` into `folder`, in place of what was there, and read the bundle back.

    sample: a batch of real inputs, [rows, time] int64 or [rows, time, features] float32. It calibrates int8, and its
    spread shapes the golden vectors; none of it is stored. int8_bound: what int8 may cost; without it the bundle holds
    fp32 alone. An encoder-decoder network takes sources as its sample, and tokens to write [rows, time] int64 as
    target_sample; its bundle holds fp32 alone. Raises ValueError when the network breaks the contract of
    `docs/design.md`, BundleError when the exported graph does not compute what torch does.
    """
    target = Path(folder)
    target.parent.mkdir(parents=True, exist_ok=True)
    # Written aside and then moved, so that a server which watches the folder never sees half a bundle.
    with tempfile.TemporaryDirectory(prefix=".export-", dir=target.parent) as scratch:
        written = Path(scratch) / "bundle"
        written.mkdir()
        if target_sample is None:
            contents = _one_graph(written, cast(Network, network), sample, int8_bound)
        else:
            contents = _two_graphs(written, cast(Seq2seq, network), sample, target_sample)
        _fill(written, description, contents)
        if target.exists():
            shutil.rmtree(target)
        written.rename(target)
    return load_bundle(target)


@dataclass(frozen=True)
class _Contents:
    """What was written into a bundle: its graphs, and what they take and give. `int8` says why it is not there."""

    signature: Signature
    graphs: tuple[ir.Model, ...]
    fp32: Built
    int8: Built | str
    explain: ExplainGraph | None = None
    encoder: EncoderGraph | None = None

    @property
    def cell(self) -> Cell:
        """The recurrent cell of the network."""
        cells = {node.op_type.lower() for model in self.graphs for node in model.graph if node.op_type in RECURRENT}
        return Cell.NONE if not cells else Cell(cells.pop()) if len(cells) == 1 else Cell.MIXED

    @property
    def variants(self) -> dict[Literal["fp32", "int8"], Built]:
        """Those that are there."""
        return {"fp32": self.fp32} if isinstance(self.int8, str) else {"fp32": self.fp32, "int8": self.int8}

    @property
    def files(self) -> set[str]:
        """Names of all files."""
        names = {name for built in self.variants.values() for name in built.files}
        return names | {graph.file for graph in (self.explain, self.encoder) if graph}


def _one_graph(folder: Path, network: Network, sample: Tensor, bound: QualityBound | None) -> _Contents:
    """Write the graphs of a network that runs step by step, or on whole sequences."""
    traced, rows = trace(network, sample), sample.numpy()
    fp32 = build_fp32(folder, traced, network, rows)
    int8 = build_int8(folder, traced, fp32, rows, bound)
    return _Contents(traced.signature, (traced.model,), fp32, int8, explain=build_explain(folder, traced))


def _two_graphs(folder: Path, network: Seq2seq, sources: Tensor, targets: Tensor) -> _Contents:
    """Write the encoder and the decoder of a network that has both."""
    traced = trace_seq2seq(network, sources)
    encoder, fp32 = build_seq2seq(folder, traced, network, sources.numpy(), targets.numpy())
    return _Contents(
        traced.signature,
        (traced.encoder, traced.decoder),
        fp32,
        "decoders are exported in float32 alone",
        encoder=encoder,
    )


def _fill(folder: Path, description: BundleDescription, contents: _Contents) -> None:
    """Write all files but the graphs."""
    for name, content in description.frontend_files.items():
        (folder / name).write_bytes(content)
    manifest = _manifest(folder, description, contents)
    (folder / CARD_FILE).write_text(card(manifest), encoding="utf-8")
    files = {**manifest.files, CARD_FILE: sha256_of(folder / CARD_FILE)}
    write_manifest(folder, manifest.model_copy(update={"files": files}))


def _manifest(folder: Path, description: BundleDescription, contents: _Contents) -> Manifest:
    """The manifest of all files but the card, which is written from it."""
    names = contents.files | set(description.frontend_files)
    signature = {name: getattr(contents.signature, name) for name in Signature.model_fields}
    said = {name: value for name, value in vars(description).items() if name != "frontend_files"}
    return Manifest(
        cell=contents.cell,
        variants={name: built.variant for name, built in contents.variants.items()},
        withheld={"int8": contents.int8} if isinstance(contents.int8, str) else {},
        explain=contents.explain,
        encoder=contents.encoder,
        files={name: sha256_of(folder / name) for name in sorted(names)},
        **signature,
        **said,
    )


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write `manifest.json`: sorted and indented, the same bytes for the same manifest."""
    text = json.dumps(manifest.model_dump(mode="json"), indent=2, sort_keys=True, ensure_ascii=False)
    (folder / MANIFEST_FILE).write_text(text + "\n", encoding="utf-8")
