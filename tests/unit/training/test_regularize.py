"""Dropout over sequences: none is the network itself; some is the same at every step, and new at every call."""

import pytest
import torch

from training.networks import NetworkSpec, RecurrentNetwork
from training.regularize import Dropout, run_dropped, start_gates_open

CELLS = ("rnn", "gru", "lstm")
TOKENS = torch.arange(12).reshape(2, 6) % 7


def network(cell: str, layers: int = 2) -> RecurrentNetwork:
    torch.manual_seed(3)
    spec = NetworkSpec(cell=cell, hidden=8, layers=layers, vocabulary=7, embedding=5, heads={"logits": 7})
    return RecurrentNetwork(spec)


@pytest.mark.parametrize("cell", CELLS)
def test_without_dropout_it_is_the_network_itself(cell):
    net = network(cell)
    expected, state = net(TOKENS, torch.tensor([6, 6]), net.initial_state(2))
    found, after = run_dropped(net, TOKENS, net.initial_state(2), Dropout())
    assert torch.equal(found["logits"], expected["logits"])
    assert all(torch.equal(a, b) for a, b in zip(after, state, strict=True))


@pytest.mark.parametrize("part", ["steps", "embedding", "between", "heads", "recurrent"])
def test_every_part_of_it_changes_the_outputs_and_reaches_the_gradients(part):
    net = network("lstm")
    plain, _ = run_dropped(net, TOKENS, net.initial_state(2), Dropout())
    outputs, _ = run_dropped(net, TOKENS, net.initial_state(2), Dropout(**{part: 0.5}))
    assert not torch.equal(outputs["logits"], plain["logits"])
    outputs["logits"].sum().backward()
    assert all(weight.grad is not None for weight in net.parameters())


def test_the_features_that_are_dropped_are_the_same_at_every_step():
    net = network("rnn", layers=1)
    with torch.no_grad():
        net.heads["logits"].weight.copy_(torch.ones(7, 8))
        net.heads["logits"].bias.zero_()
        for name, weight in net.layers[0].named_parameters():
            weight.fill_(0.5 if name == "bias_ih_l0" else 0.0)
    outputs, _ = run_dropped(net, TOKENS, net.initial_state(2), Dropout(heads=0.5))
    first = outputs["logits"][:, :1]
    assert torch.equal(outputs["logits"], first.expand_as(outputs["logits"]))


def test_dropped_weights_are_whole_again_afterwards():
    net = network("gru")
    before = net.layers[0].weight_hh_l0.clone()
    run_dropped(net, TOKENS, net.initial_state(2), Dropout(recurrent=0.9))
    assert torch.equal(net.layers[0].weight_hh_l0, before)


@pytest.mark.parametrize("cell", CELLS)
def test_recurrent_weights_start_orthogonal(cell):
    net = network(cell)
    start_gates_open(net)
    block = net.layers[0].weight_hh_l0[:8]
    torch.testing.assert_close(block @ block.T, torch.eye(8))


def test_the_forget_gates_of_an_lstm_start_open():
    net = network("lstm")
    start_gates_open(net)
    bias = net.layers[0].bias_ih_l0 + net.layers[0].bias_hh_l0
    assert bias[8:16].eq(1).all()
    assert bias[:8].eq(0).all()


def test_a_network_of_features_is_refused():
    net = RecurrentNetwork(NetworkSpec(cell="gru", hidden=4, features=3, heads={"y": 1}))
    with pytest.raises(ValueError, match="tokens"):
        run_dropped(net, torch.zeros(1, 2, 3), net.initial_state(1), Dropout())


def test_embeddings_start_as_small_as_asked():
    net, small = network("gru"), network("gru")
    start_gates_open(net)
    start_gates_open(small, embedding_scale=0.1)
    torch.testing.assert_close(small.embedding.weight, net.embedding.weight * 0.1)
