"""An encoder and a decoder with attention: padding and cuts make no difference, and all cells keep to the protocol."""

import pytest
import torch

from training.attention_network import AttentionNetwork, AttentionSpec, LockedDropout

CELLS = ("rnn", "gru", "lstm")


def network(cell: str, **changes: object) -> AttentionNetwork:
    torch.manual_seed(1)
    sizes = {"embedding": 4, "encoder_hidden": 5, "decoder_hidden": 6, "dropout": 0.5, "embedding_dropout": 0.5}
    return AttentionNetwork(AttentionSpec(cell, 9, 7, **{**sizes, **changes})).eval()


@pytest.mark.parametrize("cell", CELLS)
def test_padding_of_sources_changes_neither_what_is_read_nor_what_is_written(cell):
    model, tokens = network(cell), torch.tensor([[1, 2, 3]])
    alone = model(torch.tensor([[3, 4]]), torch.tensor([2]), tokens)
    padded = model(torch.tensor([[3, 4, 8, 8], [1, 2, 3, 4]]), torch.tensor([2, 4]), tokens.expand(2, 3))
    assert torch.allclose(alone[0], padded[0], atol=1e-6)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("layers", [1, 3])
def test_a_target_written_in_pieces_is_the_whole_one(cell, layers):
    model = network(cell, decoder_layers=layers, encoder_layers=2)
    source, lengths, tokens = torch.tensor([[3, 4, 5]]), torch.tensor([3]), torch.tensor([[1, 2, 3, 4]])
    memory, state = model.encoder(source, lengths)
    pieces = []
    for piece in tokens.split([1, 2, 1], dim=1):
        outputs, state = model.decoder(piece, torch.tensor([piece.shape[1]]), state, memory, lengths)
        pieces.append(outputs["logits"])
    assert len(state) == layers * (2 if cell == "lstm" else 1)
    assert torch.allclose(torch.cat(pieces, dim=1), model(source, lengths, tokens), atol=1e-6)


def test_attention_adds_up_to_one_over_the_places_of_a_row():
    model = network("gru")
    memory, state = model.encoder(torch.tensor([[3, 4, 8], [1, 2, 3]]), torch.tensor([2, 3]))
    outputs, _ = model.decoder(torch.ones(2, 1, dtype=torch.int64), torch.ones(2), state, memory, torch.tensor([2, 3]))
    assert torch.allclose(outputs["attention"].sum(2), torch.ones(2, 1))
    assert outputs["attention"][0, 0, 2] == 0


def test_a_tied_head_has_the_weights_of_the_embedding():
    decoder = network("gru", tied=True).decoder
    assert decoder.head.weight is decoder.embedding.weight
    assert network("gru").decoder.head.weight is not network("gru").decoder.embedding.weight


def test_dropout_takes_the_same_features_from_all_steps_of_a_row_and_nothing_when_not_in_training():
    dropout, steps = LockedDropout(0.5), torch.ones(3, 4, 50)
    dropped = dropout(steps)
    assert (dropped == dropped[:, :1]).all()
    assert set(dropped.unique().tolist()) == {0.0, 2.0}
    assert dropout.eval()(steps) is steps
