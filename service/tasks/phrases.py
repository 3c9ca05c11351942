"""What may be said: a list of words or phrases, one after the other, parted by spaces."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence

from service.errors import Reason, invalid

MAX_PHRASES = 1000
MAX_CHARACTERS = 100
SPACE = " "
SHOWN = 12
"""Words of a model that an error names."""


class Phrases:
    """Texts that are made of phrases alone. The sorted list is its own tree: what some phrase begins with stands right
    before that phrase. A place in a text is all that may be open there, since a phrase may begin with another.
    """

    def __init__(self, phrases: Iterable[str], tokens: Sequence[str]) -> None:
        """`phrases`: not empty, words parted by one space. `tokens`: the text of each token."""
        self._sorted = sorted(set(phrases))
        self._known = frozenset(self._sorted)
        self._tokens = tuple(tokens)
        self._followed: dict[tuple[tuple[str, ...], int], tuple[str, ...] | None] = {}

    def begin(self) -> tuple[str, ...]:
        """Before the first token: a phrase begins."""
        return ("",)

    def follow(self, place: tuple[str, ...], token: int) -> tuple[str, ...] | None:
        """After one more token; None where no phrase goes on like that."""
        key = (place, token)
        if key not in self._followed:
            self._followed[key] = self._after(place, self._tokens[token])
        return self._followed[key]

    def complete(self, place: tuple[str, ...]) -> bool:
        """Whether a phrase has just ended, or none has begun."""
        return any(part in self._known or not part for part in place)

    def _after(self, place: tuple[str, ...], text: str) -> tuple[str, ...] | None:
        longer = [part + text for part in place if self._begins(part + text)]
        if text == SPACE and self.complete(place):
            longer.append("")
        return tuple(longer) or None

    def _begins(self, text: str) -> bool:
        place = bisect_left(self._sorted, text)
        return place < len(self._sorted) and self._sorted[place].startswith(text)


def checked_phrases(phrases: Sequence[str], tokens: Sequence[str]) -> list[str]:
    """The phrases of a client, their words parted by one space.

    Raises OPTION_OUT_OF_RANGE for too many, or one that is empty or too long; PHRASE_INVALID for one that the tokens
    cannot spell.
    """
    if len(phrases) > MAX_PHRASES:
        problem = f"{len(phrases)} phrases are over the limit of {MAX_PHRASES}"
        raise invalid(Reason.OPTION_OUT_OF_RANGE, problem, "config.phrases")
    letters = set("".join(tokens))
    found = []
    for number, phrase in enumerate(phrases):
        field = f"config.phrases[{number}]"
        text = SPACE.join(phrase.split())
        if not text or len(phrase) > MAX_CHARACTERS:
            problem = f"phrase {number} has {len(phrase)} characters; 1 to {MAX_CHARACTERS} that are not all blank"
            raise invalid(Reason.OPTION_OUT_OF_RANGE, f"{problem} are allowed", field)
        if unknown := sorted(set(text) - letters):
            problem = f"phrase {number} has {', '.join(map(repr, unknown[:5]))}; this model spells with"
            raise invalid(Reason.PHRASE_INVALID, f"{problem} {''.join(sorted(letters - {SPACE}))!r} alone", field)
        if strange := [word for word in text.split() if not spelled_with(word, tokens)]:
            problem = f"phrase {number} has {strange[0]!r}, which this model has no tokens for"
            raise invalid(Reason.PHRASE_INVALID, f"{problem}; it writes {_shown(tokens)}", field)
        found.append(text)
    return found


def spelled_with(word: str, tokens: Sequence[str]) -> bool:
    """Whether these tokens, one behind the other, make the word."""
    known, lengths = frozenset(tokens), {len(token) for token in tokens if token}
    made = {0}
    for place in range(len(word)):
        if place in made:
            made |= {place + length for length in lengths if word[place : place + length] in known}
    return len(word) in made


def _shown(tokens: Sequence[str]) -> str:
    """The first words of a vocabulary."""
    words = [token for token in tokens if token.strip()]
    return f"{len(words)} words alone: {', '.join(words[:SHOWN])}{', …' if len(words) > SHOWN else ''}"
