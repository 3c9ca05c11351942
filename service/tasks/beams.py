"""Greedy and beam search: which tokens to go on with, from the logits of one step; no model, no clock, no I/O.

A search of width k follows the k likeliest hypotheses (Graves 2012; Sutskever et al. 2014). One that ends leaves its
place for good, so that a search grows narrower until all of its hypotheses have ended. They are ranked by their
log-probability divided by a power of their length (Wu et al. 2016, with a plain power).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from service.state import Array

GROUP = 64
"""Tokens of which only the largest is looked at, at first."""


class Step(NamedTuple):
    """One token of a hypothesis: its log-probability in nats, the likeliest tokens in its place with theirs, and what
    it looked at [source steps]; the last two where a search tells them.
    """

    token: int
    log_probability: float
    alternatives: tuple[tuple[int, float], ...] = ()
    attention: Array | None = None


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One possible target: its steps without the end token, and its log-probability with it, if it has `ended`."""

    steps: tuple[Step, ...] = ()
    log_probability: float = 0.0
    ended: bool = False

    def score(self, length_penalty: float) -> float:
        """The log-probability divided by a power of the number of tokens; higher is better."""
        count = len(self.steps) + self.ended
        return self.log_probability / math.pow(max(count, 1), length_penalty)


@dataclass(slots=True)
class Search:
    """The search for one target; `live` hypotheses all have the same length. It is over when none is live.

    width: hypotheses to follow; 1 is greedy. longest: most tokens of a target, its end not counted. source_steps: how
    much of a row of attention is this source's. attention, alternatives: what is told of each step.
    """

    width: int
    longest: int
    length_penalty: float
    source_steps: int
    attention: bool = False
    alternatives: int = 0
    live: tuple[Hypothesis, ...] = (Hypothesis(),)
    done: list[Hypothesis] = field(default_factory=list)

    def ranked(self) -> list[Hypothesis]:
        """The hypotheses that are done, best first."""
        return sorted(self.done, key=self._rank)

    def settled(self, known: int = 0) -> tuple[Step, ...]:
        """The steps that no further step can change: those in which all hypotheses agree that may still be the best.
        The first `known` of them were settled before.
        """
        rivals = [*self.live, *self.ranked()[:1]]
        shortest = min(rivals, key=lambda each: len(each.steps)).steps
        if len(rivals) == 1:
            return shortest
        for place in range(known, len(shortest)):
            if any(each.steps[place].token != shortest[place].token for each in rivals):
                return shortest[:place]
        return shortest

    def take(self, chosen: Sequence[tuple[int, Step]], end_token: int) -> tuple[int, ...]:
        """Go on with hypotheses, given as the live one that each continues and its next step; returns the live ones
        that the new live ones continue. Where nothing can be chosen they are done as they are.
        """
        parents, live = [], []
        if not chosen:
            self.done += self.live
        for parent, step in chosen:
            before = self.live[parent]
            log_probability = before.log_probability + step.log_probability
            if step.token == end_token:
                self.done.append(Hypothesis(before.steps, log_probability, ended=True))
                continue
            grown = Hypothesis((*before.steps, step), log_probability)
            if len(grown.steps) == self.longest:
                self.done.append(grown)
            else:
                parents.append(parent)
                live.append(grown)
        self.live = tuple(live)
        return tuple(parents)

    def _rank(self, hypothesis: Hypothesis) -> float:
        return -hypothesis.score(self.length_penalty)


def advance(searches: Sequence[Search], logits: Array, attention: Array, end_token: int) -> list[tuple[int, ...]]:
    """Take one step in every search; returns of each which of its live hypotheses the new ones continue.

    logits [rows, vocabulary] and attention [rows, places] have one row for each live hypothesis, in order; a token of
    minus infinity is forbidden. What a search does depends on its own rows alone, bit for bit.
    """
    counts = [len(search.live) for search in searches]
    firsts = [0, *np.cumsum(counts).tolist()]
    widths = np.repeat([search.width - len(search.done) for search in searches], counts)
    odds = _normalisers(logits)
    found: list[tuple[list[int], list[float]]] = [([], [])] * len(logits)
    for width in np.unique(widths).tolist():
        rows = np.flatnonzero(widths == width)
        tokens = likeliest(logits if len(rows) == len(logits) else logits[rows], width)
        values = logits[rows[:, None], tokens].astype(np.float64) - odds[rows, None]
        for row, own_tokens, own_values in zip(rows.tolist(), tokens.tolist(), values.tolist(), strict=True):
            found[row] = own_tokens, own_values
    parents = []
    for search, first in zip(searches, firsts, strict=False):
        rows_of = slice(first, first + len(search.live))
        chosen = _choose(search, found[rows_of])
        steps = [
            (parent, _step(search, token, odd, logits[first + parent], odds[first + parent], attention[first + parent]))
            for parent, token, odd in chosen
        ]
        parents.append(search.take(steps, end_token))
    return parents


def likeliest(logits: Array, count: int) -> NDArray[np.intp]:
    """The `count` largest of each row of [rows, vocabulary], best first, as indices [rows, count].

    The best tokens lie in the groups with the largest maxima, so only these are looked through. A group is every n-th
    token, so that all maxima are found side by side.
    """
    if count == 1:
        best: NDArray[np.intp] = np.argmax(logits, axis=1, keepdims=True)
        return best
    rows, size = logits.shape
    groups = size // GROUP
    if groups > 2 * count:
        maxima = logits[:, : groups * GROUP].reshape(rows, GROUP, groups).max(axis=1)
        chosen = _largest(maxima, np.broadcast_to(np.arange(groups), maxima.shape), count)
        inner = (chosen[:, :, None] + groups * np.arange(GROUP)).reshape(rows, -1)
        behind = np.broadcast_to(np.arange(groups * GROUP, size), (rows, size - groups * GROUP))
        places = np.concatenate([inner, behind], axis=1)
    else:
        places = np.broadcast_to(np.arange(size), (rows, size))
    places = _largest(logits, places, count)
    values = np.take_along_axis(logits, places, axis=1)
    order = np.argsort(-values, axis=1, kind="stable")
    found: NDArray[np.intp] = np.take_along_axis(places, order, axis=1)
    return found


def _largest(values: Array, places: NDArray[np.intp], count: int) -> NDArray[np.intp]:
    """Of places [rows, any] in each row of values [rows, columns], those of the `count` largest, in ascending order."""
    if places.shape[1] <= count:
        return places
    there = np.take_along_axis(values, places, axis=1)
    chosen = np.argpartition(-there, count - 1, axis=1)[:, :count]
    found: NDArray[np.intp] = np.sort(np.take_along_axis(places, chosen, axis=1), axis=1)
    return found


def _choose(search: Search, found: Sequence[tuple[list[int], list[float]]]) -> list[tuple[int, int, float]]:
    """The best continuations of all live hypotheses together: (hypothesis, token, log-probability of the token)."""
    if search.width == 1:
        (tokens, values), *_ = found
        return [(0, tokens[0], values[0])]
    candidates = [
        (search.live[parent].log_probability + value, parent, token, value)
        for parent, (tokens, values) in enumerate(found)
        for token, value in zip(tokens, values, strict=True)
        if value > -math.inf
    ]
    candidates.sort(key=lambda each: -each[0])
    return [(parent, token, value) for _, parent, token, value in candidates[: search.width - len(search.done)]]


def _step(search: Search, token: int, odd: float, logits: Array, normaliser: float, attention: Array) -> Step:
    # A copy: a view would keep the rows of all sessions alive.
    looked_at = attention[: search.source_steps].copy() if search.attention else None
    if not search.alternatives:
        return Step(token, odd, (), looked_at)
    best = likeliest(logits[None], search.alternatives)[0].tolist()
    told = tuple((each, float(logits[each]) - float(normaliser)) for each in best if logits[each] > -np.inf)
    return Step(token, odd, told, looked_at)


def _normalisers(logits: Array) -> NDArray[np.float64]:
    """The logarithm of the sum of exponentials of each row [rows, vocabulary]."""
    highest = logits.max(axis=1)
    sums = np.exp(logits - highest[:, None]).sum(axis=1)
    normalisers: NDArray[np.float64] = highest.astype(np.float64) + np.log(sums.astype(np.float64))
    return normalisers
