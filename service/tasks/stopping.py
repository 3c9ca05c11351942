"""Stop sequences over text that arrives token by token."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Piece:
    """The text of one token, with whatever belongs to it."""

    text: str
    token: object


@dataclass(slots=True)
class StopWatch:
    """Holds tokens back while they may be the beginning of a stop sequence.

    Text is released as soon as no stop sequence can begin in it; at a match the text before the match is released
    and the rest dropped, so that what the client gets never holds any part of the stop sequence.
    """

    stops: tuple[str, ...]
    matched: str = ""
    _held: list[Piece] = field(default_factory=list)

    def feed(self, piece: Piece) -> tuple[list[Piece], bool]:
        """The pieces that are settled now, and whether a stop sequence was met."""
        if not self.stops:
            return [piece], False
        self._held.append(piece)
        text = "".join(held.text for held in self._held)
        # The first to be complete, as if characters came one by one, so that the cut into tokens changes nothing.
        found = [(place + len(stop), place, stop) for stop in self.stops if (place := text.find(stop)) >= 0]
        if found:
            _, place, self.matched = min(found)
            settled, self._held = _until(self._held, place), []
            return settled, True
        count = _settled_count(self._held, len(text) - self._suspicious(text))
        settled, self._held = self._held[:count], self._held[count:]
        return settled, False

    def flush(self) -> list[Piece]:
        """What is still held: no more text comes, so it was no stop sequence."""
        held, self._held = self._held, []
        return held

    def _suspicious(self, text: str) -> int:
        """Length of the longest end of the text that a stop sequence begins with."""
        longest = max(len(stop) for stop in self.stops) - 1
        for length in range(min(longest, len(text)), 0, -1):
            if any(stop.startswith(text[-length:]) for stop in self.stops):
                return length
        return 0


def _settled_count(pieces: Sequence[Piece], safe: int) -> int:
    """How many whole pieces lie within the first `safe` characters."""
    position = 0
    for count, piece in enumerate(pieces):
        position += len(piece.text)
        if position > safe:
            return count
    return len(pieces)


def _until(pieces: Sequence[Piece], length: int) -> list[Piece]:
    """The pieces of the first `length` characters, the last one cut where they end."""
    settled = []
    for piece in pieces:
        if length <= 0:
            break
        settled.append(Piece(piece.text[:length], piece.token))
        length -= len(piece.text)
    return settled
