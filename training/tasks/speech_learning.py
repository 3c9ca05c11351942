"""Speech: a causal network that learns from stretches of speech under ever new conditions which words were said.

Tokens are characters and a blank, aligned by connectionist temporal classification (Graves et al., 2006). Every word is
followed by a space, so that its end is told without waiting for another word. Half of what is heard goes on from what
was heard before, since a server never starts anew within a stream.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from service.frontends.audio import SAMPLE_RATE, STEP_SAMPLES
from training.acoustics import Acoustics, Conditions
from training.batches import padded
from training.data.spoken import Clip, Speech
from training.data.stretches import Said, Stretches
from training.filterbank import BANDS, FRAMES
from training.loop import Schedule
from training.networks import CellName
from training.speech_network import SpeechNetwork, SpeechSpec
from training.tasks.pronunciation import distance

BLANK, SPACE = "", " "
BEFORE, AFTER = 0.3, 0.6
"""Seconds of silence around what is measured."""
ROWS_AT_ONCE = 32
MASKED_BANDS = 7
"""Neighbouring bands that are hidden, at most, twice in every stretch (Park et al., 2019)."""

EASY = Conditions(telephone=0.2, room=0.1, noise=0.5, companded=0.05, clipped=0.0, tilt=4.0, signal=(15.0, 50.0))
"""What a training begins with."""

LATE = 2
"""Steps from a sound to its token, in hints."""

Floats = NDArray[np.float32]
Drawn = tuple[Tensor, Sequence[Sequence[Said]]]


@dataclass(frozen=True)
class Recipe:
    """All choices of a training.

    `rows`, `seconds`: stretches of a batch and how long they are, in the first `easy_steps` steps and after them: few
    words in good conditions are aligned much sooner, and hints tell about when each token is heard, ever more softly.
    `carried`: how often a stretch goes on from the one before.
    """

    cell: CellName = "lstm"
    window: int = 3
    width: int = 192
    hidden: int = 192
    layers: int = 2
    dropout: float = 0.1
    rows: tuple[int, int] = (72, 24)
    seconds: tuple[float, float] = (1.62, 4.8)
    easy_steps: int = 1600
    carried: float = 0.5
    conditions: Conditions = field(default_factory=Conditions)
    steps: int = 5600
    learning_rate: float = 3e-3
    weight_decay: float = 0.02
    decay: float = 0.998
    seed: int = 1
    made_up: bool = False

    def smoke(self) -> Recipe:
        """The same shape in a size that trains in seconds on made-up sounds, to try the whole path."""
        return replace(
            self, width=16, hidden=24, layers=1, rows=(12, 8), seconds=(0.9, 1.5), easy_steps=30, steps=60, made_up=True
        )


class _Heard:
    """Batches of stretches of one length under some conditions."""

    def __init__(self, speech: Speech, rows: int, seconds: float, conditions: Conditions, seed: int) -> None:
        self._rows = rows
        self._steps = round(seconds * SAMPLE_RATE / STEP_SAMPLES)
        self._stretches = Stretches(speech.train, self._steps * STEP_SAMPLES)
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
        self.tokens = tokens_of(speech)
        self.network = SpeechNetwork(
            SpeechSpec(
                cell=recipe.cell,
                tokens=len(self.tokens),
                window=recipe.window,
                width=recipe.width,
                hidden=recipe.hidden,
                layers=recipe.layers,
                dropout=recipe.dropout,
            )
        )
        (easy_rows, rows), (easy_seconds, seconds) = recipe.rows, recipe.seconds
        self._easy = _Heard(speech, easy_rows, easy_seconds, EASY, recipe.seed)
        self._hard = _Heard(speech, rows, seconds, recipe.conditions, recipe.seed)
        self.network.filterbank.measure(self.drawn(np.random.default_rng(recipe.seed))[0])
        self._state = self.network.initial_state(easy_rows)

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

    def drawn(self, random: np.random.Generator, *, easy: bool = False) -> Drawn:
        """Stretches as they are heard [rows, steps, 480], and what is said in each."""
        return (self._easy if easy else self._hard).draw(random)

    def loss(self, step: int) -> Tensor:
        """The negative log likelihood of the characters, for each of them."""
        random = np.random.default_rng((self.recipe.seed, step))
        samples, said = self.drawn(random, easy=step < self.recipe.easy_steps)
        rows, steps = samples.shape[:2]
        before = self._state if len(self._state[0]) == rows else self.network.initial_state(rows)
        kept = torch.from_numpy(random.random(rows) < self.recipe.carried)
        state = tuple(torch.where(kept.view(-1, *[1] * (each.dim() - 1)), each, 0) for each in before)
        lengths = torch.full((rows,), steps)
        with torch.no_grad(), torch.autocast("cpu", enabled=False):  # energies span more than bfloat16 can tell apart
            features, heard = self.network.filterbank(samples, lengths, state[0])
            hide_bands(features, random)
        logits, after = self.network.listen(features, lengths, state[1:])
        self._state = (heard, *(each.detach().float() for each in after))
        odds = F.log_softmax(logits.float(), dim=2)
        spelled = [[token for each in row for token in self.spelled(each.text)] for row in said]
        counts = torch.tensor([len(each) for each in spelled])
        targets = torch.tensor([token for each in spelled for token in each], dtype=torch.int64)
        loss = F.ctc_loss(odds.transpose(0, 1), targets, lengths, counts, reduction="sum", zero_infinity=True)
        hints = max(1 - step / self.recipe.easy_steps, 0.0)
        if hints:
            places = torch.from_numpy(np.stack([self.hinted(row, steps) for row in said]))
            # Where nothing is hinted at, anything may be said: a network that is told of blanks learns these alone.
            loss = loss + hints * F.nll_loss(
                odds.flatten(0, 1), places.flatten(), reduction="sum", ignore_index=self.tokens.index(BLANK)
            )
        return loss / counts.sum().clamp_min(1)

    def hinted(self, said: Sequence[Said], steps: int) -> NDArray[np.int64]:
        """About when each token is heard, [steps]: those of a clip at even distances, a little late."""
        tokens = np.zeros(steps, np.int64)
        for each in said:
            spelled = self.spelled(each.text)
            for number, token in enumerate(spelled):
                sample = each.start + (each.stop - each.start) * (number + 0.5) / (len(spelled) - 0.5)
                tokens[min(int(sample / STEP_SAMPLES) + LATE, steps - 1)] = token
        return tokens

    def spelled(self, text: str) -> list[int]:
        """The tokens of a text, a space behind every word."""
        return [self.tokens.index(character) for word in text.split() for character in word + SPACE]

    def validate(self, network: SpeechNetwork) -> float:
        """Word error rate on the validation part, the likeliest token of every step taken."""
        texts = [greedy(scores, self.tokens) for scores in scores_of(network, self.speech.valid)]
        return word_error_rate([clip.text for clip in self.speech.valid], texts)

    def progress(self) -> Mapping[str, Any]:
        """What the stretches to come may go on from."""
        return {"state": list(self._state)}

    def restore(self, progress: Mapping[str, Any]) -> None:
        """Go on from what `progress` said."""
        self._state = tuple(progress["state"])


def tokens_of(speech: Speech) -> tuple[str, ...]:
    """The blank, the space, and every character that is written."""
    texts = [*speech.words, *(clip.text for speaker in speech.train for clip in speaker.clips)]
    return (BLANK, SPACE, *sorted(set("".join(texts)) - {SPACE}))


def hide_bands(features: Tensor, random: np.random.Generator) -> None:
    """Set some bands of each row to their mean, in place: features [rows, steps, FRAMES × BANDS]."""
    bands = features.view(*features.shape[:2], FRAMES, BANDS)
    for row in bands:
        for _ in range(2):
            count = random.integers(0, MASKED_BANDS + 1)
            first = random.integers(0, BANDS - count + 1)
            row[:, :, first : first + count] = 0.0


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
