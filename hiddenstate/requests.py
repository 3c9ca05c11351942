"""What a client says over one stream of text, request by request; pure, shared by the blocking and the async client."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from hiddenstate import wire
from hiddenstate.options import GenerateOptions, SentimentOptions, TextOptions
from hiddenstate.protocol import StreamProtocol
from hiddenstate.tensors import Array, to_tensor
from hiddenstate.v1.inference_pb2 import InferChunk
from hiddenstate.v1.sentiment_pb2 import SentimentText
from hiddenstate.v1.session_pb2 import Finish
from hiddenstate.v1.text_generation_pb2 import Generate, Prompt

MAX_PIECE_CHARACTERS = 16_384
"""Text in one message; longer pieces are sent in several, which makes no difference to any answer."""


P = TypeVar("P", contravariant=True)


class Script(Protocol[P]):
    """The requests of a stream: what comes first, for each piece of input, and last."""

    def begin(self) -> Any:
        """The config."""
        ...

    def piece(self, piece: P, /) -> Iterable[Any]:
        """The requests for a piece of input."""
        ...

    def end(self) -> Iterable[Any]:
        """What ends the input."""
        ...


@dataclass(frozen=True, slots=True)
class GenerateScript:
    """Prompt, generate once, end."""

    protocol: StreamProtocol
    options: GenerateOptions

    def begin(self) -> Any:
        """The config."""
        return self.protocol.config(wire.generate_config(self.options))

    def piece(self, text: str) -> Iterable[Any]:
        """The requests for a piece of the prompt."""
        return prompts(self.protocol, text)

    def end(self) -> Iterable[Any]:
        """Ask for the text; no more input."""
        yield generation(self.protocol, {})
        yield self.protocol.end()


@dataclass(frozen=True, slots=True)
class SentimentScript:
    """Read one document that comes in pieces or, when `whole`, pieces that are a document each."""

    protocol: StreamProtocol
    options: SentimentOptions
    whole: bool = False

    def begin(self) -> Any:
        """The config."""
        options: SentimentOptions = {**self.options, "interim_results": False} if self.whole else self.options
        return self.protocol.config(wire.sentiment_config(options))

    def piece(self, text: str) -> Iterable[Any]:
        """The requests for a piece of the document, or for a whole one."""
        for part in text_parts(text):
            yield self.protocol.message(text=SentimentText(text=part))
        if self.whole:
            yield finish(self.protocol)

    def end(self) -> Iterable[Any]:
        """No more input."""
        yield self.protocol.end()


def requests_of(script: Script[P], pieces: Iterable[P]) -> Iterator[Any]:
    """All requests of a script for input that comes in pieces."""
    yield script.begin()
    for piece in pieces:
        yield from script.piece(piece)
    yield from script.end()


async def requests_of_async(script: Script[P], pieces: Iterable[P] | AsyncIterable[P]) -> AsyncIterator[Any]:
    """All requests of a script; the pieces may come from an async iterable."""
    if not isinstance(pieces, AsyncIterable):
        for request in requests_of(script, pieces):
            yield request
        return
    yield script.begin()
    async for piece in pieces:
        for request in script.piece(piece):
            yield request
    for request in script.end():
        yield request


def spoken(script: Script[str], text: str | Iterable[str]) -> Iterator[Any]:
    """All requests of a script for a text that is there, or comes in pieces."""
    return requests_of(script, (text,) if isinstance(text, str) else text)


def spoken_async(script: Script[str], text: str | Iterable[str] | AsyncIterable[str]) -> AsyncIterator[Any]:
    """All requests of a script; the pieces may come from an async iterable."""
    return requests_of_async(script, (text,) if isinstance(text, str) else text)


def generation(protocol: StreamProtocol, options: TextOptions) -> Any:
    """The request for text from here; without options, those of the session hold."""
    return protocol.message(generate=Generate(options=wire.text_options(options) if options else None))


def inference_chunk(protocol: StreamProtocol, inputs: Array | Mapping[str, Array]) -> Any:
    """The request to run the next steps: an array [steps, ...], or one for each input by name."""
    named = inputs.items() if isinstance(inputs, Mapping) else (("", inputs),)
    return protocol.message(chunk=InferChunk(inputs=[to_tensor(name, array) for name, array in named]))


def finish(protocol: StreamProtocol) -> Any:
    """The request to begin anew."""
    return protocol.message(finish=Finish())


def prompts(protocol: StreamProtocol, text: str) -> Iterator[Any]:
    """The requests for a piece of a prompt."""
    return (protocol.message(prompt=Prompt(text=part)) for part in text_parts(text))


def text_parts(text: str) -> Iterator[str]:
    """A text in pieces of the size of one message."""
    return (text[start : start + MAX_PIECE_CHARACTERS] for start in range(0, len(text), MAX_PIECE_CHARACTERS))
