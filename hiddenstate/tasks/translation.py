"""Translation and pronunciation: sentences in, their tokens out as they are settled, and the best hypotheses."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from hiddenstate import wire
from hiddenstate.answers import broken_off
from hiddenstate.options import SessionOptions
from hiddenstate.protocol import Rpc, StreamProtocol
from hiddenstate.requests import finish, text_parts
from hiddenstate.results import Token
from hiddenstate.v1 import token_pb2, translation_pb2
from hiddenstate.wire import session_config

TRANSLATE = Rpc(
    "/hiddenstate.v1.TranslationService/Translate", translation_pb2.TranslateRequest, translation_pb2.TranslateResponse
)
SPOKEN_LANGUAGE = "en"
"""Pronunciation is a translation of this language into itself, written as sounds."""

_STOPS = {
    token_pb2.STOP_REASON_END_OF_SEQUENCE: "end_of_sequence",
    token_pb2.STOP_REASON_MAX_COUNT: "max_count",
}


class TranslateOptions(SessionOptions, total=False):
    """Options of a session that translates.

    model: name; may be left out where one model alone serves the languages.
    source_language, target_language: BCP-47 tags, such as `en`. Default: those of the model.
    beams: hypotheses to follow, 1 (greedy) to 16. Default: as the model recommends.
    hypotheses: of them to tell, best first. Default 1.
    length_penalty: exponent that divides a log-probability by its length, 0 (none) to 2. Default: as the model
        recommends.
    max_tokens: most tokens of a translation. Default: the limit of the model.
    attention: tell which source tokens each token looked at. Default False.
    log_probabilities: tell that of each token. Default False.
    alternatives: tell so many most likely tokens in the place of each, 0 to 20.
    """

    model: str | None
    source_language: str | None
    target_language: str | None
    beams: int | None
    hypotheses: int | None
    length_penalty: float | None
    max_tokens: int | None
    attention: bool | None
    log_probabilities: bool | None
    alternatives: int | None


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One possible translation.

    score: natural logarithm of its probability, divided by its length as `length_penalty` says. Higher is better.
    attention: one row for each token, one weight in it for each source token, when asked for.
    stop_reason: `end_of_sequence` or `max_count`.
    """

    text: str
    score: float
    tokens: tuple[str, ...]
    attention: tuple[tuple[float, ...], ...]
    stop_reason: str


@dataclass(frozen=True, slots=True)
class Translation:
    """The translation of one sentence: hypotheses, best first, and the tokens that its source was cut into."""

    hypotheses: tuple[Hypothesis, ...]
    source_tokens: tuple[str, ...]
    answer_number: int

    @property
    def text(self) -> str:
        """The best translation."""
        return self.hypotheses[0].text


@dataclass(frozen=True, slots=True)
class Pronunciation:
    """How a word sounds: the sounds of the best hypothesis, its score, and further hypotheses where asked for."""

    word: str
    sounds: tuple[str, ...]
    score: float
    others: tuple[tuple[str, ...], ...] = ()


@dataclass
class TranslateScript:
    """Pieces of one sentence or, when `whole`, pieces that are a sentence each."""

    protocol: StreamProtocol
    options: TranslateOptions
    whole: bool = False

    def begin(self) -> Any:
        """The config."""
        options = self.options
        said = translation_pb2.TranslateOptions(
            beam_count=options.get("beams") or 0,
            hypothesis_count=options.get("hypotheses") or 0,
            length_penalty=options.get("length_penalty"),
            max_token_count=options.get("max_tokens") or 0,
            attention=bool(options.get("attention")),
            log_probabilities=bool(options.get("log_probabilities")),
            alternative_count=options.get("alternatives") or 0,
        )
        return self.protocol.config(
            translation_pb2.TranslateConfig(
                session=session_config(options, options.get("model")),
                source_language_code=options.get("source_language") or "",
                target_language_code=options.get("target_language") or "",
                options=said,
            )
        )

    def piece(self, text: str) -> Iterator[Any]:
        """The requests for a piece of the sentence, or for a whole one."""
        for part in text_parts(text):
            yield self.protocol.message(text=translation_pb2.SourceText(text=part))
        if self.whole:
            yield finish(self.protocol)

    def end(self) -> Iterable[Any]:
        """No more input."""
        yield self.protocol.end()


class PronounceScript(TranslateScript):
    """Pieces that are a word each, and how each of them sounds."""

    def __init__(self, protocol: StreamProtocol, options: TranslateOptions) -> None:
        # The languages find the model unless it is named.
        languages: TranslateOptions = {"source_language": SPOKEN_LANGUAGE, "target_language": SPOKEN_LANGUAGE}
        super().__init__(protocol, options if options.get("model") else {**languages, **options}, whole=True)
        self._asked: deque[str] = deque()

    def piece(self, text: str) -> Iterator[Any]:
        """The requests for a word."""
        self._asked.append(text)
        return super().piece(text)

    def take(self, protocol: StreamProtocol, content: str, response: Any) -> list[Pronunciation]:
        """The pronunciation in an answer."""
        return [
            Pronunciation(
                self._asked.popleft(),
                found.hypotheses[0].tokens,
                found.hypotheses[0].score,
                tuple(each.tokens for each in found.hypotheses[1:]),
            )
            for found in translations(protocol, content, response)
        ]


@dataclass(slots=True)
class TranslationAnswers:
    """The answers of a stream: tokens as they come, and the translations that are complete."""

    protocol: StreamProtocol
    translations: list[Translation] = field(default_factory=list)

    def take(self, content: str, response: Any) -> Iterator[Token]:
        """The tokens in an answer."""
        if content == "tokens":
            yield from map(wire.token, self.protocol.new(response.tokens.tokens))
        self.translations += translations(self.protocol, content, response)

    def last(self) -> Translation:
        """The translation. Raises ServerError when the stream broke off before it was complete."""
        if not self.translations:
            raise broken_off("the translation was complete, or nothing was sent")
        return self.translations[-1]


def translations(protocol: StreamProtocol, content: str, response: Any) -> list[Translation]:
    """The translation in an answer, if it is one that was not taken before."""
    if content != "translation" or not protocol.is_new(response.translation.answer_number):
        return []
    message = response.translation
    hypotheses = tuple(map(_hypothesis, message.hypotheses))
    return [Translation(hypotheses, tuple(message.source_tokens), message.answer_number)]


def _hypothesis(message: translation_pb2.Hypothesis) -> Hypothesis:
    return Hypothesis(
        message.text,
        message.score,
        tuple(message.target_tokens),
        tuple(tuple(row.weights) for row in message.attention),
        _STOPS.get(message.stop_reason, str(message.stop_reason)),
    )
