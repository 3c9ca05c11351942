"""Write a bundle: a torch network, what it is for, and how good it is → one checked folder."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import JsonValue
from torch import Tensor

from service.bundle import (
    MANIFEST_FILE,
    Bundle,
    Cell,
    DataSource,
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
from training.graph.trace import RECURRENT, Network, Traced, trace
from training.quantize import QualityBound
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
    quality: tuple[QualityFigure, ...] = ()
    data: tuple[DataSource, ...] = ()


@dataclass(frozen=True)
class Exportable:
    """All that `write_bundle` takes: what a run, or a file of one's own, gives to `hiddenstate export`."""

    network: Network
    description: BundleDescription
    sample: Tensor
    int8_bound: QualityBound | None = None

    def write(self, models: Path | str) -> Bundle:
        """Export into `<models>/<name>/<version>`, in place of what was there."""
        folder = Path(models) / self.description.name / str(self.description.version)
        return write_bundle(folder, self.network, self.description, sample=self.sample, int8_bound=self.int8_bound)


def write_bundle(
    folder: Path | str,
    network: Network,
    description: BundleDescription,
    *,
    sample: Tensor,
    int8_bound: QualityBound | None = None,
) -> Bundle:
    """Export `network` into `folder`, in place of what was there, and read the bundle back.

    sample: a batch of real inputs, [rows, time] int64 or [rows, time, features] float32. It calibrates int8, and its
    spread shapes the golden vectors; none of it is stored. int8_bound: what int8 may cost; without it the bundle holds
    fp32 alone. Raises ValueError when the network breaks the contract of `docs/design.md`, BundleError when the
    exported graph does not compute what torch does.
    """
    target = Path(folder)
    target.parent.mkdir(parents=True, exist_ok=True)
    # Written aside and then moved, so that a server which watches the folder never sees half a bundle.
    with tempfile.TemporaryDirectory(prefix=".export-", dir=target.parent) as scratch:
        written = Path(scratch) / "bundle"
        written.mkdir()
        _fill(written, network, description, sample, int8_bound)
        if target.exists():
            shutil.rmtree(target)
        written.rename(target)
    return load_bundle(target)


def _fill(
    folder: Path, network: Network, description: BundleDescription, sample: Tensor, bound: QualityBound | None
) -> None:
    """Write everything into an empty folder."""
    traced, rows = trace(network, sample), sample.numpy()
    fp32 = build_fp32(folder, traced, network, rows)
    int8 = build_int8(folder, traced, fp32, rows, bound)
    for name, content in description.frontend_files.items():
        (folder / name).write_bytes(content)
    manifest = _manifest(folder, traced, description, fp32, int8, build_explain(folder, traced))
    (folder / CARD_FILE).write_text(card(manifest), encoding="utf-8")
    files = {**manifest.files, CARD_FILE: sha256_of(folder / CARD_FILE)}
    write_manifest(folder, manifest.model_copy(update={"files": files}))


def _manifest(
    folder: Path,
    traced: Traced,
    description: BundleDescription,
    fp32: Built,
    int8: Built | str,
    explain: ExplainGraph | None,
) -> Manifest:
    """The manifest of all files but the card, which is written from it."""
    cells = {node.op_type.lower() for node in traced.model.graph if node.op_type in RECURRENT}
    shipped: dict[Literal["fp32", "int8"], Built] = (
        {"fp32": fp32} if isinstance(int8, str) else {"fp32": fp32, "int8": int8}
    )
    names = {name for built in shipped.values() for name in built.files} | set(description.frontend_files)
    names |= {explain.file} if explain else set()
    signature = {name: getattr(traced.signature, name) for name in Signature.model_fields}
    said = {name: value for name, value in vars(description).items() if name != "frontend_files"}
    return Manifest(
        cell=Cell.NONE if not cells else Cell(cells.pop()) if len(cells) == 1 else Cell.MIXED,
        variants={name: built.variant for name, built in shipped.items()},
        withheld={"int8": int8} if isinstance(int8, str) else {},
        explain=explain,
        files={name: sha256_of(folder / name) for name in sorted(names)},
        **signature,
        **said,
    )


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write `manifest.json`: sorted and indented, the same bytes for the same manifest."""
    text = json.dumps(manifest.model_dump(mode="json"), indent=2, sort_keys=True, ensure_ascii=False)
    (folder / MANIFEST_FILE).write_text(text + "\n", encoding="utf-8")
