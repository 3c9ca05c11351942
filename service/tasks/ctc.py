"""Texts from the outputs of connectionist temporal classification (Graves et al., 2006), step by step.

A prefix beam search (Graves and Jaitly, 2014; Hannun et al., 2014): the probability of a text is summed over all ways
to align it with the steps, so ways that spell the same text are one path. Probabilities are plain numbers, scaled to
sum to 1 over the paths that are kept: only shares matter, and what would vanish has lost long before.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

BLANK = 0
"""The token that stands for none."""
LEAST_PROBABILITY = 1e-3
"""A token that is less likely at a step is not followed there; a step without a likelier one is blank."""
LEAST_BLANK = 1e-30
"""A text that may not go on can always stay, however sure the network is of a token."""
SETTLE_AT = 32
"""Tokens of the best path from which on it is looked for what all paths have in common."""
DECIDE_AT = 128
"""Tokens of the best path from which on its first half is taken for right, however likely another one is."""


class Limit(Protocol):
    """What may be said."""

    def begin(self) -> tuple[str, ...]:
        """Before the first token."""
        ...

    def follow(self, place: tuple[str, ...], token: int) -> tuple[str, ...] | None:
        """After one more token; None where it may not follow."""
        ...

    def complete(self, place: tuple[str, ...]) -> bool:
        """Whether a text may end here."""
        ...


class Candidates(NamedTuple):
    """One step that is not blank alone: the probability of the blank, and all other tokens that may be meant there."""

    step: int
    blank: float
    tokens: Sequence[tuple[int, float]]


class Spelling(NamedTuple):
    """A text as tokens, the step at which each most likely began, and how likely it was there."""

    tokens: tuple[int, ...] = ()
    steps: tuple[int, ...] = ()
    odds: tuple[float, ...] = ()

    def then(self, other: "Spelling") -> "Spelling":
        """Both, the other one behind."""
        return Spelling(self.tokens + other.tokens, self.steps + other.steps, self.odds + other.odds)

    def until(self, count: int) -> "Spelling":
        """Its first tokens."""
        return Spelling(self.tokens[:count], self.steps[:count], self.odds[:count])


class Hypothesis(NamedTuple):
    """A text and its share in the probability of all texts that are kept."""

    spelling: Spelling
    share: float


@dataclass(slots=True)
class Path:
    """A text that is followed: its tokens as characters, for speed, behind those that are settled.

    `blank` and `token`: its probability with a blank, or its last token, at the latest step. `weight`: of the most
    likely way that led here at this step, which `steps` and `odds` are those of.
    """

    text: str
    steps: tuple[int, ...]
    odds: tuple[float, ...]
    place: tuple[str, ...]
    blank: float = 0.0
    token: float = 0.0
    weight: float = 0.0

    @property
    def total(self) -> float:
        """Its probability."""
        return self.blank + self.token

    @property
    def spelling(self) -> Spelling:
        """Its tokens as they are."""
        return Spelling(tuple(map(ord, self.text)), self.steps, self.odds)


@dataclass(slots=True)
class Search:
    """The paths that are kept, best first, and what they all begin with."""

    paths: list[Path]
    settled: Spelling = field(default_factory=Spelling)
    next_step: int = 0

    def letters(self, separator: int | None) -> int:
        """Tokens of the best text that do not only part words."""
        tokens, text = self.settled.tokens, self.paths[0].text
        count = len(tokens) + len(text)
        return count if separator is None else count - tokens.count(separator) - text.count(chr(separator))

    def began(self, opener: int | None) -> int:
        """The step at which what was heard last began: its token, or the `opener` right before it."""
        best = self.paths[0]
        last = len(best.text.rstrip(chr(opener))) - 1 if opener is not None else len(best.text) - 1
        opened = last > 0 and opener is not None and ord(best.text[last - 1]) == opener
        return best.steps[last - 1 if opened else last]


class Decoder:
    """Follows up to `width` texts; the best one alone when it is 1."""

    def __init__(
        self, width: int, separator: int | None = None, limit: Limit | None = None, *, opens: bool = False
    ) -> None:
        """`separator`: the token between two words, if there is one; what is settled ends before it. `opens`: it is
        heard where a word begins, rather than where one ends.
        """
        self.width = width
        self.separator = separator
        self.limit = limit
        self.opens = opens

    def begin(self) -> Search:
        """A search at the start of an utterance."""
        return Search([Path("", (), (), self.limit.begin() if self.limit else (), blank=1.0)])

    def advance(self, search: Search, candidates: Candidates) -> None:
        """Go on by a step. Steps that were left out since the last one were blank."""
        if candidates.step > search.next_step:
            for path in search.paths:
                path.blank, path.token = path.total, 0.0
        search.next_step = candidates.step + 1
        following: dict[str, Path] = {}
        for path in search.paths:
            self._follow(path, candidates, following)
        kept = sorted(following.values(), key=lambda path: -path.total)[: self.width]
        scale = 1.0 / sum(path.total for path in kept)
        for path in kept:
            path.blank *= scale
            path.token *= scale
        search.paths = kept
        if len(kept[0].text) >= SETTLE_AT:
            _settle(search, self.separator)

    def hypotheses(self, search: Search) -> list[Hypothesis]:
        """All texts that are kept, behind what is settled, the most likely first; their shares sum to 1."""
        return _shared([(path.total, path.spelling) for path in search.paths])

    def endings(self, search: Search) -> list[Hypothesis]:
        """The whole texts when nothing more comes: those that may end here or, where none may, their beginnings that
        may. Their shares sum to 1.
        """
        limit = self.limit
        paths = [path for path in search.paths if limit is None or limit.complete(path.place)]
        if paths:
            return _shared([(path.total, search.settled.then(path.spelling)) for path in paths])
        return _shared([(path.total, self._cut(search.settled.then(path.spelling))) for path in search.paths])

    def _cut(self, spelling: Spelling) -> Spelling:
        """Without the phrase that is not complete."""
        if self.limit is None:
            return spelling
        place: tuple[str, ...] | None = self.limit.begin()
        last = 0
        for count, token in enumerate(spelling.tokens, start=1):
            place = self.limit.follow(place, token) if place else None
            if place and self.limit.complete(place):
                last = count
        return spelling.until(last)

    def _follow(self, path: Path, candidates: Candidates, following: dict[str, Path]) -> None:
        """Add to the following paths what this one becomes: itself, and itself with one more token."""
        total, text = path.total, path.text
        last = ord(text[-1]) if text else BLANK
        repeated = 0.0
        for token, probability in candidates.tokens:
            if token == last:
                repeated = probability
            # A token right behind itself is the same one; only behind a blank it is another.
            weight = (path.blank if token == last else total) * probability
            place = self.limit.follow(path.place, token) if self.limit else ()
            if weight > 0.0 and place is not None:
                _lead(path, candidates.step, token, probability, weight, place, following)
        blank, same = total * candidates.blank, path.token * repeated
        stays = following.setdefault(text, Path(text, path.steps, path.odds, path.place))
        stays.blank += blank
        stays.token += same
        if blank + same >= stays.weight:
            odds = (*path.odds[:-1], max(path.odds[-1], repeated)) if repeated else path.odds
            stays.steps, stays.odds, stays.weight = path.steps, odds, blank + same


def _lead(
    path: Path,
    step: int,
    token: int,
    probability: float,
    weight: float,
    place: tuple[str, ...],
    following: dict[str, Path],
) -> None:
    """The path with one more token: a new one, or one that others lead to as well."""
    text = path.text + chr(token)
    longer = following.get(text)
    if longer is None:
        longer = following[text] = Path(text, (), (), place)
    longer.token += weight
    if weight > longer.weight:
        longer.steps, longer.odds, longer.weight = (*path.steps, step), (*path.odds, probability), weight


def _settle(search: Search, separator: int | None) -> None:
    """Take the words that all paths begin with out of them; the separator stays, so that a repeated one is known."""
    best = search.paths[0].text
    overlong = len(best) >= DECIDE_AT
    if overlong:
        search.paths = [path for path in search.paths if path.text.startswith(best[: DECIDE_AT // 2])]
    texts = [path.text for path in search.paths]
    first, last = min(texts), max(texts)
    common = next((place for place, letter in enumerate(first) if letter != last[place]), len(first))
    count = common - 1 if separator is None else first.rfind(chr(separator), 0, common)
    if count < 1 and overlong:  # one word without an end
        count = common - 1
    if count < 1:
        return
    search.settled = search.settled.then(search.paths[0].spelling.until(count))
    for path in search.paths:
        path.text, path.steps, path.odds = path.text[count:], path.steps[count:], path.odds[count:]


def _shared(weighed: Sequence[tuple[float, Spelling]]) -> list[Hypothesis]:
    whole = sum(weight for weight, _ in weighed)
    return [Hypothesis(spelling, weight / whole) for weight, spelling in weighed]


def candidates_of(shares: NDArray[np.float64], stretches: Sequence[tuple[int, int]]) -> list[list[Candidates]]:
    """The steps that are not blank alone, of several searches: for each, its first step and how many there are.

    `shares` [steps of all, tokens] are the probabilities. All are looked at in one go, so that a step that is blank
    costs next to nothing.
    """
    likely = shares >= LEAST_PROBABILITY
    likely[:, BLANK] = False
    rows, tokens = np.nonzero(likely)
    pairs: dict[int, list[tuple[int, float]]] = {}
    for row, token, share in zip(rows.tolist(), tokens.tolist(), shares[rows, tokens].tolist(), strict=True):
        pairs.setdefault(row, []).append((token, share))
    blanks = np.maximum(shares[:, BLANK], LEAST_BLANK).tolist()
    found, start = [], 0
    for first, count in stretches:
        places = (row for row in range(start, start + count) if row in pairs)
        found.append([Candidates(first + row - start, blanks[row], pairs[row]) for row in places])
        start += count
    return found
