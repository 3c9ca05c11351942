"""Speech: a causal network that learns from stretches of speech under ever new conditions which words were said.

Tokens are aligned by connectionist temporal classification (Graves et al., 2006). Half of what is heard goes on from
what was heard before, since a server never starts anew within a stream.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from service.frontends.audio import SAMPLE_RATE, STEP_SAMPLES
from training.acoustics import Acoustics, Conditions
from training.bands import hide_bands, hide_moments, warp_bands
from training.batches import padded
from training.data.spoken import Clip, Speaker, Speech
from training.data.stretches import Said, Stretches
from training.loop import Schedule
from training.networks import CellName, State
from training.speech_network import SpeechNetwork, SpeechSpec
from training.tasks.pronunciation import distance
from training.tasks.speech_spelling import SPACE, Spelling

BEFORE, AFTER = 0.3, 0.6
"""Seconds of silence around what is measured."""
ROWS_AT_ONCE = 32
EASY = Conditions(telephone=0.2, room=0.1, noise=0.5, companded=0.05, clipped=0.0, tilt=4.0, signal=(15.0, 50.0))
"""What a training begins with."""
CLOSING = Conditions(telephone=0.35, muffled=0.1, room=0.15, noise=0.4, companded=0.1, clipped=0.01, tilt=4.0)
"""What it ends with: most that is heard is not far from this, once what is worse is known."""
HINTED = 5
"""How much longer hints go on than it takes the alignment to count in full."""

HEARD_TIMES, BATCHES_BETWEEN = 3, 40
"""How often each batch is learned from, other throats and hidden bands each time, and how many steps lie between."""

Floats = NDArray[np.float32]
Drawn = tuple[Tensor, Sequence[Sequence[Said]]]


@dataclass(frozen=True)
class Recipe:
    """All choices of a training.

    `rows`, `seconds`: stretches of a batch and how long they are, in the first `easy_steps` steps and after them. The
    first ones hear single words in good conditions, and are told when; the alignment is learned after them, ever more
    strongly over `turning_steps`, in which hints go on. The last `closing_steps` hear better conditions again.
    `carried`: how often a stretch goes on from the one before.
    `warp`: how much longer or shorter vocal tracts are made, in logarithms.
    """

    cell: CellName = "lstm"
    windows: tuple[int, ...] = (5, 5)
    width: int = 320
    hidden: int = 448
    layers: int = 1
    dropout: float = 0.15
    rows: tuple[int, int] = (96, 32)
    seconds: tuple[float, float] = (1.62, 3.9)
    easy_steps: int = 750
    turning_steps: int = 300
    closing_steps: int = 2000
    carried: float = 0.5
    warp: float = 0.14
    conditions: Conditions = field(default_factory=Conditions)
    steps: int = 9000
    learning_rate: float = 3e-3
    weight_decay: float = 0.02
    decay: float = 0.998
    seed: int = 1
    made_up: bool = False

    def smoke(self) -> Recipe:
        """The same shape in a size that trains in seconds on made-up sounds, to try the whole path."""
        shape = replace(self, width=16, hidden=24, layers=1, rows=(12, 8), seconds=(0.9, 1.5))
        return replace(shape, easy_steps=20, turning_steps=10, closing_steps=10, steps=60, made_up=True)


class _Phase(IntEnum):
    """Parts of a training, each with conditions of its own."""

    HARD = 0
    EASY = 1
    CLOSING = 2


class _Heard:
    """Batches of stretches of one length under some conditions."""

    def __init__(
        self, speakers: Sequence[Speaker], rows: int, seconds: float, conditions: Conditions, seed: int
    ) -> None:
        self._rows = rows
        self._steps = round(seconds * SAMPLE_RATE / STEP_SAMPLES)
        self._stretches = Stretches(speakers, self._steps * STEP_SAMPLES)
        self._acoustics = Acoustics(conditions, self._steps * STEP_SAMPLES, seed)

    def draw(self, random: np.random.Generator) -> Drawn:
        """Samples [rows, steps, 480] and what is said in each row."""
        drawn = [self._stretches.draw(random) for _ in range(self._rows)]
        heard = self._acoustics.heard(np.stack([sound for sound, _ in drawn]), random)
        return torch.from_numpy(heard).view(self._rows, self._steps, STEP_SAMPLES), [said for _, said in drawn]


class Learning:
    """The trainee: speech, and the network whose filterbank was fitted to it."""

    higher_is_better = False

    def __init__(self, recipe: Recipe, speech: Speech) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.speech = recipe, speech
        self.spelling = Spelling(speech)
        self.network = SpeechNetwork(
            SpeechSpec(
                cell=recipe.cell,
                tokens=len(self.spelling.tokens),
                windows=recipe.windows,
                width=recipe.width,
                hidden=recipe.hidden,
                layers=recipe.layers,
                dropout=recipe.dropout,
            )
        )
        (easy_rows, rows), (easy_seconds, seconds) = recipe.rows, recipe.seconds
        self._heard = {
            _Phase.EASY: _Heard(single_words(speech.train), easy_rows, easy_seconds, EASY, recipe.seed),
            _Phase.HARD: _Heard(speech.train, rows, seconds, recipe.conditions, recipe.seed),
            _Phase.CLOSING: _Heard(speech.train, rows, seconds, CLOSING, recipe.seed),
        }
        self.network.filterbank.measure(self.drawn(np.random.default_rng(recipe.seed))[0])
        self._state = self._silence(easy_rows)
        self._batches: dict[int, tuple[tuple[int, _Phase], Drawn]] = {}

    @property
    def schedule(self) -> Schedule:
        """Validated sixteen times."""
        recipe = self.recipe
        every = max(recipe.steps // 16, 1)
        return Schedule(
            steps=recipe.steps,
            learning_rate=recipe.learning_rate,
            warmup_steps=max(recipe.steps // 20, 1),
            weight_decay=recipe.weight_decay,
            decay=recipe.decay,
            validate_every=every,
            patience=16,
            bfloat16=True,
        )

    @property
    def frontend_files(self) -> dict[str, bytes]:
        """None: the frontend is part of the network."""
        return {}

    def drawn(self, random: np.random.Generator, phase: _Phase = _Phase.HARD) -> Drawn:
        """Stretches as they are heard [rows, steps, 480], and what is said in each."""
        return self._heard[phase].draw(random)

    def _phase(self, step: int) -> _Phase:
        """The part of the training that a step is in."""
        if step < self.recipe.easy_steps:
            return _Phase.EASY
        return _Phase.CLOSING if step >= self.recipe.steps - self.recipe.closing_steps else _Phase.HARD

    def loss(self, step: int) -> Tensor:
        """The negative log likelihood of what is said, for each token of it."""
        random = np.random.default_rng((self.recipe.seed, step))
        plain, said = self._batch(step)
        rows, steps = plain.shape[:2]
        before = self._state if len(self._state[0]) == rows else self._silence(rows)
        kept = torch.from_numpy(random.random(rows) < self.recipe.carried)
        state = tuple(torch.where(kept.view(-1, *[1] * (each.dim() - 1)), each, 0) for each in before)
        features = warp_bands(plain, self.recipe.warp, random)
        if self._phase(step) is not _Phase.EASY:
            hide_bands(features, random)
        if self._phase(step) is _Phase.HARD:
            hide_moments(features, random)
        logits, after = self.network.listen(features, torch.full((rows,), steps), state)
        self._state = tuple(each.detach().float() for each in after)
        return self._charged(logits.float(), said, step)

    def _batch(self, step: int) -> Drawn:
        """Features [rows, steps, width], and what is said in each row. Every batch comes several times, some others in
        between: to make one up costs as much as to learn from it.
        """
        phase = self._phase(step)
        turn, place = divmod(step, HEARD_TIMES * BATCHES_BETWEEN)
        place %= BATCHES_BETWEEN
        known = self._batches.get(place)
        if known is None or known[0] != (turn, phase):
            random = np.random.default_rng((self.recipe.seed, turn, place, int(phase)))
            samples, said = self.drawn(random, phase)
            lengths = torch.full((len(samples),), samples.shape[1])
            with torch.no_grad(), torch.autocast("cpu", enabled=False):  # energies span more than bfloat16 tells apart
                features, _ = self.network.filterbank(
                    samples, lengths, *self.network.filterbank.initial_state(len(said))
                )
            known = self._batches[place] = ((turn, phase), (features, said))
        return known[1]

    def _silence(self, rows: int) -> State:
        """The initial state of all that follows the filterbank."""
        return self.network.initial_state(rows)[len(self.network.filterbank.initial_state(rows)) :]

    def _charged(self, logits: Tensor, said: Sequence[Sequence[Said]], step: int) -> Tensor:
        """What logits [rows, steps, tokens] cost: first the hints alone, then ever more that of the whole texts."""
        rows, steps = logits.shape[:2]
        spelled = [[token for each in row for token in self.spelling.spelled(each.text)] for row in said]
        counts = torch.tensor([len(each) for each in spelled])
        aligned = max(step - self.recipe.easy_steps, 0)
        loss = 0 * logits.sum()
        if aligned:
            targets = torch.tensor([token for each in spelled for token in each], dtype=torch.int64)
            odds = F.log_softmax(logits, dim=2).transpose(0, 1)
            lengths = torch.full((rows,), steps)
            whole = F.ctc_loss(odds, targets, lengths, counts, reduction="sum", zero_infinity=True)
            loss = loss + min(aligned / self.recipe.turning_steps, 1.0) * whole
        hints = max(1 - aligned / (HINTED * self.recipe.turning_steps), 0.0)
        if hints:
            places = torch.from_numpy(np.stack([self.spelling.hinted(row, steps) for row in said]))
            # Among tokens that are heard: a network that is told of blanks before it knows a sound learns these alone.
            heard = places > 0
            loss = loss + hints * F.cross_entropy(logits[heard][:, 1:], places[heard] - 1, reduction="sum")
        return loss / counts.sum().clamp_min(1)

    def validate(self, network: SpeechNetwork) -> float:
        """Word error rate on the validation part, the likeliest token of every step taken."""
        texts = [greedy(scores, self.spelling.tokens) for scores in scores_of(network, self.speech.valid)]
        return word_error_rate([clip.text for clip in self.speech.valid], texts)

    def progress(self) -> Mapping[str, Any]:
        """What the stretches to come may go on from."""
        return {"state": list(self._state)}

    def restore(self, progress: Mapping[str, Any]) -> None:
        """Go on from what `progress` said."""
        self._state = tuple(progress["state"])


def single_words(speakers: Sequence[Speaker]) -> tuple[Speaker, ...]:
    """The speakers with what they said of single words; as they are where nobody said any."""
    alone = [replace(each, clips=tuple(clip for clip in each.clips if SPACE not in clip.text)) for each in speakers]
    return tuple(each for each in alone if each.clips) or tuple(speakers)


def heard_alone(clip: Clip) -> Floats:
    """The samples of a clip in -1..1 with silence around them, in whole steps [steps, 480]."""
    before, after = round(BEFORE * SAMPLE_RATE), round(AFTER * SAMPLE_RATE)
    count = before + len(clip.samples) + after
    sound = np.zeros(-(-count // STEP_SAMPLES) * STEP_SAMPLES, np.float32)
    sound[before : before + len(clip.samples)] = clip.samples.astype(np.float32) / 32768
    return sound.reshape(-1, STEP_SAMPLES)


def scores_of(network: SpeechNetwork, clips: Sequence[Clip]) -> list[Floats]:
    """The logits [steps, tokens] of every clip, by torch."""
    found: list[Floats] = []
    for start in range(0, len(clips), ROWS_AT_ONCE):
        inputs, lengths = padded([heard_alone(clip) for clip in clips[start : start + ROWS_AT_ONCE]])
        whole = torch.full_like(lengths, inputs.shape[1])  # what follows the end of a row changes nothing before it
        with torch.inference_mode():
            outputs, _ = network.eval()(inputs, whole, network.initial_state(len(inputs)))
        found += [row[:count].numpy() for row, count in zip(outputs["logits"], lengths.tolist(), strict=True)]
    return found


def greedy(scores: Floats, tokens: Sequence[str]) -> str:
    """The likeliest token of each step [steps, tokens], repeats and blanks left out."""
    best = scores.argmax(axis=1)
    kept = best[np.flatnonzero(np.diff(best, prepend=-1))]
    return SPACE.join("".join(tokens[token] for token in kept).split())


def word_error_rate(truth: Sequence[str], texts: Sequence[str]) -> float:
    """Words to change, insert or delete, for each word that was said."""
    pairs = [(said.split(), text.split()) for said, text in zip(truth, texts, strict=True)]
    return sum(distance(said, text) for said, text in pairs) / sum(len(said) for said, _ in pairs)
