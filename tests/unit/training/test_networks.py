"""Recurrent networks follow the contract: state in, state out, and padding never moves a row."""

import pytest
import torch

from training.networks import NetworkSpec, RecurrentNetwork

CELLS = ["rnn", "gru", "lstm"]


def network(cell: str, **changes) -> RecurrentNetwork:
    torch.manual_seed(1)
    sizes = {"hidden": 6, "layers": 2, "vocabulary": 9, "heads": {"logits": 9, "score": 1}} | changes
    return RecurrentNetwork(NetworkSpec(cell=cell, **sizes)).eval()


@pytest.mark.parametrize("cell", CELLS)
def test_outputs_are_named_by_head_and_states_come_back_as_they_went(cell):
    net = network(cell)
    state = net.initial_state(4)
    outputs, after = net(torch.zeros(4, 5, dtype=torch.long), torch.full((4,), 5), state)
    assert {name: tuple(tensor.shape) for name, tensor in outputs.items()} == {"logits": (4, 5, 9), "score": (4, 5, 1)}
    assert [tensor.shape for tensor in after] == [tensor.shape for tensor in state]
    assert len(state) == (4 if cell == "lstm" else 2)


@pytest.mark.parametrize("cell", CELLS)
def test_a_padded_row_has_the_outputs_and_state_it_has_alone(cell):
    net = network(cell)
    inputs, lengths = torch.randint(0, 9, (3, 7)), torch.tensor([7, 2, 1])
    with torch.no_grad():
        outputs, after = net(inputs, lengths, net.initial_state(3))
        for row, length in enumerate(lengths.tolist()):
            alone, own = net(inputs[row : row + 1, :length], lengths[row : row + 1], net.initial_state(1))
            torch.testing.assert_close(outputs["logits"][row, :length], alone["logits"][0])
            for tensor, single in zip(after, own, strict=True):
                torch.testing.assert_close(tensor[row], single[0])


@pytest.mark.parametrize("cell", CELLS)
def test_chunks_with_carried_state_give_what_the_whole_gives(cell):
    net = network(cell)
    inputs = torch.randint(0, 9, (2, 6))
    with torch.no_grad():
        whole, last = net(inputs, torch.full((2,), 6), net.initial_state(2))
        state, parts = net.initial_state(2), []
        for piece in inputs.split([1, 3, 2], dim=1):
            outputs, state = net(piece, torch.full((2,), piece.shape[1]), state)
            parts.append(outputs["logits"])
    torch.testing.assert_close(torch.cat(parts, 1), whole["logits"])
    torch.testing.assert_close(state, last)


def test_a_bidirectional_network_carries_no_state():
    net = network("gru", bidirectional=True)
    assert net.initial_state(3) == ()
    outputs, after = net(torch.zeros(2, 4, dtype=torch.long), torch.tensor([4, 1]), ())
    assert outputs["logits"].shape == (2, 4, 9)
    assert after == ()


def test_float_features_need_no_embedding():
    net = network("lstm", vocabulary=None, features=3)
    outputs, _ = net(torch.randn(2, 4, 3), torch.tensor([4, 4]), net.initial_state(2))
    assert outputs["score"].shape == (2, 4, 1)


@pytest.mark.parametrize(
    "sizes",
    [{"vocabulary": None}, {"features": 3}, {"heads": {}}, {"cell": "transformer"}],
    ids=["no input", "two inputs", "no head", "no such cell"],
)
def test_a_spec_that_describes_no_network_is_refused(sizes):
    said = {"cell": "lstm", "hidden": 4, "vocabulary": 9, "heads": {"logits": 9}} | sizes
    with pytest.raises(ValueError):
        NetworkSpec(**said)
