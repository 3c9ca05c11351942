"""The baseline of text generation: an interpolated Witten-Bell n-gram of characters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int64]
START, UNKNOWN = 0, 1
_BITS = 10  # a character code in a packed context; six of them fit into 63 bits


@dataclass(frozen=True)
class _Table:
    """Counts by packed key, sorted by key."""

    keys: Codes
    counts: Codes

    @classmethod
    def of(cls, keys: Codes) -> _Table:
        return cls(*np.unique(keys, return_counts=True))

    def look_up(self, keys: Codes) -> NDArray[np.float64]:
        """The count of each key, 0 where it never occurred."""
        places = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.where(self.keys[places] == keys, self.counts[places], 0).astype(np.float64)


class CharacterNgram:
    """p(c | h) = (n(h, c) + t(h) · p(c | shorter h)) / (n(h) + t(h)), t(h) the distinct characters seen after h.

    Interpolated Witten-Bell (Witten and Bell, 1991), down to a uniform choice among the characters of the training
    text and one that stands for all others. `order` 6 looks at five characters.
    """

    def __init__(self, texts: Sequence[str], order: int = 6) -> None:
        if not 1 <= order <= 6:
            raise ValueError(f"order {order} is not in 1..6")
        self.order = order
        characters = sorted(set().union(*texts))
        if len(characters) + 2 >= 1 << _BITS:
            raise ValueError(f"{len(characters)} distinct characters are more than this baseline can count")
        self._codes = {character: place + 2 for place, character in enumerate(characters)}
        self._size = len(characters) + 1
        encoded = [self._encode(text) for text in texts]
        # For every length of context: counts of (context, character), counts of context, distinct characters after it.
        self._tables = []
        for length in range(order):
            pairs = _Table.of(np.concatenate([_packed(codes, length, order) for codes in encoded]))
            contexts, first = np.unique(pairs.keys >> _BITS, return_index=True)
            totals = np.add.reduceat(pairs.counts, first)
            kinds = np.diff(np.append(first, len(pairs.keys)))
            self._tables.append((pairs, _Table(contexts, totals), _Table(contexts, kinds)))

    def bits(self, text: str) -> float:
        """Bits to code the text, each character given those before it."""
        codes = self._encode(text)
        probability = np.full(len(text), 1 / self._size)
        for length, (pairs, totals, kinds) in enumerate(self._tables):
            keys = _packed(codes, length, self.order)
            seen, after = totals.look_up(keys >> _BITS), kinds.look_up(keys >> _BITS)
            mixed = (pairs.look_up(keys) + after * probability) / np.maximum(seen + after, 1)
            probability = np.where(seen > 0, mixed, probability)
        return float(-np.log2(probability).sum()) if text else 0.0

    def bits_per_character(self, texts: Sequence[str]) -> float:
        """Mean over all characters of all texts; NaN when there are none."""
        characters = sum(map(len, texts))
        return sum(map(self.bits, texts)) / characters if characters else math.nan

    def _encode(self, text: str) -> Codes:
        return np.array([self._codes.get(character, UNKNOWN) for character in text], np.int64)


def _packed(codes: Codes, length: int, order: int) -> Codes:
    """For every character, it and the `length` before it in one number, the character in the lowest bits."""
    padded = np.concatenate([np.full(order, START, np.int64), codes])
    keys = np.zeros(len(codes), np.int64)
    for distance in range(length, -1, -1):
        keys = (keys << _BITS) | padded[order - distance : order - distance + len(codes)]
    return keys
