"""Text cut into the pieces that are sent, remembered so that results can be shown beside them."""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")

_WORD = re.compile(r"\s*\S+\s")


def split_words(pieces: Iterable[str]) -> Iterator[str]:
    """Words, each with the space behind it, wherever the pieces were cut; further space goes with the next word."""
    held = ""
    for piece in pieces:
        held += piece
        end = 0
        for match in _WORD.finditer(held):
            yield match[0]
            end = match.end()
        held = held[end:]
    if held:
        yield held


def split_lines(pieces: Iterable[str]) -> Iterator[str]:
    """Lines without their ends, wherever the pieces were cut; empty ones are left out."""
    held = ""
    for piece in pieces:
        *lines, held = (held + piece).split("\n")
        yield from (line.strip() for line in lines if line.strip())
    if held.strip():
        yield held.strip()


def paced(items: Iterable[Item], items_per_second: float) -> Iterator[Item]:
    """The items at a steady rate; at once when it is 0."""
    for item in items:
        yield item
        if items_per_second > 0:
            time.sleep(1 / items_per_second)


class Remembered:
    """An iterable that remembers what was taken from it. One thread may take while another looks."""

    def __init__(self, items: Iterable[str]) -> None:
        self._items = items
        self.taken: list[str] = []
        self._waiting: deque[str] = deque()

    def __iter__(self) -> Iterator[str]:
        """The items."""
        for item in self._items:
            self.taken.append(item)
            self._waiting.append(item)
            yield item

    def next_answered(self) -> str:
        """The first item that this was not called for yet."""
        return self._waiting.popleft()
