"""Write a bundle: a torch network, what it is for, and how good it is → one checked folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import onnx_ir as ir
from pydantic import JsonValue
from torch import Tensor

from service.bundle import (
    MANIFEST_FILE,
    Bundle,
    Cell,
    DataSource,
    FrontendSpec,
    HeadSpec,
    Limits,
    Manifest,
    Provenance,
    QualityFigure,
    Signature,
    Topology,
    Variant,
    load_bundle,
    sha256_of,
    write_golden,
)
from training.golden import record
from training.graph.trace import RECURRENT, Network, Traced, trace
from training.reference import Reference

FP32_FILE, FP32_GOLDEN, FP32_TOLERANCE = "model.onnx", "golden.npz", 1e-5


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
    quality: tuple[QualityFigure, ...] = ()
    data: tuple[DataSource, ...] = ()


def write_bundle(folder: Path | str, network: Network, description: BundleDescription, *, sample: Tensor) -> Bundle:
    """Export `network` into `folder` (made if missing) and read the bundle back.

    sample: a batch of real inputs, [rows, time] int64 or [rows, time, features] float32; its kind and spread shape the
    golden vectors, none of it is stored. Raises ValueError when the network breaks the contract of `docs/design.md`.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    traced = trace(network, sample)
    ir.save(traced.model, folder / FP32_FILE)
    golden = record(Reference(network, traced.signature), sample.numpy())
    write_golden(folder / FP32_GOLDEN, golden)
    for name, content in description.frontend_files.items():
        (folder / name).write_bytes(content)
    variants = {"fp32": Variant(file=FP32_FILE, golden=FP32_GOLDEN, tolerance=FP32_TOLERANCE)}
    files = {FP32_FILE, FP32_GOLDEN, *description.frontend_files}
    manifest = _manifest(traced, description, variants, {name: sha256_of(folder / name) for name in sorted(files)})
    write_manifest(folder, manifest)
    return load_bundle(folder)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write `manifest.json`: sorted, indented, the same bytes for the same manifest."""
    content = manifest.model_dump(mode="json")
    text = json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False)
    (folder / MANIFEST_FILE).write_text(text + "\n", encoding="utf-8")


def _manifest(
    traced: Traced, description: BundleDescription, variants: Mapping[str, Variant], files: Mapping[str, str]
) -> Manifest:
    cells = {node.op_type.lower() for node in traced.model.graph if node.op_type in RECURRENT}
    facts = {
        "cell": Cell(cells.pop()) if len(cells) == 1 else Cell.MIXED,
        "variants": variants,
        "files": files,
        **{name: getattr(traced.signature, name) for name in Signature.model_fields},
        **{name: value for name, value in vars(description).items() if name != "frontend_files"},
    }
    return Manifest.model_validate(facts)
