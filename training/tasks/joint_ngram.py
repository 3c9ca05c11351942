"""The baseline of pronunciation: an n-gram over pairs of a letter and its sounds (Bisani and Ney, 2008).

Letters are aligned with none, one or two sounds each by expectation maximisation; every aligned word is then a sequence
of such pairs, counted by an interpolated Witten-Bell n-gram (as in `training.tasks.ngram`). A word is pronounced by the
likeliest sequence of pairs that spells it, found with a beam.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from training.data.pairs import Pair

MOST_SOUNDS = 2
"""Sounds of one letter."""
ROUNDS, SMALLEST = 6, 1e-9


class Word(NamedTuple):
    """How a word is spelled and said."""

    letters: str
    sounds: tuple[str, ...]


Unit = tuple[str, tuple[str, ...]]
"""A letter and its sounds."""
History = tuple[Unit, ...]
START: Unit = ("", ())
END: Unit = ("\n", ())
Floats = NDArray[np.float64]


@dataclass
class _Context:
    """What came after one history: how many units, how many of them distinct, and those of each letter."""

    total: int = 0
    after: dict[str, dict[Unit, int]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(int)))

    def add(self, unit: Unit) -> None:
        self.total += 1
        self.after[unit[0]][unit] += 1

    @property
    def kinds(self) -> int:
        return sum(map(len, self.after.values()))


class JointNgram:
    """Learns from spelled and spoken words. `order` 7 looks at six units; `beam` hypotheses are followed."""

    def __init__(self, pairs: Sequence[Pair], order: int = 7, beam: int = 16) -> None:
        self.order, self.beam = order, beam
        self._contexts: dict[History, _Context] = defaultdict(_Context)
        for units in align([Word(pair.source, tuple(target.split())) for pair in pairs for target in pair.targets]):
            whole = (START,) * (order - 1) + units + (END,)
            for place in range(order - 1, len(whole)):
                for length in range(order):
                    self._contexts[whole[place - length : place]].add(whole[place])
        self._kinds = {history: context.kinds for history, context in self._contexts.items()}
        self._known: dict[tuple[History, str], Mapping[Unit, float]] = {}

    def pronounce(self, word: str) -> str:
        """The sounds of a word, parted by blanks; letters that were never seen are left out."""
        letters = [letter for letter in [*word, END[0]] if letter in self._contexts[()].after]
        hypotheses: list[tuple[float, History]] = [(0.0, (START,) * (self.order - 1))]
        for letter in letters:
            grown = [
                (score + math.log(odds), (*units, unit))
                for score, units in hypotheses
                for unit, odds in self._odds(units[1 - self.order :], letter).items()
            ]
            hypotheses = sorted(grown, key=lambda each: -each[0])[: self.beam]
        return " ".join(sound for _, sounds in hypotheses[0][1] for sound in sounds)

    def _odds(self, history: History, letter: str) -> Mapping[Unit, float]:
        """How probable each unit of a letter is after a history."""
        found = self._known.get((history, letter))
        if found is None:
            found = self._known[history, letter] = self._interpolated(history, letter)
        return found

    def _interpolated(self, history: History, letter: str) -> Mapping[Unit, float]:
        """(n(h, u) + t(h) p(u | shorter h)) / (n(h) + t(h)), t(h) the distinct units seen after h."""
        shorter = self._odds(history[1:], letter) if history else dict.fromkeys(self._contexts[()].after[letter], 0.0)
        context = self._contexts.get(history)
        if context is None:
            return shorter
        kinds = self._kinds[history] if history else 0  # nothing is shorter than the empty history
        rest = context.total + kinds
        seen = context.after.get(letter, {})
        return {unit: (seen.get(unit, 0) + kinds * odds) / rest for unit, odds in shorter.items()}


def align(words: Sequence[Word]) -> Iterator[History]:
    """Cut the sounds of each word among its letters; words that have more sounds than their letters can bear are left
    out.
    """
    shapes: dict[tuple[int, int], list[Word]] = defaultdict(list)
    for word in words:
        if len(word.sounds) <= MOST_SOUNDS * len(word.letters):
            shapes[len(word.letters), len(word.sounds)].append(word)
    lattices = [_Lattice.of(members) for members in shapes.values()]
    codes = _Codes.of(words)
    table = codes.even_table()
    keys = [lattice.keys(codes) for lattice in lattices]
    for _ in range(ROUNDS):
        counts = np.full(table.size, SMALLEST)
        for lattice, own in zip(lattices, keys, strict=True):
            lattice.count(table[own], own, counts)
        table = counts / counts.sum()
    for lattice, own in zip(lattices, keys, strict=True):
        yield from lattice.best(table[own])


@dataclass(frozen=True)
class _Codes:
    """Every pair of a letter and up to two sounds as one number."""

    letters: Mapping[str, int]
    sounds: Mapping[str, int]

    @classmethod
    def of(cls, words: Sequence[Word]) -> _Codes:
        """Those of some words."""
        alphabet = sorted({letter for word in words for letter in word.letters})
        spoken = sorted({sound for word in words for sound in word.sounds})
        return cls({each: n for n, each in enumerate(alphabet)}, {each: n for n, each in enumerate(spoken)})

    def even_table(self) -> Floats:
        """The same probability for all."""
        return np.full(len(self.letters) * (len(self.sounds) + 1) ** 2, 1.0)

    def number(self, letter: str, sounds: Sequence[str]) -> int:
        size, number = len(self.sounds) + 1, self.letters[letter]
        for place in range(MOST_SOUNDS):
            number = number * size + (self.sounds[sounds[place]] + 1 if place < len(sounds) else 0)
        return number


@dataclass(frozen=True)
class _Lattice:
    """All cuts of words that have the same number of letters and of sounds."""

    words: Sequence[Word]
    letters: int
    sounds: int

    @classmethod
    def of(cls, words: Sequence[Word]) -> _Lattice:
        return cls(words, len(words[0][0]), len(words[0][1]))

    def edges(self) -> Iterable[tuple[int, int, int]]:
        """A letter, the sounds before it, and how many it takes."""
        for letter, first, count in product(range(self.letters), range(self.sounds + 1), range(MOST_SOUNDS + 1)):
            if first + count <= self.sounds:
                yield letter, first, count

    def keys(self, codes: _Codes) -> NDArray[np.int64]:
        """The number of the unit of each edge [letters, sounds + 1, counts, words]."""
        keys = np.zeros((self.letters, self.sounds + 1, MOST_SOUNDS + 1, len(self.words)), np.int64)
        for letter, first, count in self.edges():
            keys[letter, first, count] = [codes.number(w[letter], s[first : first + count]) for w, s in self.words]
        return keys

    def count(self, odds: Floats, keys: NDArray[np.int64], counts: Floats) -> None:
        """Add how often each edge is expected, all cuts weighed by their probability (forward and backward)."""
        shape = (self.letters + 1, self.sounds + 1, len(self.words))
        forward, backward = np.zeros(shape), np.zeros(shape)
        forward[0, 0], backward[-1, -1] = 1.0, 1.0
        edges = list(self.edges())
        for letter, first, count in edges:
            forward[letter + 1, first + count] += forward[letter, first] * odds[letter, first, count]
        for letter, first, count in reversed(edges):
            backward[letter, first] += odds[letter, first, count] * backward[letter + 1, first + count]
        total = np.maximum(forward[-1, -1], 1e-300)
        for letter, first, count in edges:
            share = forward[letter, first] * odds[letter, first, count] * backward[letter + 1, first + count] / total
            np.add.at(counts, keys[letter, first, count], share)

    def best(self, odds: Floats) -> Iterator[History]:
        """The most probable cut of each word."""
        score = np.full((self.letters + 1, self.sounds + 1, len(self.words)), -np.inf)
        taken = np.zeros(score.shape, np.int64)
        score[0, 0] = 0.0
        for letter, first, count in self.edges():
            found = score[letter, first] + np.log(np.maximum(odds[letter, first, count], 1e-300))
            better = found > score[letter + 1, first + count]
            score[letter + 1, first + count][better] = found[better]
            taken[letter + 1, first + count][better] = count
        for row, (letters, sounds) in enumerate(self.words):
            units, end = [], self.sounds
            for place in range(self.letters, 0, -1):
                first = end - int(taken[place, end, row])
                units.append((letters[place - 1], sounds[first:end]))
                end = first
            yield tuple(reversed(units))
