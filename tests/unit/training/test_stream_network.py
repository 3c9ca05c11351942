"""A causal network with several members: cut anywhere it gives the same, and padding counts for nothing."""

import copy

import pytest
import torch

from training.stream_network import LockedDropout, StreamNetwork, StreamSpec, mean_scores, valid_steps

SPEC = StreamSpec("gru", 3, 4, 6, windows=(1, 4, 2), widths=(5, 6, 5), normalized=True, shortcut=True, members=2)


def network(spec: StreamSpec = SPEC) -> StreamNetwork:
    torch.manual_seed(3)
    made = StreamNetwork(spec)
    for member in made.networks():
        for convolution in member.convolutions:
            if convolution.normalization is not None:
                torch.nn.init.uniform_(convolution.normalization.mean, -0.5, 0.5)
    return made.eval()


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_a_stream_may_be_cut_anywhere(cell):
    made = network(StreamSpec(cell, 3, 4, 6, windows=(1, 4, 2), widths=(5, 6, 5), members=2))
    inputs = torch.randn(2, 9, 3)
    whole, _ = made(inputs, torch.tensor([9, 9]), made.initial_state(2))
    state, parts = made.initial_state(2), []
    for piece in inputs.split([1, 2, 6], dim=1):
        outputs, state = made(piece, torch.full((2,), piece.shape[1]), state)
        parts.append(outputs["logits"])
    torch.testing.assert_close(torch.cat(parts, dim=1), whole["logits"])


def test_padding_leaves_no_trace_in_the_state():
    made = network()
    inputs = torch.randn(2, 7, 3)
    _, padded = made(inputs, torch.tensor([7, 3]), made.initial_state(2))
    _, alone = made(inputs[1:, :3], torch.tensor([3]), made.initial_state(1))
    for one, other in zip(padded, alone, strict=True):
        torch.testing.assert_close(one[1:], other)


def test_what_is_served_is_the_mean_of_the_members():
    made = network()
    inputs, lengths = torch.randn(1, 5, 3), torch.tensor([5])
    logits = [member(inputs, lengths, member.initial_state(1), None)[0] for member in made.networks()]
    served = made(inputs, lengths, made.initial_state(1))[0]["logits"]
    torch.testing.assert_close(served, torch.stack(logits).mean(0))


def test_features_are_standardised_over_valid_steps_and_measured_for_later():
    made = network().train()
    member = made.networks()[0]
    before = copy.deepcopy(member.state_dict())
    inputs, lengths = torch.randn(2, 6, 3), torch.tensor([6, 2])
    valid = valid_steps(lengths, 6)
    logits, _ = member(inputs, lengths, member.initial_state(2), valid)
    inputs[1, 2:] = 1e6  # behind the end of the second row
    for name, value in before.items():
        member.state_dict()[name].copy_(value)
    again, _ = member(inputs, lengths, member.initial_state(2), valid)
    torch.testing.assert_close(mean_scores(logits, valid), mean_scores(again, valid))
    changed = [name for name, value in member.state_dict().items() if not torch.equal(value, before[name])]
    assert {name.rpartition(".")[2] for name in changed} == {"mean", "variance"}


def test_scores_are_means_over_valid_steps():
    logits = torch.tensor([[[1.0], [3.0], [float("nan")]]])
    assert mean_scores(logits, torch.tensor([[True, True, False]])).tolist() == [[2.0]]


def test_locked_dropout_drops_the_same_features_at_all_steps_while_it_learns():
    dropout = LockedDropout(0.5)
    steps = torch.ones(4, 9, 16)
    dropped = dropout(steps)
    assert (dropped == dropped[:, :1]).all()
    assert set(dropped.flatten().tolist()) == {0.0, 2.0}
    assert dropout.eval()(steps) is steps
