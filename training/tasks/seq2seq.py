"""What encoder-decoder tasks share: recipe, network, loss, and how well references are told under teacher forcing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from service.frontends.translation import TranslationFrontend
from training.attention_network import AttentionNetwork, AttentionSpec
from training.batches import EvenEpochs, padded
from training.data.pairs import Pair
from training.loop import Schedule
from training.networks import CellName

START, END, UNKNOWN = "<start>", "<end>", "<unk>"
"""Tokens that every vocabulary may have beside its own."""
IGNORED = -100
Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Recipe:
    """All choices of a training. `tokens`: size of each byte-pair vocabulary, where there is one; `longest`: tokens of
    a source or a target that is learned from; `hidden_tokens`: the share of the decoder's inputs that is hidden, so
    that it looks at the source; `smoothing`: of labels.
    """

    cell: CellName = "lstm"
    embedding: int = 64
    encoder_hidden: int = 128
    decoder_hidden: int = 152
    encoder_layers: int = 1
    decoder_layers: int = 2
    tied: bool = False
    tokens: int = 0
    longest: int = 64
    dropout: float = 0.3
    embedding_dropout: float = 0.1
    hidden_tokens: float = 0.0
    smoothing: float = 0.1
    rows: int = 256
    epochs: int = 20
    learning_rate: float = 3e-3
    weight_decay: float = 0.01
    decay: float = 0.999
    patience: int = 6
    bfloat16: bool = True
    seed: int = 1

    def smoke(self) -> Recipe:
        """The same shape in a size that trains in seconds, to try the whole path."""
        return replace(self, embedding=12, encoder_hidden=12, decoder_hidden=16, rows=16, epochs=1, patience=1)


class Example(NamedTuple):
    """A source and one of its targets as ids, the target without its start and its end."""

    source: Ids
    target: Ids


def examples(frontend: TranslationFrontend, pairs: Sequence[Pair]) -> list[Example]:
    """One for each target."""
    found = []
    for pair in pairs:
        source = np.array(frontend.encode(pair.source).ids, np.int64)
        found += [Example(source, np.array(frontend.encode_target(target), np.int64)) for target in pair.targets]
    return found


class Learner:
    """The network with its batches: the loss of a step, and how well references are told under teacher forcing."""

    def __init__(
        self, recipe: Recipe, frontend: TranslationFrontend, source_tokens: int, train: Sequence[Pair]
    ) -> None:
        """`source_tokens`: size of the source vocabulary."""
        torch.manual_seed(recipe.seed)
        self.recipe, self.frontend = recipe, frontend
        self.network = AttentionNetwork(
            AttentionSpec(
                cell=recipe.cell,
                source_vocabulary=source_tokens,
                target_vocabulary=frontend.vocabulary_size,
                embedding=recipe.embedding,
                encoder_hidden=recipe.encoder_hidden,
                decoder_hidden=recipe.decoder_hidden,
                encoder_layers=recipe.encoder_layers,
                decoder_layers=recipe.decoder_layers,
                dropout=recipe.dropout,
                embedding_dropout=recipe.embedding_dropout,
                tied=recipe.tied,
            )
        )
        self._examples = [each for each in examples(frontend, train) if max(map(len, each)) <= recipe.longest]
        lengths, others = ([len(side) for side in sides] for sides in zip(*self._examples, strict=True))
        self._epochs = EvenEpochs(lengths, others, recipe.rows, recipe.seed)

    @property
    def schedule(self) -> Schedule:
        """Validated once an epoch."""
        recipe = self.recipe
        return Schedule(
            steps=recipe.epochs * self._epochs.steps,
            learning_rate=recipe.learning_rate,
            weight_decay=recipe.weight_decay,
            decay=recipe.decay,
            validate_every=self._epochs.steps,
            patience=recipe.patience,
            bfloat16=recipe.bfloat16,
        )

    def loss(self, step: int) -> Tensor:
        """Cross entropy of the target's tokens, labels smoothed."""
        sources, lengths, tokens, following = self.batch([self._examples[p] for p in self._epochs.batch(step)])
        if self.recipe.hidden_tokens:
            hidden = torch.rand(tokens.shape) < self.recipe.hidden_tokens
            hidden[:, 0] = False
            tokens = tokens.masked_fill(hidden, self.frontend.end_id)  # never an input otherwise
        logits = self.network(sources, lengths, tokens)  # [rows, time, vocabulary]
        return F.cross_entropy(
            logits.flatten(0, 1).float(),
            following.flatten(),
            ignore_index=IGNORED,
            label_smoothing=self.recipe.smoothing,
        )

    def batch(self, chosen: Sequence[Example]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Sources [rows, places], their lengths, the decoder's tokens [rows, time] and what follows each of them."""
        start, end = (np.array([token]) for token in (self.frontend.start_id, self.frontend.end_id))
        sources, lengths = padded([each.source for each in chosen])
        tokens, _ = padded([np.concatenate([start, each.target]) for each in chosen], self.frontend.end_id)
        following, _ = padded([np.concatenate([each.target, end]) for each in chosen], IGNORED)
        return sources, lengths, tokens, following

    def forced(self, network: AttentionNetwork, chosen: Sequence[Example]) -> tuple[float, list[bool]]:
        """With every token of a target given: the mean negative log-likelihood of a token in nats, and for each target
        whether every token was the likeliest, which is to say that greedy decoding gives this target.
        """
        total, count = 0.0, 0
        told = [False] * len(chosen)
        order = sorted(range(len(chosen)), key=lambda place: (len(chosen[place].source), len(chosen[place].target)))
        for first in range(0, len(order), 256):
            places = order[first : first + 256]
            sources, lengths, tokens, following = self.batch([chosen[place] for place in places])
            with torch.inference_mode():
                logits = network.eval()(sources, lengths, tokens)
            losses = F.cross_entropy(logits.flatten(0, 1), following.flatten(), ignore_index=IGNORED, reduction="sum")
            total, count = total + float(losses), count + int((following != IGNORED).sum())
            right = ((logits.argmax(2) == following) | (following == IGNORED)).all(dim=1)
            for place, row in zip(places, right.tolist(), strict=True):
                told[place] = row
        return total / max(count, 1), told

    def progress(self) -> Mapping[str, Any]:
        """Nothing goes from batch to batch."""
        return {}

    def restore(self, progress: Mapping[str, Any]) -> None:
        """Nothing to restore."""
