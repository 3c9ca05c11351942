"""Words to steps: each word as the ids of itself, of its first and last letters, and of its shape.

What a word that was never seen ends with, and how it is written, says much about its part of speech (Ratnaparkhi,
1996), so a network that reads these needs no vocabulary of everything.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from service.errors import BundleError, Reason

Ids = NDArray[np.int64]

PREFIXES, SUFFIXES = (1, 2, 3), (1, 2, 3, 4)
FEATURES = ("word", *(f"prefix_{n}" for n in PREFIXES), *(f"suffix_{n}" for n in SUFFIXES), "shape")
"""Columns of a step, in their order."""
UNKNOWN_ID, END_ID, FIRST_ID = 0, 1, 2
"""Of every column: what was too rare in training; what stands behind the end of a sentence; the first known one."""

_DIGIT, _CLASSES = re.compile(r"\d"), ((re.compile("[A-Z]"), "X"), (re.compile("[a-z]"), "x"), (re.compile(r"\d"), "0"))
_RUN = re.compile(r"(.)\1{2,}")
_REMEMBERED = 1 << 16


def features(word: str) -> tuple[str, ...]:
    """What a word is looked up by, one value for each column: case and digits folded but for the shape, in which runs
    of more than two are cut to two (`Fulton` is `Xxx`, `1961` is `00`).
    """
    folded = _DIGIT.sub("0", word.lower())
    shape = word
    for pattern, mark in _CLASSES:
        shape = pattern.sub(mark, shape)
    shape = _RUN.sub(r"\1\1", shape)
    return (folded, *(folded[:n] for n in PREFIXES), *(folded[-n:] for n in SUFFIXES), shape)


class WordFrontend:
    """Looks words up. Stateless: a word's step depends on the word alone."""

    def __init__(self, known: Mapping[str, Sequence[str]]) -> None:
        """`known`: the values of each column, the most frequent first."""
        self._known = {name: tuple(known[name]) for name in FEATURES}
        self._ids = [{value: FIRST_ID + place for place, value in enumerate(self._known[name])} for name in FEATURES]
        self._row = lru_cache(_REMEMBERED)(self._look_up)
        self.sizes = tuple(FIRST_ID + len(ids) for ids in self._ids)
        """How many ids each column has."""

    @classmethod
    def fitted(cls, words: Iterable[str], least_counts: Mapping[str, int]) -> WordFrontend:
        """One that knows what occurs in `words` at least `least_counts[column]` times."""
        counts: list[Counter[str]] = [Counter() for _ in FEATURES]
        for word, count in Counter(words).items():
            for column, value in zip(counts, features(word), strict=True):
                column[value] += count
        return cls(
            {
                name: [value for value, count in column.most_common() if count >= least_counts[name]]
                for name, column in zip(FEATURES, counts, strict=True)
            }
        )

    @classmethod
    def from_file(cls, path: Path) -> WordFrontend:
        """Read what `to_bytes` wrote. Raises BundleError."""
        try:
            return cls(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError) as error:
            message = f"{path} is no vocabulary with the columns {', '.join(FEATURES)}"
            raise BundleError(Reason.BUNDLE_DAMAGED, message) from error

    def to_bytes(self) -> bytes:
        """The vocabulary as a JSON file."""
        return json.dumps(self._known, ensure_ascii=False, indent=0).encode()

    def encode(self, words: Sequence[str]) -> Ids:
        """Steps [words, columns] of words."""
        return np.array([self._row(word) for word in words], np.int64).reshape(len(words), len(FEATURES))

    def end(self, steps: int) -> Ids:
        """Steps [steps, columns] behind the end of a sentence."""
        return np.full((steps, len(FEATURES)), END_ID, np.int64)

    def _look_up(self, word: str) -> tuple[int, ...]:
        return tuple(ids.get(value, UNKNOWN_ID) for ids, value in zip(self._ids, features(word), strict=True))
