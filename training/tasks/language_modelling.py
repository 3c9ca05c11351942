"""Language modelling: a recurrent language model over byte-level BPE tokens, measured in bits per character."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor
from torch.nn import functional as F

from service.frontends.text import TextFrontend, piece_pattern
from service.model import Model
from training.data.austen import Corpus
from training.loop import Schedule
from training.networks import CellName, NetworkSpec, RecurrentNetwork
from training.regularize import Dropout, run_dropped, start_gates_open

START_TOKEN = "<|start|>"
CHUNK_STEPS = 256  # of evaluation; the result does not depend on it

Tokens = NDArray[np.int64]


@dataclass(frozen=True)
class Recipe:
    """All choices of a training. `int8_loss` is how many bits per character int8 may cost.

    `restarts` is the share of rows that begin a new session in a batch: start token, initial state, anywhere in the
    text. Without them the one state that every session starts from is hardly ever trained on.
    """

    cell: CellName = "lstm"
    vocabulary: int = 2048
    embedding: int = 192
    hidden: int = 576
    layers: int = 1
    dropout: Dropout = field(
        default_factory=lambda: Dropout(steps=0.05, embedding=0.2, between=0.3, heads=0.45, recurrent=0.3)
    )
    restarts: float = 0.03
    rows: int = 32
    steps: int = 64
    schedule: Schedule = field(default_factory=lambda: Schedule(steps=8000, learning_rate=3e-3, weight_decay=0.03))
    seed: int = 1
    int8_loss: float = 0.01

    def smoke(self) -> Recipe:
        """The same shape in a size that trains in seconds, to try the whole path."""
        schedule = replace(self.schedule, steps=30, warmup_steps=5, validate_every=15)
        return replace(self, vocabulary=300, embedding=16, hidden=32, rows=4, steps=16, schedule=schedule)


def train_tokenizer(texts: Sequence[str], vocabulary: int) -> Tokenizer:
    """A byte-level BPE tokenizer learned on the pieces of `texts`; any text can be coded with it."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[START_TOKEN],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    pattern = piece_pattern()
    # One piece a line of the iterator: merges never cross the pieces that the frontend cuts.
    tokenizer.train_from_iterator((piece for text in texts for piece in pattern.findall(text)), trainer)
    return tokenizer


class LanguageModelling:
    """The trainee: the training texts as parallel streams whose state is carried from batch to batch."""

    higher_is_better = False

    def __init__(self, recipe: Recipe, corpus: Corpus) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.corpus = recipe, corpus
        self.tokenizer = train_tokenizer(corpus.train, recipe.vocabulary)
        self.frontend = TextFrontend(self.tokenizer, START_TOKEN)
        self.network = RecurrentNetwork(
            NetworkSpec(
                cell=recipe.cell,
                hidden=recipe.hidden,
                layers=recipe.layers,
                vocabulary=self.frontend.vocabulary_size,
                embedding=recipe.embedding,
                heads={"logits": self.frontend.vocabulary_size},
            )
        )
        start_gates_open(self.network)
        self.tokens = np.concatenate([self.encode(text) for text in corpus.train])
        self._width = (len(self.tokens) - 1) // recipe.rows  # tokens of each stream
        self._batches = max(1, self._width // recipe.steps)
        self._state = self.network.initial_state(recipe.rows)

    def encode(self, text: str) -> Tokens:
        """A text as the server sees it: the start token, then its tokens."""
        return encode(self.frontend, text)

    def loss(self, step: int) -> Tensor:
        """Mean cross entropy (nats per token) of the next tokens of all streams."""
        epoch, batch = divmod(step, self._batches)
        if batch == 0:
            self._state = self.network.initial_state(self.recipe.rows)
        inputs, targets, kept = self._batch(epoch, batch)
        state = tuple(tensor * kept for tensor in self._state)
        outputs, after = run_dropped(self.network, inputs, state, self.recipe.dropout)
        self._state = tuple(tensor.detach() for tensor in after)
        return F.cross_entropy(outputs["logits"].float().flatten(0, 1), targets.flatten())

    def validate(self, network: RecurrentNetwork) -> float:
        """Bits per character of the validation texts, cut into eight parts that each start afresh (to save time)."""
        parts = [part for text in self.corpus.valid for part in _parts(text, 8)]
        return bits_per_character(parts, self.encode, torch_runner(network))

    def progress(self) -> Mapping[str, Any]:
        """The recurrent state of the streams."""
        return {"state": list(self._state)}

    def restore(self, progress: Mapping[str, Any]) -> None:
        """Go on from what `progress` said."""
        self._state = tuple(progress["state"])

    def _batch(self, epoch: int, batch: int) -> tuple[Tensor, Tensor, Tensor]:
        """Inputs and targets, each [rows, steps], and which rows keep their state, [rows, 1] of 1 or 0.

        Each epoch cuts the streams at other places.
        """
        turn = int(np.random.default_rng((self.recipe.seed, epoch)).integers(len(self.tokens)))
        first = turn + batch * self.recipe.steps
        places = first + np.arange(self.recipe.rows)[:, None] * self._width + np.arange(self.recipe.steps + 1)
        window = torch.from_numpy(self.tokens[places % len(self.tokens)])
        inputs, targets = window[:, :-1].clone(), window[:, 1:]
        chance = np.random.default_rng((self.recipe.seed, epoch, batch)).random(self.recipe.rows)
        restarted = torch.from_numpy(chance < self.recipe.restarts)
        inputs[restarted, 0] = self.frontend.start_ids[0]
        return inputs, targets, (~restarted).float()[:, None]


def encode(frontend: TextFrontend, text: str) -> Tokens:
    """A text as the server sees it: the start token, then its tokens."""
    return np.array([*frontend.start_ids, *frontend.encode(text)], np.int64)


Runner = Callable[[Tokens], Iterator[NDArray[np.float32]]]
"""Tokens [rows, time] → logits [rows, steps, vocabulary] of consecutive chunks, the state carried."""


def torch_runner(network: RecurrentNetwork) -> Runner:
    """Run a torch network."""

    def run(tokens: Tokens) -> Iterator[NDArray[np.float32]]:
        state = network.initial_state(len(tokens))
        for chunk in _chunks(tokens):
            with torch.inference_mode():
                lengths = torch.full((len(chunk),), chunk.shape[1])
                outputs, state = network(torch.from_numpy(chunk), lengths, state)
            yield outputs["logits"].numpy()

    return run


def model_runner(model: Model) -> Runner:
    """Run an exported model, by the code that also serves it."""

    def run(tokens: Tokens) -> Iterator[NDArray[np.float32]]:
        state = model.initial_state(len(tokens))
        name = model.signature.inputs[0].name
        for chunk in _chunks(tokens):
            outputs, state = model.run({name: chunk}, np.full(len(chunk), chunk.shape[1], np.int32), state)
            yield outputs["logits"].astype(np.float32, copy=False)

    return run


def bits_per_character(texts: Sequence[str], encode: Callable[[str], Tokens], run: Runner) -> float:
    """All bits to code the tokens of all texts, each text from its start token on, over all their characters.

    The texts run side by side, so many short ones are faster than a long one; the result is the same either way.
    """
    encoded = [encode(text) for text in texts]
    width = max(map(len, encoded))
    rows = np.zeros((len(encoded), width), np.int64)
    valid = np.zeros((len(encoded), width), bool)
    for row, tokens in enumerate(encoded):
        rows[row, : len(tokens)], valid[row, : len(tokens)] = tokens, True
    nats, place = 0.0, 0
    for logits in run(rows[:, :-1]):
        place_after = place + logits.shape[1]
        targets, counted = rows[:, place + 1 : place_after + 1], valid[:, place + 1 : place_after + 1]
        flat = torch.from_numpy(np.ascontiguousarray(logits)).flatten(0, 1)
        losses = F.cross_entropy(flat, torch.from_numpy(targets).flatten(), reduction="none")
        nats += float(losses.double()[torch.from_numpy(counted).flatten()].sum())
        place = place_after
    return nats / math.log(2) / sum(map(len, texts))


def _chunks(tokens: Tokens) -> Iterator[Tokens]:
    for start in range(0, tokens.shape[1], CHUNK_STEPS):
        yield np.ascontiguousarray(tokens[:, start : start + CHUNK_STEPS])


def _parts(text: str, count: int) -> list[str]:
    size = -(-len(text) // count)
    return [text[start : start + size] for start in range(0, len(text), size)]
