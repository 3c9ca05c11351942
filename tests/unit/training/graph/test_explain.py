"""The explain graph tells the gates that torch's own equations give, and has no weights of its own."""

import numpy as np
import onnx_ir as ir
import pytest
import torch
from torch import Tensor, nn

from service.bundle import load_bundle, read_golden
from service.model import load_explain, replay
from tests.bundles import tiny_bundle
from tests.unit.training.exports import CELLS, FORMS, TOKENS, exported
from training.graph.explain import explained, save_sharing
from training.variants import build_fp32


def gates_of(layer: nn.RNNBase, steps: Tensor) -> dict[str, Tensor]:
    """Every gate [time, hidden] of one layer over one sequence [time, width], step by step as torch documents it."""
    inner, recurrent = layer.weight_ih_l0, layer.weight_hh_l0
    hidden = cell = torch.zeros(layer.hidden_size)
    found: list[dict[str, Tensor]] = []
    for step in steps:
        ours = inner @ step + layer.bias_ih_l0
        held = recurrent @ hidden + layer.bias_hh_l0
        if layer.mode == "LSTM":
            i, f, g, o = (ours + held).chunk(4)
            cell = f.sigmoid() * cell + i.sigmoid() * g.tanh()
            hidden = o.sigmoid() * cell.tanh()
            gates = {"input": i.sigmoid(), "forget": f.sigmoid(), "output": o.sigmoid()}
            gates |= {"candidate": g.tanh(), "cell_state": cell}
        elif layer.mode == "GRU":
            (r, z, n), (held_r, held_z, held_n) = ours.chunk(3), held.chunk(3)
            reset, update = (r + held_r).sigmoid(), (z + held_z).sigmoid()
            new = (n + reset * held_n).tanh()
            hidden = (1 - update) * new + update * hidden
            gates = {"reset": reset, "update": update, "candidate": new}
        else:
            hidden = (ours + held).tanh()
            gates = {}
        found.append({**gates, "hidden_state": hidden})
    return {name: torch.stack([each[name] for each in found]) for name in found[0]}


@pytest.mark.parametrize("cell", CELLS)
def test_the_gates_are_those_of_torchs_equations(cell, tmp_path):
    network = exported(cell).network.eval()
    bundle = load_bundle(tiny_bundle(tmp_path, cell))
    model = load_explain(bundle)
    layer = next(module for module in network.modules() if isinstance(module, nn.RNNBase))
    embedding = next(module for module in network.modules() if isinstance(module, nn.Embedding))
    tokens = torch.tensor([[3, 1, 4, 1, 5]])
    with torch.no_grad():
        expected = gates_of(layer, embedding(tokens)[0])
    outputs, _ = model.run({"inputs": tokens.numpy()}, np.array([5], np.int32), model.initial_state(1))
    (watched,) = bundle.manifest.explain.layers
    assert set(watched.gates) == set(expected)
    for number, gate in enumerate(watched.gates):
        np.testing.assert_allclose(outputs[watched.output][0, :, number], expected[gate], atol=1e-6, err_msg=gate)


@pytest.mark.parametrize(("cell", "layers", "bidirectional"), FORMS)
def test_it_replays_the_golden_vectors_of_fp32_for_every_form(cell, layers, bidirectional, tmp_path):
    bundle = load_bundle(tiny_bundle(tmp_path, cell, layers, bidirectional))
    assert len(bundle.manifest.explain.layers) == layers * (2 if bidirectional else 1)
    model = load_explain(bundle)
    assert replay(model, read_golden(bundle.path("golden.npz")), 1e-5) < 1e-6
    assert set(bundle.manifest.watched().graph_outputs()) > set(bundle.manifest.graph_outputs())


def test_its_large_weights_lie_in_the_file_of_fp32(tmp_path):
    export = exported("lstm", hidden=33)
    build_fp32(tmp_path, export.traced, export.network, TOKENS.numpy())
    save_sharing(explained(export.traced).model, tmp_path / "explain.onnx", tmp_path / "model.onnx")
    kept = ir.load(tmp_path / "explain.onnx").graph.initializers.values()
    inside = [value.name for value in kept if not isinstance(value.const_value, ir.ExternalTensor)]
    assert all(value.const_value.nbytes < 1024 for value in kept if value.name in inside)
    assert len(inside) < len(kept)
