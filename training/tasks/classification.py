"""Classification: a causal recurrent classifier whose output at any step scores the text so far."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer, models, normalizers, trainers
from torch import Tensor
from torch.nn import functional as F

from service.frontends.text import TextFrontend, piece_pattern
from service.model import Model
from training.batches import Epochs, padded
from training.committee import Committee
from training.data.movie_snippets import Example
from training.loop import Schedule
from training.networks import CellName, NetworkSpec, RecurrentNetwork
from training.regularize import Dropout, run_dropped, start_gates_open

PADDING, UNKNOWN = "<|padding|>", "<|unknown|>"
UNKNOWN_ID = 1  # special tokens get the first ids
RATING_SCALE = 2.0  # ratings lie in -4..4, mostly within -2..2

Tokens = NDArray[np.int64]


@dataclass(frozen=True)
class Recipe:
    """All choices of a training. `members` networks of the given sizes are trained and served as their mean.

    `int8_loss` is how much accuracy (0..1) int8 may cost.
    """

    cell: CellName = "gru"
    least_count: int = 2
    embedding: int = 64
    embedding_scale: float = 0.1
    hidden: int = 64
    layers: int = 1
    members: int = 4
    dropout: Dropout = field(default_factory=lambda: Dropout(steps=0.1, embedding=0.5, between=0.5, heads=0.5))
    rating_weight: float = 1.0
    rows: int = 64
    epochs: int = 6
    learning_rate: float = 3e-3
    decay: float = 0.99
    seed: int = 1
    int8_loss: float = 0.003

    def smoke(self) -> Recipe:
        """The same shape in a size that trains in seconds, to try the whole path."""
        return replace(self, embedding=16, hidden=32, epochs=1, members=2)


def train_tokenizer(texts: Sequence[str], least_count: int) -> Tokenizer:
    """A vocabulary of the lower-case words, numbers and marks that occur `least_count` times in `texts`."""
    tokenizer = Tokenizer(models.WordLevel(unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Lowercase(), normalizers.Strip()])
    trainer = trainers.WordLevelTrainer(
        vocab_size=1 << 20, min_frequency=least_count, special_tokens=[PADDING, UNKNOWN], show_progress=False
    )
    pattern = piece_pattern()
    tokenizer.train_from_iterator((piece for text in texts for piece in pattern.findall(text)), trainer)
    return tokenizer


class Classification:
    """The trainee: labels, and where they are known mean ratings, from the state after the last word of a text."""

    higher_is_better = True

    def __init__(
        self, recipe: Recipe, labels: Sequence[str], train: Sequence[Example], valid: Sequence[Example]
    ) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.labels, self.valid = recipe, tuple(labels), tuple(valid)
        self.tokenizer = train_tokenizer([example.text for example in train], recipe.least_count)
        self.frontend = TextFrontend(self.tokenizer)
        spec = NetworkSpec(
            cell=recipe.cell,
            hidden=recipe.hidden,
            layers=recipe.layers,
            vocabulary=self.frontend.vocabulary_size,
            embedding=recipe.embedding,
            heads={"logits": len(labels), "rating": 1},
        )
        self.network = Committee(spec, recipe.members)
        for member in self.network.networks():
            start_gates_open(member, recipe.embedding_scale)
        self._tokens = [self.encode(example.text) for example in train]
        self._labels = torch.tensor([example.label for example in train])
        ratings = [np.nan if example.rating is None else example.rating / RATING_SCALE for example in train]
        self._ratings = torch.tensor(ratings, dtype=torch.float32)
        self._favours_second = _direction(self._labels, self._ratings)
        self._epochs = Epochs([len(tokens) for tokens in self._tokens], recipe.rows, recipe.seed)

    @property
    def schedule(self) -> Schedule:
        """Validated once an epoch."""
        return Schedule(
            steps=self.recipe.epochs * self._epochs.steps,
            learning_rate=self.recipe.learning_rate,
            warmup_steps=50,
            decay=self.recipe.decay,
            validate_every=self._epochs.steps,
            bfloat16=False,
        )

    def encode(self, text: str) -> Tokens:
        """A text as the server sees it; one unknown word where it has no word at all."""
        return encode(self.frontend, text)

    def loss(self, step: int) -> Tensor:
        """Cross entropy of the labels plus the squared error of the ratings, of every member by itself."""
        chosen = self._epochs.batch(step)
        losses = [self._member_loss(member, chosen) for member in self.network.networks()]
        return torch.stack(losses).sum()

    def _member_loss(self, network: RecurrentNetwork, chosen: NDArray[np.int64]) -> Tensor:
        inputs, lengths = padded([self._tokens[place] for place in chosen])
        outputs, _ = run_dropped(network, inputs, network.initial_state(len(chosen)), self.recipe.dropout)
        last = torch.arange(len(chosen)), lengths - 1
        loss = F.cross_entropy(outputs["logits"][last].float(), self._labels[chosen])
        ratings = self._ratings[chosen]
        known = ~ratings.isnan()
        if known.any():
            errors = outputs["rating"][last].float().squeeze(1)[known] - ratings[known]
            loss = loss + self.recipe.rating_weight * errors.square().mean()
        return loss

    def validate(self, network: Committee) -> float:
        """Accuracy (0..1) on the validation part."""
        return accuracy(self.scores(self.served(network), self.valid), self.valid)

    def scores(self, network: RecurrentNetwork, examples: Sequence[Example]) -> NDArray[np.float32]:
        """Logits [examples, classes] after the last word, by torch."""
        rows = []
        for inputs, lengths in batches(self.frontend, examples):
            with torch.inference_mode():
                outputs, _ = network(inputs, lengths, network.initial_state(len(inputs)))
            rows.append(outputs["logits"][torch.arange(len(inputs)), lengths - 1].numpy())
        return np.concatenate(rows)

    def final_network(self) -> RecurrentNetwork:
        """The trained network as it is served."""
        return self.served(self.network)

    def served(self, committee: Committee) -> RecurrentNetwork:
        """A committee as it is served, in one network.

        With two classes the rating is added to the logit of the one it favours, and taken from that of the other; with
        more it only helped to learn.
        """
        merged = committee.merged()
        weights = {name: value for name, value in merged.state_dict().items() if not name.startswith("heads.rating")}
        if len(self.labels) == 2:
            for part in ("weight", "bias"):
                rating = getattr(merged.heads["rating"], part).data * self._favours_second
                weights[f"heads.logits.{part}"] = weights[f"heads.logits.{part}"] + torch.cat([-rating, rating])
        served = RecurrentNetwork(replace(merged.spec, heads={"logits": len(self.labels)}))
        served.load_state_dict(weights)
        return served.eval()

    def progress(self) -> Mapping[str, Any]:
        """Nothing goes from batch to batch."""
        return {}

    def restore(self, progress: Mapping[str, Any]) -> None:
        """Nothing to restore."""


def encode(frontend: TextFrontend, text: str) -> Tokens:
    """A text as the server sees it; one unknown word where it has no word at all."""
    return np.array(frontend.encode(text) or [UNKNOWN_ID], np.int64)


def batches(frontend: TextFrontend, examples: Sequence[Example]) -> Iterator[tuple[Tensor, Tensor]]:
    """The examples in their order: inputs [rows, time], lengths [rows]."""
    for start in range(0, len(examples), 256):
        yield padded([encode(frontend, example.text) for example in examples[start : start + 256]])


def model_scores(model: Model, frontend: TextFrontend, examples: Sequence[Example]) -> NDArray[np.float32]:
    """Logits [examples, classes] after the last word, by an exported model."""
    rows = []
    for inputs, lengths in batches(frontend, examples):
        feeds = {model.signature.inputs[0].name: inputs.numpy()}
        outputs, _ = model.run(feeds, lengths.numpy().astype(np.int32), model.initial_state(len(inputs)))
        rows.append(outputs["logits"][np.arange(len(inputs)), lengths.numpy() - 1])
    return np.concatenate(rows).astype(np.float32, copy=False)


def _direction(labels: Tensor, ratings: Tensor) -> float:
    """1 when the second class is rated higher than the first, -1 when lower, 0 when that is not known."""
    means = [ratings[(labels == label) & ~ratings.isnan()].mean() for label in (0, 1)]
    difference = float(means[1] - means[0])  # NaN when a class has no rating
    return 1.0 if difference > 0 else -1.0 if difference < 0 else 0.0


def accuracy(scores: NDArray[np.float32], examples: Sequence[Example]) -> float:
    """The share of examples whose highest score is that of their label."""
    return float((scores.argmax(axis=1) == [example.label for example in examples]).mean())


def baseline_accuracy(train: Sequence[Example], test: Sequence[Example]) -> float:
    """TF-IDF of words and pairs of words with logistic regression, learned and measured on the same examples."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    classifier = make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression(C=10.0, max_iter=1000))
    classifier.fit([example.text for example in train], [example.label for example in train])
    return float(classifier.score([example.text for example in test], [example.label for example in test]))
