"""Networks and graphs that several tests of the exporter share; each is traced once in a run."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import onnx_ir as ir
import torch

from service.model import Model
from service.runtime import Device
from training.graph.trace import Traced, trace
from training.networks import NetworkSpec, RecurrentNetwork

CELLS = ("rnn", "gru", "lstm")
FORMS = (("lstm", 2, False), *((cell, *form) for cell in CELLS for form in ((1, False), (2, True))))
"""Cell, layers, and whether they are bidirectional."""

TOKENS = torch.arange(52).reshape(4, 13) % 13


@dataclass(frozen=True)
class Export:
    """A network and its traced graph."""

    network: RecurrentNetwork
    traced: Traced


@cache
def exported(cell: str, layers: int = 1, bidirectional: bool = False, hidden: int = 9) -> Export:
    torch.manual_seed(layers)
    spec = NetworkSpec(
        cell=cell, hidden=hidden, layers=layers, vocabulary=13, heads={"logits": 13}, bidirectional=bidirectional
    )
    network = RecurrentNetwork(spec)
    return Export(network, trace(network, TOKENS))


def opened(graph: ir.Model, traced: Traced, folder: Path) -> Model:
    """Load a graph that has no bundle."""
    path = folder / f"{len(list(folder.iterdir()))}.onnx"
    ir.save(graph, path)
    return Model(path, traced.signature, Device("cpu"))
