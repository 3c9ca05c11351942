"""Stop sequences over text that arrives token by token."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from service.tasks.generation import Token


@dataclass(slots=True)
class StopWatch:
    """Holds tokens back while they may be the beginning of a stop sequence.

    Text is released as soon as no stop sequence can begin in it; at a match the text before the match is released
    and the rest dropped, so that what the client gets never holds any part of the stop sequence.
    """

    stops: tuple[str, ...]
    matched: str = ""
    _held: list[Token] = field(default_factory=list)

    def feed(self, token: Token) -> tuple[list[Token], bool]:
        """The tokens that are settled now, and whether a stop sequence was met."""
        if not self.stops:
            return [token], False
        self._held.append(token)
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

    def flush(self) -> list[Token]:
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


def _settled_count(tokens: Sequence[Token], safe: int) -> int:
    """How many whole tokens lie within the first `safe` characters."""
    position = 0
    for count, token in enumerate(tokens):
        position += len(token.text)
        if position > safe:
            return count
    return len(tokens)


def _until(tokens: Sequence[Token], length: int) -> list[Token]:
    """The tokens of the first `length` characters, the last one cut where they end."""
    settled = []
    for token in tokens:
        if length <= 0:
            break
        settled.append(token if len(token.text) <= length else token._replace(text=token.text[:length]))
        length -= len(token.text)
    return settled
