"""A committee in one network: the mean of its members, for every cell and depth."""

import pytest
import torch

from training.committee import Committee, merge
from training.networks import NetworkSpec, RecurrentNetwork


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_the_merged_network_gives_the_mean_of_its_members(cell, layers):
    torch.manual_seed(2)
    spec = NetworkSpec(cell=cell, hidden=5, layers=layers, vocabulary=9, embedding=4, heads={"logits": 2, "rating": 1})
    committee = Committee(spec, 3).eval()
    inputs, lengths = torch.randint(9, (4, 7)), torch.tensor([7, 3, 1, 7])
    merged = committee.merged()
    found, _ = merged(inputs, lengths, merged.initial_state(4))
    each = [member(inputs, lengths, member.initial_state(4))[0] for member in committee.networks()]
    for name in ("logits", "rating"):
        mean = torch.stack([outputs[name] for outputs in each]).mean(0)
        for row, length in enumerate(lengths):
            torch.testing.assert_close(found[name][row, :length], mean[row, :length])


def test_members_begin_differently():
    spec = NetworkSpec(cell="gru", hidden=5, vocabulary=9, embedding=4, heads={"logits": 2})
    first, second = Committee(spec, 2).networks()
    assert not torch.equal(first.layers[0].weight_hh_l0, second.layers[0].weight_hh_l0)


def test_networks_of_different_shapes_cannot_be_merged():
    specs = [NetworkSpec(cell="gru", hidden=size, vocabulary=9, heads={"logits": 2}) for size in (4, 5)]
    with pytest.raises(ValueError, match="same spec"):
        merge([RecurrentNetwork(spec) for spec in specs])
