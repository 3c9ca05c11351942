"""A tiny encoder-decoder network that follows the protocol of `training.graph.seq2seq`; needs torch."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from training.networks import State, run_layer

LAYERS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


class TinyEncoder(nn.Module):
    """One bidirectional layer; the decoder begins with a projection of its last states."""

    def __init__(self, cell: str, vocabulary: int, hidden: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.embedding = nn.Embedding(vocabulary, hidden)
        self.layer = LAYERS[cell](hidden, hidden, batch_first=True, bidirectional=True)
        self.bridges = nn.ModuleList(nn.Linear(2 * hidden, hidden) for _ in range(2 if cell == "lstm" else 1))

    def forward(self, source: Tensor, lengths: Tensor) -> tuple[Tensor, State]:
        memory, last = run_layer(self.layer, self.embedding(source), lengths, ())
        joined = (torch.cat([part[0], part[1]], dim=1) for part in last)  # both directions, [batch, 2 * hidden]
        return memory, tuple(torch.tanh(bridge(part)) for bridge, part in zip(self.bridges, joined, strict=True))


class TinyDecoder(nn.Module):
    """One layer, then bilinear attention (Luong et al. 2015)."""

    def __init__(self, cell: str, vocabulary: int, hidden: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, hidden)
        self.layer = LAYERS[cell](hidden, hidden, batch_first=True)
        self.question = nn.Linear(hidden, 2 * hidden, bias=False)
        self.mixed = nn.Linear(3 * hidden, hidden)
        self.head = nn.Linear(hidden, vocabulary)

    def forward(
        self, tokens: Tensor, lengths: Tensor, state: State, memory: Tensor, memory_lengths: Tensor
    ) -> tuple[dict[str, Tensor], State]:
        steps, after = run_layer(self.layer, self.embedding(tokens), lengths, state)
        scores = self.question(steps) @ memory.transpose(1, 2)  # [batch, time, places]
        behind = torch.arange(memory.shape[1])[None, :] >= memory_lengths[:, None]  # [batch, places]
        attention = scores.masked_fill(behind[:, None], -torch.inf).softmax(dim=2)
        mixed = torch.tanh(self.mixed(torch.cat([steps, attention @ memory], dim=2)))
        return {"logits": self.head(mixed), "attention": attention}, after


class TinySeq2seq(nn.Module):
    """Both parts, untrained."""

    def __init__(self, cell: str = "lstm", *, letters: int = 13, vocabulary: int = 11, hidden: int = 8) -> None:
        super().__init__()
        self.encoder = TinyEncoder(cell, letters, hidden)
        self.decoder = TinyDecoder(cell, vocabulary, hidden)
