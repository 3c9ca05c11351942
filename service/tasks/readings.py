"""What was understood: hypotheses of tokens as texts, words with their times, and how sure they are."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from service.tasks.ctc import Decoder, Hypothesis, Search, Spelling

LEEWAY = 3
"""Steps by which two paths may differ about the time of the same word."""


class Word(NamedTuple):
    """A word that begins with step `start` and ends before step `stop`; `confidence` 0 to 1."""

    text: str
    start: int
    stop: int
    confidence: float


class Reading(NamedTuple):
    """A possible text, its words parted by one space. `confidence` 0 to 1."""

    text: str
    confidence: float
    words: tuple[Word, ...] = ()


class Reader:
    """Reads the searches of one decoder."""

    def __init__(self, decoder: Decoder, tokens: Sequence[str], phrases: tuple[str, ...] = ()) -> None:
        """`tokens`: the text of each. `phrases`: those of the client that the decoder is limited to."""
        self.decoder, self.phrases = decoder, phrases
        self._tokens = tuple(tokens)

    def running(self, search: Search, *, words: bool) -> tuple[Reading, float]:
        """What has most likely been said so far, and the probability that it will only go on."""
        best = search.paths[0]
        whole = sum(path.total for path in search.paths)
        agreeing = sum(path.total for path in search.paths if path.text.startswith(best.text))
        spelling = search.settled.then(best.spelling)
        stability = min(agreeing / whole, 1.0) if self.decoder.width > 1 else math.prod(spelling.odds)
        found: tuple[Word, ...] = ()
        if words:
            settled = self._words(search.settled)
            tail = self._trusted(self._words(best.spelling), self.decoder.hypotheses(search))
            found = (*(word._replace(confidence=1.0) if self.decoder.width > 1 else word for word in settled), *tail)
        return Reading(self._text(spelling), stability, found), stability

    def final(self, search: Search, count: int, *, words: bool) -> list[Reading]:
        """Up to `count` possible texts once all was said, the most likely first; at least one, which may be empty."""
        hypotheses = self.decoder.endings(search)
        shares: dict[str, float] = {}
        spellings: dict[str, Spelling] = {}
        for hypothesis in hypotheses:
            text = self._text(hypothesis.spelling)
            shares[text] = shares.get(text, 0.0) + hypothesis.share
            spellings.setdefault(text, hypothesis.spelling)
        if self.decoder.width == 1:
            shares = {text: math.prod(spelling.odds) for text, spelling in spellings.items()}
        ranked = sorted(shares, key=lambda text: -shares[text])[:count]
        return [
            Reading(
                text,
                min(shares[text], 1.0),
                self._trusted(self._words(spellings[text]), hypotheses) if words else (),
            )
            for text in ranked
        ]

    def _text(self, spelling: Spelling) -> str:
        return " ".join("".join(self._tokens[token] for token in spelling.tokens).split())

    def _words(self, spelling: Spelling) -> list[Word]:
        """The words of a spelling, each as likely as its tokens together; one that was opened begins there."""
        found: list[Word] = []
        open_word: Word | None = None
        opened: int | None = None
        for token, step, odds in zip(*spelling, strict=True):
            if token == self.decoder.separator:
                open_word, opened = None, step if self.decoder.opens else None
                continue
            if open_word is None:
                open_word = Word("", step if opened is None else opened, step, 1.0)
                found.append(open_word)
            text, confidence = open_word.text + self._tokens[token], open_word.confidence * odds
            found[-1] = open_word = Word(text, open_word.start, step + 1, confidence)
        return found

    def _trusted(self, words: Iterable[Word], hypotheses: Sequence[Hypothesis]) -> tuple[Word, ...]:
        """The words with the share of all hypotheses that have the same word at about the same time."""
        if self.decoder.width == 1:
            return tuple(words)
        heard: dict[str, list[tuple[Word, int, float]]] = {}
        for number, (spelling, share) in enumerate(hypotheses):
            for word in self._words(spelling):
                heard.setdefault(word.text, []).append((word, number, share))
        trusted = []
        for word in words:
            near = {
                number: share
                for other, number, share in heard.get(word.text, ())
                if other.start < word.stop + LEEWAY and word.start < other.stop + LEEWAY
            }
            trusted.append(word._replace(confidence=min(sum(near.values()), 1.0)))
        return tuple(trusted)
