"""The repository that the benchmark serves: the reference LSTM, untrained, and the shipped text model."""

from __future__ import annotations

import shutil
from pathlib import Path

REFERENCE = "bench-lstm"
FEATURES, HIDDEN, LOGITS = 64, 256, 128


def prepare(folder: Path, text_bundle: Path | None) -> Path:
    """Fill `folder` with the reference bundle (kept from run to run; making it needs torch) and a copy of the text
    model, and return it. Nothing else stays in it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for other in folder.iterdir():
        if other.name != REFERENCE:
            shutil.rmtree(other)
    reference = folder / REFERENCE / "1"
    if not (reference / "manifest.json").exists():
        shutil.rmtree(reference, ignore_errors=True)
        _write_reference(reference)
    if text_bundle is not None:
        shutil.copytree(text_bundle, folder / text_bundle.parent.name / text_bundle.name)
    return folder


def _write_reference(folder: Path) -> None:
    import torch

    from service.bundle import HeadSpec, Provenance, Topology
    from training.export import BundleDescription, write_bundle
    from training.networks import NetworkSpec, RecurrentNetwork

    torch.manual_seed(1)
    network = RecurrentNetwork(NetworkSpec(cell="lstm", hidden=HIDDEN, features=FEATURES, heads={"logits": LOGITS}))
    description = BundleDescription(
        name=REFERENCE,
        task="inference",
        topology=Topology.MANY_TO_MANY,
        heads=(HeadSpec(name="logits", kind="categorical"),),
        provenance=Provenance(seed=1, training_seconds=0, revision="untrained"),
        description=f"Untrained LSTM {FEATURES} → {HIDDEN} → {LOGITS}, for measuring speed.",
    )
    write_bundle(folder, network, description, sample=torch.randn(8, 16, FEATURES))
