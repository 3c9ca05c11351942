"""The traced graph: one recurrent node for each layer, constant weights, dynamic axes, and nothing of the machine."""

from functools import cache
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest
import torch
from torch import nn

from service.model import Model
from tests.unit.training.exports import CELLS, FORMS, TOKENS, exported, opened
from training.graph.trace import RECURRENT, Traced, check_graph, shapes_of, trace
from training.reference import Reference


@pytest.mark.parametrize(("cell", "layers", "bidirectional"), FORMS)
def test_each_layer_is_one_node_with_constant_weights_and_lengths(cell, layers, bidirectional):
    graph = exported(cell, layers, bidirectional).traced.model.graph
    nodes = [node for node in graph if node.op_type in RECURRENT]
    assert [node.op_type for node in nodes] == [cell.upper()] * layers
    for node in nodes:
        assert node.attributes.get_string("direction") == ("bidirectional" if bidirectional else "forward")
        assert all(value is not None and value.name in graph.initializers for value in node.inputs[1:4])
        assert node.inputs[4] is graph.inputs[1]
        assert node.inputs[4].name == "lengths"


@pytest.mark.parametrize(("cell", "layers", "bidirectional"), FORMS)
def test_no_axis_is_frozen(cell, layers, bidirectional):
    graph = exported(cell, layers, bidirectional).traced.model.graph
    shapes = {
        value.name: [axis if isinstance(axis, int) else axis.value for axis in value.shape] for value in graph.inputs
    }
    assert shapes["inputs"] == ["batch", "time"]
    assert shapes["lengths"] == ["batch"]
    assert all(shape[0] == "batch" for shape in shapes.values())
    assert graph.inputs[1].dtype == ir.DataType.INT32


@pytest.mark.parametrize("cell", CELLS)
def test_the_onnx_checker_accepts_the_graph(cell):
    onnx.checker.check_model(ir.to_proto(exported(cell, 2, True).traced.model), full_check=True)


@pytest.mark.parametrize("cell", CELLS)
def test_the_graph_says_nothing_of_the_machine(cell):
    content = ir.to_proto(exported(cell).traced.model).SerializeToString()
    assert str(Path.cwd()).encode() not in content
    assert b".py" not in content


def test_bidirectional_layers_take_whole_sequences():
    assert exported("lstm", 2, True).traced.signature.whole_sequence
    assert exported("lstm", 2, True).traced.signature.state == ()
    assert not exported("lstm", 2).traced.signature.whole_sequence


class Own(nn.Module):
    """A network as people write it: a stacked LSTM that knows no lengths, convolution and normalisation around it."""

    def __init__(self, **options):
        super().__init__()
        self.mix = nn.Conv1d(3, 5, 1)
        self.norm = nn.LayerNorm(5)
        self.rnn = nn.LSTM(5, 7, num_layers=2, batch_first=True, dropout=0.5, **options)
        self.head = nn.Linear(7, 2)

    def initial_state(self, batch):
        return tuple(torch.zeros(batch, 7) for _ in range(4))

    def forward(self, inputs, lengths, state):
        steps = self.norm(self.mix(inputs.transpose(1, 2)).transpose(1, 2))
        steps, (h, c) = self.rnn(steps, (torch.stack(state[:2]), torch.stack(state[2:])))
        return torch.sigmoid(self.head(steps)), (*h.unbind(0), *c.unbind(0))


@cache
def own() -> tuple[Own, Traced]:
    torch.manual_seed(0)
    network = Own().train()
    return network, trace(network, torch.randn(2, 4, 3))


def test_a_network_of_ones_own_is_exported_with_its_other_layers(tmp_path):
    network, traced = own()
    assert [tensor.name for tensor in traced.signature.outputs] == ["outputs"]
    assert traced.signature.inputs[0].shape == ("batch", "time", 3)
    model, reference = opened(traced.model, traced, tmp_path), Reference(network, traced.signature)
    inputs, lengths = {"inputs": np.random.default_rng(0).normal(size=(5, 6, 3)).astype(np.float32)}, [6, 1, 3, 6, 2]
    sizes = np.array(lengths, np.int32)
    found, after = model.run(inputs, sizes, model.initial_state(5))
    expected, wanted = reference.run(inputs, sizes, model.initial_state(5))
    for row, length in enumerate(lengths):
        np.testing.assert_allclose(found["outputs"][row, :length], expected["outputs"][row, :length], atol=1e-6)
    for name in wanted:
        np.testing.assert_allclose(after[name], wanted[name], atol=1e-6)


class Variant(nn.Module):
    """One recurrent layer of any kind, called the way torch documents it, without a state."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def initial_state(self, batch):
        return ()

    def forward(self, inputs, lengths, state):
        if self.layer.batch_first:
            return self.layer(inputs)[0], ()
        return self.layer(inputs.transpose(0, 1))[0].transpose(0, 1), ()


@pytest.mark.parametrize(
    "layer",
    [
        nn.RNN(3, 4, nonlinearity="relu", batch_first=True),
        nn.GRU(3, 4, bias=False),
        nn.LSTM(3, 4, num_layers=2, bidirectional=True),
    ],
    ids=["relu", "no bias, time first", "stacked both ways"],
)
def test_every_form_of_a_torch_layer_keeps_its_numbers(layer, tmp_path):
    network = Variant(layer)
    traced = trace(network, torch.randn(2, 4, 3))
    inputs, sizes = {"inputs": torch.randn(3, 5, 3).numpy()}, np.array([5, 5, 5], np.int32)
    found, _ = opened(traced.model, traced, tmp_path).run(inputs, sizes, {})
    expected, _ = Reference(network, traced.signature).run(inputs, sizes, {})
    np.testing.assert_allclose(found["outputs"], expected["outputs"], atol=1e-6)


def test_the_network_itself_is_left_as_it_was():
    torch.manual_seed(0)
    before = Own().state_dict()
    network, _ = own()
    assert network.training
    assert isinstance(network.rnn, nn.LSTM)
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


def test_a_projected_lstm_is_refused_with_a_remedy():
    with pytest.raises(ValueError, match="linear layer"):
        trace(Own(proj_size=3), torch.randn(2, 4, 3))


def test_an_output_without_a_time_axis_is_refused():
    class Last(Own):
        def forward(self, inputs, lengths, state):
            outputs, state = super().forward(inputs, lengths, state)
            return outputs[:, -1], state

    with pytest.raises(ValueError, match="one value for each step"):
        trace(Last(), torch.randn(2, 4, 3))


def test_a_state_that_does_not_come_back_is_refused():
    class Forgetful(Own):
        def forward(self, inputs, lengths, state):
            outputs, state = super().forward(inputs, lengths, state)
            return outputs, state[:2]

    with pytest.raises(ValueError, match="took 4 state tensors and returned 2"):
        trace(Forgetful(), torch.randn(2, 4, 3))


def test_an_initial_state_that_is_not_one_value_is_refused():
    class Learned(Own):
        def initial_state(self, batch):
            return tuple(torch.arange(7.0).expand(batch, 7) for _ in range(4))

    with pytest.raises(ValueError, match="initial state 0"):
        trace(Learned(), torch.randn(2, 4, 3))


def test_a_graph_with_a_missing_layer_a_frozen_axis_or_moving_weights_is_refused():
    traced = exported("lstm").traced
    with pytest.raises(ValueError, match="2 recurrent layers"):
        check_graph(traced.model, shapes_of(traced.signature), 2)
    frozen = traced.model.clone()
    frozen.graph.inputs[0].shape = ir.Shape(["batch", 5])
    with pytest.raises(ValueError, match="'inputs' should be"):
        check_graph(frozen, shapes_of(traced.signature), 1)
    moving = traced.model.clone()
    node = next(node for node in moving.graph if node.op_type == "LSTM")
    node.replace_input_with(1, ir.Value(name="computed"))
    with pytest.raises(ValueError, match="not constant"):
        check_graph(moving, shapes_of(traced.signature), 1)


def test_batch_and_time_may_have_any_size(tmp_path):
    traced = exported("lstm").traced
    model: Model = opened(traced.model, traced, tmp_path)
    for batch, steps in ((1, 1), (1, 40), (33, 1), (5, 7)):
        tokens = (
            TOKENS.numpy().reshape(-1)[: batch * steps] if batch * steps <= 52 else np.zeros(batch * steps, np.int64)
        )
        sizes = np.full(batch, steps, np.int32)
        outputs, _ = model.run({"inputs": tokens.reshape(batch, steps)}, sizes, model.initial_state(batch))
        assert outputs["logits"].shape == (batch, steps, 11)
