"""What the blocking client hands out: texts as they are written, results as they are read, sessions to go on with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

from hiddenstate.answers import TextAnswer, broken_off, final_of, outputs_of, sentiment_of
from hiddenstate.explanation import StepExplanation
from hiddenstate.options import TextOptions
from hiddenstate.protocol import StreamProtocol
from hiddenstate.requests import finish, generation, inference_chunk, prompts
from hiddenstate.results import Completion, OpenedSession, ResumePoint, Sentiment, Token
from hiddenstate.stream import Stream
from hiddenstate.tasks.music import Composition, MusicAnswers, Note
from hiddenstate.tasks.tagging import Tag, TagAnswers, TaggedSentence
from hiddenstate.tasks.translation import Translation, TranslationAnswers
from hiddenstate.tensors import Array

Item = TypeVar("Item")


class Call:
    """A call that may be left at any time: `close()`, or leave its `with` block. The server then frees the session."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    @property
    def session_id(self) -> str:
        """Name of the session."""
        return self._stream.protocol.session_id

    @property
    def opened(self) -> OpenedSession | None:
        """What the server opened; None before its first answer was received."""
        return self._stream.protocol.opened

    @property
    def resume_point(self) -> ResumePoint | None:
        """What to save to go on with the session in another process; None while, or where, it cannot be resumed."""
        return self._stream.protocol.point

    @property
    def explanations(self) -> list[StepExplanation]:
        """What the gates did at each step so far, when `explain` was asked for; grows as answers come."""
        return self._stream.protocol.explanations

    def close(self) -> None:
        """End the call now; answers on their way are lost."""
        self._stream.cancel()

    def __enter__(self) -> Self:
        """The call itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the call."""
        self.close()


class TextStream(Call, Iterator[Token]):
    """A text as it is written: iterate over its tokens, or take `text()`."""

    def __init__(self, stream: Stream, answer: TextAnswer) -> None:
        super().__init__(stream)
        self._answer = answer
        self._tokens = self._read()

    @property
    def completion(self) -> Completion | None:
        """Why the text ended, once it has; None for a stream that went on from behind it."""
        return self._answer.completion

    def text(self) -> str:
        """The rest of the text as a whole. Raises ServerError."""
        return "".join(token.text for token in self)

    def __iter__(self) -> Self:
        """The stream itself."""
        return self

    def __next__(self) -> Token:
        """The next token. Raises ServerError."""
        return next(self._tokens)

    def _read(self) -> Iterator[Token]:
        for content, response in self._stream:
            yield from self._answer.take(content, response)
            if self._answer.complete:
                return
        self._answer.check()


class SentimentStream(Call, Iterator[Sentiment]):
    """Running results while a text is read, and its final one as the last."""

    def __init__(self, stream: Stream) -> None:
        super().__init__(stream)
        self._results = self._read()

    def final(self) -> Sentiment:
        """The final result. Raises ServerError."""
        return final_of(list(self))

    def __iter__(self) -> Self:
        """The stream itself."""
        return self

    def __next__(self) -> Sentiment:
        """The next result. Raises ServerError."""
        return next(self._results)

    def _read(self) -> Iterator[Sentiment]:
        for content, response in self._stream:
            if result := sentiment_of(self._stream.protocol, content, response):
                yield result


class ItemStream(Call, Iterator[Item]):
    """Answers as they come, one for each piece of input or more."""

    def __init__(self, stream: Stream, read: Callable[[StreamProtocol, str, Any], Iterable[Item]]) -> None:
        """`read`: the items in an answer, from the name of its content."""
        super().__init__(stream)
        self._items = (item for content, response in stream for item in read(stream.protocol, content, response))

    def __iter__(self) -> Self:
        """The stream itself."""
        return self

    def __next__(self) -> Item:
        """The next answer. Raises ServerError."""
        return next(self._items)


class MusicStream(ItemStream[Note]):
    """Notes as they end; `composition` tells what was made, once it is complete."""

    def __init__(self, stream: Stream) -> None:
        self._answers = answers = MusicAnswers(stream.protocol)
        super().__init__(stream, lambda _, content, response: answers.take(content, response))

    @property
    def composition(self) -> Composition | None:
        """What was made; None before it is complete."""
        return self._answers.composition

    def notes(self) -> list[Note]:
        """The rest of the notes, once the music is complete. Raises ServerError."""
        notes = list(self)
        self._answers.check()
        return notes


class TagStream(Call, Iterator[Tag]):
    """Tags as they are settled; `sentences` holds those that are complete."""

    def __init__(self, stream: Stream) -> None:
        super().__init__(stream)
        self._answers = TagAnswers(stream.protocol)
        self._tags = self._read()

    @property
    def sentences(self) -> list[TaggedSentence]:
        """The sentences that are complete so far."""
        return self._answers.sentences

    def sentence(self) -> TaggedSentence:
        """The last sentence, once all is read. Raises ServerError."""
        for _ in self:
            pass
        return self._answers.last()

    def __iter__(self) -> Self:
        """The stream itself."""
        return self

    def __next__(self) -> Tag:
        """The next tag. Raises ServerError."""
        return next(self._tags)

    def _read(self) -> Iterator[Tag]:
        for content, response in self._stream:
            yield from self._answers.take(content, response)


class TranslationStream(ItemStream[Token]):
    """Tokens of a translation as they are settled; `translation()` gives the whole of it, `text()` its text."""

    def __init__(self, stream: Stream) -> None:
        self._answers = TranslationAnswers(stream.protocol)
        super().__init__(stream, lambda _, content, response: self._answers.take(content, response))

    def translation(self) -> Translation:
        """The translation, once all is read. Raises ServerError."""
        for _ in self:
            pass
        return self._answers.last()

    def text(self) -> str:
        """The text of the best translation, once all is read. Raises ServerError."""
        return self.translation().text


class GenerateSession(Call):
    """A session that writes: prompt, generate, prompt again; the model remembers everything before."""

    def prompt(self, text: str) -> None:
        """Send a piece of text to go on from."""
        for request in prompts(self._stream.protocol, text):
            self._stream.send(request)

    def generate(self, **options: Unpack[TextOptions]) -> TextStream:
        """Ask for text from here; `options` replace those of the session for this text. Closing it ends the session."""
        request = generation(self._stream.protocol, options)
        self._stream.send(request)
        return TextStream(self._stream, TextAnswer(self._stream.protocol, request.sequence_number))


class InferSession(Call):
    """A session on tensors: the server keeps the state, `step` sends only what is new."""

    def step(self, inputs: Array | Mapping[str, Array]) -> dict[str, Array]:
        """Run the next steps: an array [steps, ...], or one for each input by name. Gives the outputs by name."""
        self.send(inputs)
        return self.receive()

    def send(self, inputs: Array | Mapping[str, Array]) -> None:
        """Send the next steps without waiting for their outputs."""
        self._stream.send(inference_chunk(self._stream.protocol, inputs))

    def receive(self) -> dict[str, Array]:
        """The outputs of the first `send` that was not received yet, [steps, ...] each."""
        for content, response in self._stream:
            if outputs := outputs_of(self._stream.protocol, content, response):
                return outputs
        raise broken_off("the outputs came")

    def finish(self) -> None:
        """The sequence is complete: the next steps begin a new one, with the initial state."""
        self._stream.send(finish(self._stream.protocol))
