"""Tagging: words in, tags out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hiddenstate.answers import broken_off
from hiddenstate.options import SessionOptions
from hiddenstate.protocol import Rpc, StreamProtocol
from hiddenstate.requests import finish
from hiddenstate.v1 import tagging_pb2
from hiddenstate.wire import session_config

TAG_TOKENS = Rpc(
    "/hiddenstate.v1.TaggingService/TagTokens", tagging_pb2.TagTokensRequest, tagging_pb2.TagTokensResponse
)
MAX_PIECE_WORDS = 1024
"""Words in one message; longer pieces are sent in several, which makes no difference to any answer."""

_WORD = re.compile(r"[^\W_]+(?:[.,'’-][^\W_]+)*(?:\.(?!\.))?|--|\.{3}|\S")
_SENTENCE_END = re.compile(r"(?<=[.!?])([\"'”’)]*)\s+(?=[\"'“‘(]*[A-Z0-9])")
_ABBREVIATIONS = frozenset(
    "Mr. Mrs. Ms. Dr. Prof. St. Rev. Gen. Sen. Gov. Lt. Col. Jr. Sr. Co. Inc. Corp. No. vs.".split()  # noqa: SIM905
)
_INITIALS = re.compile(r"(?:\w\.)+")


class TagOptions(SessionOptions, total=False):
    """Options of a session that tags.

    model: name; may be left out where one model alone serves the task.
    look_ahead: words to wait for before a word is tagged. Default: as the model was trained.
    alternatives: tell so many likeliest labels of each word, 0 to 20.
    explain: also tell what the gates did at each step: see `explanations` of the stream. Default False.
    """

    model: str | None
    look_ahead: int | None
    alternatives: int | None
    explain: bool | None


@dataclass(frozen=True, slots=True)
class Tag:
    """The tag of one word.

    word_number: number of the word in its sentence, from 0.
    probability: of the label, 0 to 1.
    alternatives: the likeliest labels with their probabilities, best first.
    """

    word: str
    label: str
    probability: float
    word_number: int
    answer_number: int
    alternatives: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entity:
    """A run of words that belong together, such as a name: `word_count` words from `start_word` on."""

    label: str
    text: str
    start_word: int
    word_count: int
    probability: float


@dataclass(frozen=True, slots=True)
class TaggedSentence:
    """A sentence that is complete, with a tag for each word."""

    tags: tuple[Tag, ...]
    entities: tuple[Entity, ...]


@dataclass(frozen=True, slots=True)
class TagScript:
    """Pieces of words of one sentence or, when `whole`, pieces that are a sentence each."""

    protocol: StreamProtocol
    options: TagOptions
    whole: bool = False

    def begin(self) -> Any:
        """The config."""
        options = self.options
        return self.protocol.config(
            tagging_pb2.TagTokensConfig(
                session=session_config(options, options.get("model")),
                look_ahead_count=options.get("look_ahead"),
                alternative_count=options.get("alternatives") or 0,
                explain=bool(options.get("explain")),
            )
        )

    def piece(self, words: Sequence[str]) -> Iterator[Any]:
        """The requests for some words, or for a sentence."""
        for start in range(0, len(words), MAX_PIECE_WORDS):
            yield self.protocol.message(words=tagging_pb2.Words(words=words[start : start + MAX_PIECE_WORDS]))
        if self.whole:
            yield finish(self.protocol)

    def end(self) -> Iterable[Any]:
        """No more input."""
        yield self.protocol.end()


@dataclass(slots=True)
class TagAnswers:
    """The answers of a stream: tags as they come, and the sentences that are complete."""

    protocol: StreamProtocol
    sentences: list[TaggedSentence] = field(default_factory=list)
    _tags: list[Tag] = field(default_factory=list)

    def take(self, content: str, response: Any) -> Iterator[Tag]:
        """The tags in an answer."""
        if content == "tags":
            for each in self.protocol.new(response.tags.tags):
                self._tags.append(_tag(each))
                yield self._tags[-1]
        if content == "sentence" and self.protocol.is_new(response.sentence.answer_number):
            self.sentences.append(TaggedSentence(tuple(self._tags), tuple(map(_entity, response.sentence.entities))))
            self._tags = []

    def last(self) -> TaggedSentence:
        """The sentence. Raises ServerError when the stream broke off before it was complete."""
        if not self.sentences:
            raise broken_off("the sentence was complete")
        return self.sentences[-1]


def _tag(message: tagging_pb2.Tag) -> Tag:
    alternatives = {each.label: each.probability for each in message.alternatives}
    return Tag(
        message.word, message.label, message.probability, message.word_number, message.answer_number, alternatives
    )


def _entity(message: tagging_pb2.EntitySpan) -> Entity:
    return Entity(message.label, message.text, message.start_word, message.word_count, message.probability)


def split_words(text: str) -> list[str]:
    """Words and marks of a text, as the Brown corpus cuts them: contractions and abbreviations stay whole, quotation
    marks become `` and ''.
    """
    words: list[str] = []
    opened = False
    for word in _WORD.findall(text):
        if word in ('"', "“", "”"):
            opened = word == "“" or (word == '"' and not opened)
            words.append("``" if opened else "''")
        elif (
            len(word) > 1
            and word.endswith(".")
            and word not in ("...", *_ABBREVIATIONS)
            and not _INITIALS.fullmatch(word)
        ):
            words += [word[:-1], "."]
        else:
            words.append(word.replace("’", "'"))
    return words


def split_sentences(text: str) -> list[str]:
    """The sentences of a text: they end in a full stop, question or exclamation mark before a capital or a digit."""
    found: list[str] = []
    for part in _SENTENCE_END.sub(r"\1\n", text.strip()).splitlines():
        if found and found[-1].rsplit(maxsplit=1)[-1] in _ABBREVIATIONS:
            found[-1] = f"{found[-1]} {part}"
        elif part:
            found.append(part)
    return found
