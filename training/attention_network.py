"""An encoder that reads a source both ways, and a decoder that looks back at it while it writes.

It follows the protocol of `training.graph.seq2seq`. The decoder's first layer asks, attention answers with a mixture of
the encoder's outputs (bilinear scores: Luong et al. 2015), and any further layers read both, so that what was looked at
before is known at the next step although nothing is fed back (as in Wu et al. 2016).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from training.networks import CellName, State, run_layer

_LAYERS: Mapping[str, Callable[..., nn.RNNBase]] = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


@dataclass(frozen=True)
class AttentionSpec:
    """Sizes. `encoder_hidden` is that of one direction; the context is twice as wide.

    `dropout` acts on the inputs of all layers and on what the head reads; `tied`: the target embedding is also the
    weight of the head.
    """

    cell: CellName
    source_vocabulary: int
    target_vocabulary: int
    embedding: int
    encoder_hidden: int
    decoder_hidden: int
    encoder_layers: int = 1
    decoder_layers: int = 2
    dropout: float = 0.0
    embedding_dropout: float = 0.0
    tied: bool = False

    @property
    def state_parts(self) -> int:
        """Tensors in the state of one layer."""
        return 2 if self.cell == "lstm" else 1


class LockedDropout(nn.Module):
    """Drops the same features at all steps of a row (Gal and Ghahramani, 2016): steps [batch, time, features]."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, steps: Tensor) -> Tensor:
        """The steps as they are, unless in training."""
        if not self.training or not self.rate:
            return steps
        kept = torch.empty(steps.shape[0], 1, steps.shape[2], dtype=steps.dtype).bernoulli_(1 - self.rate)
        return steps * (kept / (1 - self.rate))


class AttentionEncoder(nn.Module):
    """Bidirectional layers; the decoder begins with a projection of their last states."""

    def __init__(self, spec: AttentionSpec) -> None:
        super().__init__()
        self.spec = spec
        wide = 2 * spec.encoder_hidden
        self.embedding = nn.Embedding(spec.source_vocabulary, spec.embedding)
        self.layers = nn.ModuleList(
            _LAYERS[spec.cell](width, spec.encoder_hidden, batch_first=True, bidirectional=True)
            for width in [spec.embedding] + [wide] * (spec.encoder_layers - 1)
        )
        self.bridges = nn.ModuleList(
            nn.Linear(wide, spec.decoder_hidden) for _ in range(spec.state_parts * spec.decoder_layers)
        )
        self.embedding_dropout = LockedDropout(spec.embedding_dropout)
        self.dropout = LockedDropout(spec.dropout)

    def forward(self, source: Tensor, lengths: Tensor) -> tuple[Tensor, State]:
        """source [batch, time] int64, lengths [batch] → context [batch, time, 2 x hidden], the decoder's state."""
        steps = self.embedding_dropout(self.embedding(source))  # [batch, time, embedding]
        last: State = ()
        for number, layer in enumerate(self.layers):
            steps, last = run_layer(layer, self.dropout(steps) if number else steps, lengths, ())
        joined = [torch.cat([part[0], part[1]], dim=1) for part in last]  # both directions, [batch, 2 x hidden]
        parts = len(joined)
        return steps, tuple(torch.tanh(bridge(joined[place % parts])) for place, bridge in enumerate(self.bridges))


class AttentionDecoder(nn.Module):
    """A layer, attention, and further layers over both."""

    def __init__(self, spec: AttentionSpec) -> None:
        super().__init__()
        self.spec = spec
        wide, hidden = 2 * spec.encoder_hidden, spec.decoder_hidden
        self.embedding = nn.Embedding(spec.target_vocabulary, spec.embedding)
        widths = [spec.embedding, hidden + wide, *[hidden] * spec.decoder_layers][: spec.decoder_layers]
        self.layers = nn.ModuleList(_LAYERS[spec.cell](width, hidden, batch_first=True) for width in widths)
        self.question = nn.Linear(hidden, wide, bias=False)
        # What was looked at goes to the head by a way of its own: it says most of what the next token is.
        self.mixed = nn.Linear(hidden + wide, spec.embedding if spec.tied else hidden)
        self.head = nn.Linear(self.mixed.out_features, spec.target_vocabulary)
        if spec.tied:
            self.head.weight = self.embedding.weight
        self.embedding_dropout = LockedDropout(spec.embedding_dropout)
        self.dropout = LockedDropout(spec.dropout)

    def forward(
        self, tokens: Tensor, lengths: Tensor, state: State, memory: Tensor, memory_lengths: Tensor
    ) -> tuple[dict[str, Tensor], State]:
        """tokens [batch, time], state each [batch, hidden], memory [batch, places, 2 x hidden] → logits [batch, time,
        vocabulary], attention [batch, time, places]; next state.
        """
        parts = self.spec.state_parts
        own = [state[start : start + parts] for start in range(0, len(state), parts)]
        steps, after = run_layer(self.layers[0], self.embedding_dropout(self.embedding(tokens)), lengths, own[0])
        scores = self.question(self.dropout(steps)) @ memory.transpose(1, 2)  # [batch, time, places]
        behind = torch.arange(memory.shape[1])[None, :] >= memory_lengths[:, None]  # [batch, places]
        attention = scores.masked_fill(behind[:, None], -torch.inf).softmax(dim=2)
        seen = attention @ memory  # [batch, time, 2 x hidden]
        carried = list(after)
        for number, layer in enumerate(list(self.layers)[1:], 1):
            given = torch.cat([steps, seen], dim=2) if number == 1 else steps
            steps, after = run_layer(layer, self.dropout(given), lengths, own[number])
            carried += after
        mixed = torch.tanh(self.mixed(self.dropout(torch.cat([steps, seen], dim=2))))
        return {"logits": self.head(self.dropout(mixed)), "attention": attention}, tuple(carried)


class AttentionNetwork(nn.Module):
    """Both parts."""

    def __init__(self, spec: AttentionSpec) -> None:
        super().__init__()
        self.spec = spec
        self.encoder = AttentionEncoder(spec)
        self.decoder = AttentionDecoder(spec)
        for name, weight in self.named_parameters():
            if "weight_hh" in name:
                for block in weight.data.split(weight.shape[1]):
                    nn.init.orthogonal_(block)
            elif "embedding" in name:
                nn.init.normal_(weight, std=spec.embedding**-0.5)

    def forward(self, source: Tensor, lengths: Tensor, tokens: Tensor) -> Tensor:
        """Logits [batch, time, vocabulary] of what follows each of the tokens [batch, time], for training.

        Rows of tokens may be padded: what follows a row's end cannot reach back.
        """
        memory, state = self.encoder(source, lengths)
        whole = torch.full_like(lengths, tokens.shape[1])
        outputs, _ = self.decoder(tokens, whole, state, memory, lengths)
        logits: Tensor = outputs["logits"]
        return logits
