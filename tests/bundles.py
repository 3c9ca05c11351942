"""Tiny bundles for tests: made from untrained networks in about a second, and then cached for the whole run."""

from __future__ import annotations

import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Literal, TypeAlias

CellName: TypeAlias = Literal["rnn", "gru", "lstm"]

TINY_LSTM = Path(__file__).parent / "data" / "tiny-lstm" / "1"
"""An exported LSTM (11 tokens, hidden 8, one head `logits`) for tests that run without torch."""


def tiny_bundle(folder: Path, cell: CellName = "lstm", layers: int = 1, bidirectional: bool = False) -> Path:
    """Put a tiny bundle (11 tokens, hidden 8, head `logits` of 11) into `folder`; needs torch. Returns `folder`."""
    shutil.copytree(_made(cell, layers, bidirectional), folder, dirs_exist_ok=True)
    return folder


@cache
def _made(cell: CellName, layers: int, bidirectional: bool) -> Path:
    import torch

    from service.bundle import HeadSpec, Provenance, Topology
    from training.export import BundleDescription, write_bundle
    from training.networks import NetworkSpec, RecurrentNetwork

    torch.manual_seed(5)
    spec = NetworkSpec(
        cell=cell, hidden=8, layers=layers, vocabulary=11, heads={"logits": 11}, bidirectional=bidirectional
    )
    description = BundleDescription(
        name=f"tiny-{cell}",
        task="text_generation",
        topology=Topology.ONE_TO_MANY,
        heads=(HeadSpec(name="logits", kind="categorical"),),
        provenance=Provenance(seed=5, training_seconds=0, revision="untrained"),
    )
    folder = Path(tempfile.mkdtemp(prefix="tiny-bundle-"))
    sample = torch.arange(22).reshape(2, 11) % 11
    write_bundle(folder, RecurrentNetwork(spec), description, sample=sample)
    return folder
