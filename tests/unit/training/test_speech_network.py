"""The network that listens: cut anywhere it says the same, with every cell."""

import pytest
import torch

from training.speech_network import SpeechNetwork, SpeechSpec


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize("windows", [(), (1, 3), (2, 3)])
def test_a_stream_may_be_cut_anywhere(cell, windows):
    torch.manual_seed(2)
    network = SpeechNetwork(SpeechSpec(cell, 5, windows=windows, width=6, hidden=7, layers=2)).eval()
    samples = 0.1 * torch.randn(2, 9, 480)
    whole, last = network(samples, torch.tensor([9, 9]), network.initial_state(2))
    state, parts = network.initial_state(2), []
    for piece in samples.split([1, 2, 6], dim=1):
        outputs, state = network(piece, torch.full((2,), piece.shape[1]), state)
        parts.append(outputs["logits"])
    torch.testing.assert_close(torch.cat(parts, dim=1), whole["logits"])
    for one, other in zip(state, last, strict=True):
        torch.testing.assert_close(one, other)
