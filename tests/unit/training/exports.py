"""Networks and graphs that several tests of the exporter share; each is traced once in a run."""

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import onnx_ir as ir
import torch
from torch import Tensor, nn

from service.model import Model
from service.runtime import Device
from training.graph.trace import Traced, trace
from training.networks import NetworkSpec, RecurrentNetwork

CELLS = ("rnn", "gru", "lstm")
FORMS = (("lstm", 2, False), *((cell, *form) for cell in CELLS for form in ((1, False), (2, True))))
"""Cell, layers, and whether they are bidirectional."""

TOKENS = torch.arange(52).reshape(4, 13) % 11


@dataclass(frozen=True)
class Export:
    """A network and its traced graph."""

    network: RecurrentNetwork
    traced: Traced


@cache
def exported(cell: str, layers: int = 1, bidirectional: bool = False, hidden: int = 8) -> Export:
    """Unless `hidden` is given, the network behind `tests.bundles.tiny_bundle`."""
    torch.manual_seed(5)
    spec = NetworkSpec(
        cell=cell, hidden=hidden, layers=layers, vocabulary=11, heads={"logits": 11}, bidirectional=bidirectional
    )
    network = RecurrentNetwork(spec)
    return Export(network, traced_once(network, TOKENS))


_TRACED: dict[tuple[str, str, torch.dtype], Traced] = {}


def traced_once(network: nn.Module, inputs: Tensor) -> Traced:
    """`trace`, which takes half a second for the smallest network, but only once for each network."""
    weights = hashlib.sha256()
    for tensor in network.state_dict().values():
        weights.update(tensor.numpy().tobytes())
    key = repr(network), weights.hexdigest(), inputs.dtype
    if key not in _TRACED:
        _TRACED[key] = trace(network, inputs)
    return _TRACED[key]


def opened(graph: ir.Model, traced: Traced, folder: Path) -> Model:
    """Load a graph that has no bundle."""
    path = folder / f"{len(list(folder.iterdir()))}.onnx"
    ir.save(graph, path)
    return Model(path, traced.signature, Device("cpu"))
