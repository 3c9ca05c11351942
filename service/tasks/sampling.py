"""Choosing tokens from logits: all rows of a tick at once, each choice independent of the other rows, bit for bit."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.errors import Reason, invalid
from service.plain import Part
from service.state import Array

Floats: TypeAlias = NDArray[np.float64]

LEAST_PENALTY = float(np.float32(0.01))
"""0.01 as it arrives: options travel in single precision, which rounds it down."""
DRAWS_PER_BLOCK = 64
# Philox makes four 64-bit words for each value of its counter.
_COUNTS_PER_BLOCK = DRAWS_PER_BLOCK // 4
# Tokens whose weights are summed together before one of them is looked for.
BLOCK = 128


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are drawn; the options apply in the order repetition penalty, temperature, top-k, top-p, min-p.

    The defaults draw from the model's own distribution.

    temperature: divides the logits; 0 takes the most likely token. In 0..100.
    top_k: keep the k most likely tokens; 0 keeps all.
    top_p: keep the fewest most likely tokens whose probability reaches p (nucleus sampling, Holtzman et al. 2020).
    min_p: keep tokens at least min_p times as likely as the most likely one (Nguyen et al. 2024).
    repetition_penalty: divides positive and multiplies negative logits of tokens already in the sequence
        (Keskar et al. 2019); 1 changes nothing.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0

    @property
    def truncates(self) -> bool:
        """Whether some tokens are ruled out."""
        return self.top_k > 0 or self.top_p < 1.0 or self.min_p > 0.0

    def check(self, vocabulary_size: int, where: str) -> None:
        """Raise OPTION_OUT_OF_RANGE for the first option out of range; `where` is the field they stand in."""
        ranges = (
            ("temperature", self.temperature, 0.0, 100.0),
            ("top_k", self.top_k, 0, vocabulary_size),
            ("min_p", self.min_p, 0.0, 1.0),
            ("repetition_penalty", self.repetition_penalty, LEAST_PENALTY, 100.0),
        )
        for name, value, low, high in ranges:
            if not low <= value <= high:
                raise invalid(
                    Reason.OPTION_OUT_OF_RANGE, f"{name} is {value}, not in {low:g}..{high:g}", f"{where}.{name}"
                )
        if not 0.0 < self.top_p <= 1.0:
            raise invalid(Reason.OPTION_OUT_OF_RANGE, f"top_p is {self.top_p}, not in (0, 1]", f"{where}.top_p")


@dataclass(slots=True)
class Dice:
    """Uniform numbers in [0, 1): the n-th is a function of the seed and n alone.

    Philox4x64-10, the counter-based generator of Salmon et al. (SC 2011), so that a session that is resumed or run
    again draws the same numbers. `drawn` is its whole progress.
    """

    seed: int
    drawn: int = 0
    _block: list[float] = field(default_factory=list, repr=False)

    def roll(self) -> float:
        """The next number."""
        block, place = divmod(self.drawn, DRAWS_PER_BLOCK)
        if place == 0 or not self._block:
            bits = np.random.Philox(key=self.seed, counter=block * _COUNTS_PER_BLOCK)
            self._block = np.random.Generator(bits).random(DRAWS_PER_BLOCK).tolist()
        self.drawn += 1
        return self._block[place]


def reseeded(progress: Any, options: Any, seed: int) -> Any:
    """Give a session other dice, which go on where its own stood. Its progress has `dice` and `options`, and these a
    `seed`; returns the options of its stream, with the new one.
    """
    progress.dice = Dice(seed, progress.dice.drawn)
    progress.options = replace(progress.options, seed=seed)
    return replace(options, seed=seed)


DICE = Part(save=lambda dice: (dice.seed, dice.drawn), load=lambda held: Dice(*held))
"""Dice as plain data: the numbers of a block are drawn again."""


class Draw(NamedTuple):
    """What one row needs: its options, its uniform number, and the tokens a repetition penalty applies to."""

    sampling: Sampling
    uniform: float
    seen: NDArray[np.bool_] | None = None


def choose(logits: Array, draws: Sequence[Draw]) -> list[int]:
    """Draw a token for each row of logits [batch, vocabulary]; uniform numbers decide by inversion."""
    scores = logits.astype(np.float32)
    _penalise(scores, draws)
    temperatures = np.array([draw.sampling.temperature for draw in draws], np.float32)
    greedy = temperatures == 0.0
    best = scores.argmax(axis=1) if greedy.any() else None
    if best is not None and greedy.all():
        return [int(token) for token in best]
    scores -= scores.max(axis=1, keepdims=True)
    if (temperatures != 1.0).any():
        with np.errstate(over="ignore"):  # a temperature near 0 sends what is unlikely to minus infinity, as it should
            scores /= np.where(greedy, 1.0, temperatures)[:, None]
    weights = np.exp(scores, out=scores)
    for row, draw in enumerate(draws):
        if draw.sampling.truncates:
            _truncate(weights[row], draw.sampling)
    tokens = _invert(weights, np.array([draw.uniform for draw in draws]))
    return [int(token) for token in (tokens if best is None else np.where(greedy, best, tokens))]


def _invert(weights: NDArray[np.float32], uniforms: Floats) -> NDArray[np.intp]:
    """The token of each row of weights [batch, vocabulary] at which their running sum passes its uniform share.

    First the block in which it does, then the place in that block: far cheaper than a running sum over all tokens.
    """
    batch, size = weights.shape
    if missing := -size % BLOCK:
        weights = np.pad(weights, ((0, 0), (0, missing)))
    blocks = weights.reshape(batch, -1, BLOCK)
    heights = np.cumsum(blocks.sum(axis=2), axis=1, dtype=np.float64)
    marks = uniforms * heights[:, -1]
    block = _first_over(heights, marks)
    rows = np.arange(batch)
    below = np.where(block == 0, 0.0, heights[rows, block - 1])
    inner = np.cumsum(blocks[rows, block], axis=1, dtype=np.float64)
    return block * BLOCK + _first_over(inner, marks - below)


def _first_over(heights: Floats, marks: Floats) -> NDArray[np.intp]:
    """Where each row of running sums first passes its mark; where rounding leaves no such place, the last rise."""
    over = heights > marks[:, None]
    last_rise = (heights == heights[:, -1:]).argmax(axis=1)
    places: NDArray[np.intp] = np.where(over[:, -1], over.argmax(axis=1), last_rise)
    return places


def log_softmax(logits: Array) -> Floats:
    """Log-probabilities of [batch, vocabulary] logits, in nats, before any sampling option."""
    shifted = logits.astype(np.float64)
    shifted -= shifted.max(axis=1, keepdims=True)
    normaliser: Floats = np.log(np.cumsum(np.exp(shifted), axis=1)[:, -1:])
    return shifted - normaliser


def _penalise(scores: NDArray[np.float32], draws: Sequence[Draw]) -> None:
    for row, draw in enumerate(draws):
        penalty = draw.sampling.repetition_penalty
        if penalty != 1.0 and draw.seen is not None:
            seen = scores[row, draw.seen]
            scores[row, draw.seen] = np.where(seen > 0, seen / penalty, seen * penalty)


def _truncate(weights: NDArray[np.float32], sampling: Sampling) -> None:
    """Set the weights [vocabulary] of tokens that the options rule out to zero; the most likely one always stays."""
    if sampling.top_k or sampling.top_p < 1.0:
        order = np.argsort(-weights, kind="stable")
        if sampling.top_k:
            weights[order[sampling.top_k :]] = 0.0
        if sampling.top_p < 1.0:
            heights = np.cumsum(weights[order])
            kept = int(np.searchsorted(heights, sampling.top_p * heights[-1])) + 1
            weights[order[kept:]] = 0.0
    if sampling.min_p > 0.0:
        weights[weights < sampling.min_p * weights.max()] = 0.0
