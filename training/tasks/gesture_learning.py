"""Gestures: a causal network whose scores, averaged over the steps so far, name the gesture so far."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from service.frontends.frames import Floats, FrameFrontend
from service.frontends.pose import HandFrontend, HandMemory, followed_hand, hand_features
from service.frontends.scaling import Scaling
from service.frontends.sensors import SensorFrontend
from service.model import Model
from service.tasks.scoring import ScoreHead, Total, running_scores
from training.batches import padded
from training.data.recordings import Recording, Recordings
from training.loop import Schedule
from training.networks import CellName
from training.stream_network import StreamNetwork, StreamSpec, mean_scores, valid_steps
from training.warping import Warp, warped_hand, warped_sensors

HEAD = ScoreHead("logits", "mean")
ROWS_AT_ONCE = 64


@dataclass(frozen=True)
class Recipe:
    """All choices of a training.

    `window` and `stride`: frames that a step looks at, and from step to step (sensors alone). `windows`, `widths`,
    `hidden`, `locked`: see `StreamSpec`. `mix`: recordings are blended in pairs, by shares drawn from Beta(mix, mix)
    (Zhang et al., 2018); 0: never. `smoothing`: of the labels. `members` networks are trained and served as their mean.
    `bfloat16`: see `Schedule`.
    """

    cell: CellName = "gru"
    window: int = 1
    stride: int = 1
    windows: tuple[int, ...] = (1,)
    widths: tuple[int, ...] = (64,)
    normalized: bool = False
    shortcut: bool = False
    hidden: int = 64
    members: int = 4
    dropout: tuple[float, float, float] = (0.2, 0.3, 0.3)
    locked: bool = False
    warp: Warp = field(default_factory=Warp)
    mix: float = 0.0
    smoothing: float = 0.1
    rows: int = 64
    steps: int = 300
    learning_rate: float = 4e-3
    weight_decay: float = 0.05
    decay: float = 0.98
    bfloat16: bool = False
    seed: int = 1

    def smoke(self) -> Recipe:
        """The same shape in a size that trains in seconds, to try the whole path."""
        windows, widths = tuple(min(window, 3) for window in self.windows), tuple(12 for _ in self.widths)
        return replace(self, windows=windows, widths=widths, hidden=16, members=2, rows=16, steps=60)


class Learning:
    """The trainee: recordings, the frontend that was fitted on them, and the network."""

    higher_is_better = True

    def __init__(self, recipe: Recipe, recordings: Recordings) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.recordings = recipe, recordings
        self.labels = recordings.labels
        self.frontend = fitted_frontend(recipe, recordings)
        self.network = StreamNetwork(
            StreamSpec(
                cell=recipe.cell,
                features=self.frontend.feature_count,
                classes=len(self.labels),
                hidden=recipe.hidden,
                windows=recipe.windows,
                widths=recipe.widths,
                normalized=recipe.normalized,
                shortcut=recipe.shortcut,
                dropout=recipe.dropout,
                locked=recipe.locked,
                members=recipe.members,
            )
        )
        self._train = [_raw(self.frontend, each.frames) for each in recordings.train]
        self._labels = torch.tensor([each.label for each in recordings.train])

    @property
    def schedule(self) -> Schedule:
        """Validated ten times."""
        recipe = self.recipe
        return Schedule(
            steps=recipe.steps,
            learning_rate=recipe.learning_rate,
            warmup_steps=max(recipe.steps // 10, 1),
            weight_decay=recipe.weight_decay,
            decay=recipe.decay,
            validate_every=max(recipe.steps // 10, 1),
            patience=10,
            keep_last=not self.recordings.held_out,
            bfloat16=recipe.bfloat16,
        )

    def loss(self, step: int) -> Tensor:
        """The cross entropy of every member, summed, on a batch drawn by the seed and the step."""
        recipe, random = self.recipe, np.random.default_rng((self.recipe.seed, step))
        chosen = random.integers(0, len(self._train), recipe.rows)
        inputs, lengths = padded(self._warped([self._train[place] for place in chosen], random))
        truth, other, share = self._labels[chosen], self._labels[chosen], 1.0
        if recipe.mix:
            order, share = random.permutation(recipe.rows), random.beta(recipe.mix, recipe.mix)
            inputs = share * inputs + (1 - share) * inputs[order]
            lengths, other = torch.minimum(lengths, lengths[order]), truth[order]
        valid = valid_steps(lengths, inputs.shape[1])
        losses = []
        for member in self.network.networks():
            logits, _ = member(inputs, lengths, member.initial_state(recipe.rows), valid)
            scores = mean_scores(logits, valid)
            losses += [share * self._cross_entropy(scores, truth), (1 - share) * self._cross_entropy(scores, other)]
        return torch.stack(losses).sum()

    def _cross_entropy(self, scores: Tensor, truth: Tensor) -> Tensor:
        return F.cross_entropy(scores, truth, label_smoothing=self.recipe.smoothing)

    def _warped(self, raw: Sequence[Floats], random: np.random.Generator) -> list[Floats]:
        """The steps of recordings that were made up from these."""
        frontend, warp = self.frontend, self.recipe.warp
        if isinstance(frontend, HandFrontend):
            return _hand_steps(frontend, [warped_hand(each, warp, random) for each in raw])
        assert isinstance(frontend, SensorFrontend)
        spread = frontend.scaling.spread
        return [encoded(frontend, warped_sensors(each, spread, warp, random)) for each in raw]

    def validate(self, network: StreamNetwork) -> float:
        """Accuracy (0..1) on the validation part."""
        return accuracy(self.scores(network, self.recordings.valid), self.recordings.valid)

    def scores(self, network: StreamNetwork, recordings: Sequence[Recording]) -> NDArray[np.float32]:
        """Scores [recordings, classes] after the last frame, by torch."""
        rows = []
        for steps in batches(self.frontend, recordings):
            inputs, lengths = padded(steps)
            with torch.inference_mode():
                outputs, _ = network.eval()(inputs, lengths, network.initial_state(len(inputs)))
            rows.append(mean_scores(outputs["logits"], valid_steps(lengths, inputs.shape[1])).numpy())
        return np.concatenate(rows)

    def progress(self) -> Mapping[str, Any]:
        """Nothing goes from batch to batch."""
        return {}

    def restore(self, progress: Mapping[str, Any]) -> None:
        """Nothing to restore."""


def fitted_frontend(recipe: Recipe, recordings: Recordings) -> HandFrontend | SensorFrontend:
    """The frontend of this kind of frames, its scaling measured on the training part."""
    frames = [each.frames for each in recordings.train]
    if recordings.kind == "sensors":
        return SensorFrontend(Scaling.fitted(np.concatenate(frames)), recipe.window, recipe.stride)
    hands = _side_by_side([followed_hand(HandMemory(), each) for each in frames])
    return HandFrontend(Scaling.fitted(hand_features(hands)))


def encoded(frontend: FrameFrontend, frames: Floats) -> Floats:
    """The steps of a whole recording."""
    memory = frontend.begin()
    steps = frontend.encode(memory, frames)
    return np.concatenate([steps, frontend.flush(memory)])


def batches(frontend: FrameFrontend, recordings: Sequence[Recording]) -> Iterator[list[Floats]]:
    """The steps of recordings in their order, some at once."""
    for start in range(0, len(recordings), ROWS_AT_ONCE):
        yield [encoded(frontend, each.frames) for each in recordings[start : start + ROWS_AT_ONCE]]


def model_scores(model: Model, frontend: FrameFrontend, recordings: Sequence[Recording]) -> NDArray[np.float64]:
    """Scores [recordings, classes] after the last frame, by an exported model and the server's own decoder."""
    rows = []
    for steps in batches(frontend, recordings):
        inputs, lengths = padded(steps)
        feeds, counts = {model.signature.inputs[0].name: inputs.numpy()}, lengths.tolist()
        outputs, _ = model.run(feeds, lengths.numpy().astype(np.int32), model.initial_state(len(counts)))
        scores = running_scores([HEAD], outputs, range(len(counts)), counts, [Total() for _ in counts])
        rows.append(scores[np.arange(len(counts)), np.array(counts) - 1])
    return np.concatenate(rows)


def accuracy(scores: NDArray[Any], recordings: Sequence[Recording]) -> float:
    """The share of recordings whose highest score is that of their class."""
    return float((scores.argmax(axis=1) == [each.label for each in recordings]).mean())


def _raw(frontend: HandFrontend | SensorFrontend, frames: Floats) -> Floats:
    """What is warped: the landmarks of the hand that is followed, or the channels as they are."""
    return followed_hand(HandMemory(), frames) if isinstance(frontend, HandFrontend) else frames


def _hand_steps(frontend: HandFrontend, hands: Sequence[Floats]) -> list[Floats]:
    """The steps of several recordings, encoded at once: behind a frame without a hand, a hand stands still."""
    counts = np.array([len(each) for each in hands])
    steps = frontend.scores(_side_by_side(hands), HandMemory())
    return [each[1:] for each in np.split(steps, np.cumsum(counts[:-1] + 1))]


def _side_by_side(hands: Sequence[Floats]) -> Floats:
    """Recordings [n, 21, 3] in a row, each behind a frame without a hand."""
    return np.concatenate([np.pad(each, ((1, 0), (0, 0), (0, 0)), constant_values=np.nan) for each in hands])
