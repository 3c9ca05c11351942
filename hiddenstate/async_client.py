"""The async client."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, Unpack

import grpc
import grpc.aio

from hiddenstate import wire
from hiddenstate.answers import TextAnswer
from hiddenstate.async_sessions import (
    AsyncGenerateSession,
    AsyncInferSession,
    AsyncItemStream,
    AsyncMusicStream,
    AsyncSentimentStream,
    AsyncTagStream,
    AsyncTextStream,
    AsyncTranslationStream,
)
from hiddenstate.async_stream import AsyncConnection, AsyncStream
from hiddenstate.connection import CHANNEL_OPTIONS, LIMITS, Watch
from hiddenstate.options import GenerateOptions, InferOptions, SentimentOptions, SessionOptions
from hiddenstate.protocol import DEFAULT_ADDRESS, Rpc, StreamProtocol
from hiddenstate.requests import GenerateScript, SentimentScript, requests_of_async, spoken_async
from hiddenstate.results import Model, Sentiment
from hiddenstate.resuming import ResumeLimits
from hiddenstate.session_calls import AsyncSessionCalls
from hiddenstate.tasks.classification import (
    CLASSIFY,
    Classification,
    ClassifyOptions,
    ClassifyScript,
    classifications,
)
from hiddenstate.tasks.forecast import FORECAST, Forecast, ForecastOptions, ForecastScript, Observation, forecasts
from hiddenstate.tasks.gesture import (
    RECOGNIZE_GESTURE,
    Gesture,
    GestureEvent,
    GestureOptions,
    GestureScript,
    complete,
    seen,
)
from hiddenstate.tasks.music import COMPOSE_MUSIC, ComposeOptions, ComposeScript
from hiddenstate.tasks.tagging import TAG_TOKENS, TagOptions, TagScript, split_words
from hiddenstate.tasks.transcription import (
    TRANSCRIBE,
    Samples,
    SpeechEvent,
    TranscribeOptions,
    TranscribeScript,
    Transcript,
    heard,
    pieces_of,
    utterances,
)
from hiddenstate.tasks.translation import (
    TRANSLATE,
    PronounceScript,
    Pronunciation,
    TranslateOptions,
    TranslateScript,
    Translation,
    translations,
)
from hiddenstate.v1.model_pb2 import ListModelsRequest
from hiddenstate.wakeups import read_at_once

Text = str | Iterable[str] | AsyncIterable[str]


if TYPE_CHECKING:
    from numpy.typing import ArrayLike


class AsyncClient(AsyncSessionCalls):
    """A connection to one server, for use within one running event loop.

        async with AsyncClient("127.0.0.1:50051") as client:
            async for token in client.generate("It was", model="austen"):
                print(token.text, end="", flush=True)

    All methods raise ServerError.
    """

    def __init__(
        self,
        address: str = DEFAULT_ADDRESS,
        *,
        credentials: grpc.ChannelCredentials | None = None,
        metadata: Iterable[tuple[str, str]] = (),
        resume: ResumeLimits | None = LIMITS,
        on_resume: Watch | None = None,
    ) -> None:
        """`address` is host:port; `credentials` make it TLS; `metadata` goes with every call. Connects when used.

        `resume`: how long to try to go on with a session whose stream was lost; None: raise at once. `on_resume` is
        called with a ResumeEvent before each attempt, and when one has succeeded, where the answers are read.
        """
        with read_at_once():
            channel = (
                grpc.aio.secure_channel(address, credentials, CHANNEL_OPTIONS)
                if credentials
                else grpc.aio.insecure_channel(address, CHANNEL_OPTIONS)
            )
        self._connection = AsyncConnection(channel, address, tuple(metadata), resume, on_resume)

    def generate(self, prompt: Text, **options: Unpack[GenerateOptions]) -> AsyncTextStream:
        """Go on from a prompt, whole or in pieces: an async iterator over tokens; `await .text()` gives the text."""
        protocol = StreamProtocol.of(wire.GENERATE_TEXT, options)
        requests = spoken_async(GenerateScript(protocol, options), prompt)
        stream = AsyncStream(self._connection, protocol, options.get("timeout"), requests)
        return AsyncTextStream(stream, TextAnswer(protocol))

    def generate_session(self, **options: Unpack[GenerateOptions]) -> AsyncGenerateSession:
        """A session to prompt and generate from repeatedly. Use it in an `async with` block."""
        return AsyncGenerateSession(self._open(wire.GENERATE_TEXT, wire.generate_config(options), options))

    def sentiment(self, text: Text, **options: Unpack[SentimentOptions]) -> AsyncSentimentStream:
        """Read a text, whole or in pieces as they come: running results; `await .final()` gives the last."""
        return self._read(SentimentScript(StreamProtocol.of(wire.ANALYZE_SENTIMENT, options), options), text)

    def sentiments(
        self, documents: Iterable[str] | AsyncIterable[str], **options: Unpack[SentimentOptions]
    ) -> AsyncIterator[Sentiment]:
        """The final result of each of many documents, in order, over one stream."""
        protocol = StreamProtocol.of(wire.ANALYZE_SENTIMENT, options)
        return self._read(SentimentScript(protocol, options, whole=True), documents)

    def tag(self, words: Text, **options: Unpack[TagOptions]) -> AsyncTagStream:
        """Tag one sentence, a text or words as they come: an async iterator over tags."""
        script = TagScript(StreamProtocol.of(TAG_TOKENS, options), options)
        if isinstance(words, AsyncIterable):
            return self._tag(script, ([word] async for word in words))
        return self._tag(script, [split_words(words)] if isinstance(words, str) else ([word] for word in words))

    def tag_sentences(
        self, sentences: Iterable[Sequence[str]] | AsyncIterable[Sequence[str]], **options: Unpack[TagOptions]
    ) -> AsyncTagStream:
        """Tag many sentences, the words of each, over one stream; `.sentences` holds those that are complete."""
        return self._tag(TagScript(StreamProtocol.of(TAG_TOKENS, options), options, whole=True), sentences)

    def classify(
        self, rows: Iterable[Sequence[float]] | AsyncIterable[Sequence[float]], **options: Unpack[ClassifyOptions]
    ) -> AsyncItemStream[Classification]:
        """The class of each row of numbers, in order, over one stream."""
        protocol = StreamProtocol.of(CLASSIFY, options)
        requests = requests_of_async(ClassifyScript(protocol, options), rows)
        stream = AsyncStream(self._connection, protocol, options.get("timeout"), requests)
        return AsyncItemStream(stream, classifications)

    def forecast(
        self, observations: Iterable[Observation] | AsyncIterable[Observation], **options: Unpack[ForecastOptions]
    ) -> AsyncItemStream[Forecast]:
        """How a series goes on: one forecast at its end, or one after `each` observation as they come."""
        protocol = StreamProtocol.of(FORECAST, options)
        requests = requests_of_async(ForecastScript(protocol, options), observations)
        return AsyncItemStream(AsyncStream(self._connection, protocol, options.get("timeout"), requests), forecasts)

    def translate(self, text: Text, **options: Unpack[TranslateOptions]) -> AsyncTranslationStream:
        """Translate one sentence, whole or in pieces as they come: tokens; `await .translation()`, `await .text()`."""
        script = TranslateScript(StreamProtocol.of(TRANSLATE, options), options)
        return AsyncTranslationStream(self._scripted(script, (text,) if isinstance(text, str) else text))

    def translations(
        self, sentences: Iterable[str] | AsyncIterable[str], **options: Unpack[TranslateOptions]
    ) -> AsyncItemStream[Translation]:
        """The translation of each of many sentences, in order, over one stream."""
        script = TranslateScript(StreamProtocol.of(TRANSLATE, options), options, whole=True)
        return AsyncItemStream(self._scripted(script, sentences), translations)

    def pronounce(self, words: Text, **options: Unpack[TranslateOptions]) -> AsyncItemStream[Pronunciation]:
        """How each word sounds, of a text or of words as they come, in order, over one stream."""
        script = PronounceScript(StreamProtocol.of(TRANSLATE, options), options)
        return AsyncItemStream(self._scripted(script, words.split() if isinstance(words, str) else words), script.take)

    def gesture(
        self, frames: Iterable[ArrayLike] | AsyncIterable[ArrayLike], **options: Unpack[GestureOptions]
    ) -> AsyncItemStream[Gesture | GestureEvent]:
        """Watch frames as they come, one or several at a time, NaN where nothing was seen: results and events."""
        script = GestureScript(StreamProtocol.of(RECOGNIZE_GESTURE, options), options)
        return AsyncItemStream(self._watch(script, frames), seen)

    def gestures(
        self, recordings: Iterable[ArrayLike] | AsyncIterable[ArrayLike], **options: Unpack[GestureOptions]
    ) -> AsyncItemStream[Gesture]:
        """The final result of each of many gestures, each [frames, values], in order, over one stream."""
        script = GestureScript(StreamProtocol.of(RECOGNIZE_GESTURE, options), options, whole=True)
        return AsyncItemStream(self._watch(script, recordings), complete)

    def transcribe(
        self, audio: Samples | Iterable[Samples] | AsyncIterable[Samples], **options: Unpack[TranscribeOptions]
    ) -> AsyncItemStream[Transcript | SpeechEvent]:
        """Listen to a recording, or to pieces of audio as they come: transcripts, running and final, and events."""
        script = TranscribeScript(StreamProtocol.of(TRANSCRIBE, options), options)
        return AsyncItemStream(self._listen(script, pieces_of(audio)), heard)

    def transcriptions(
        self, recordings: Iterable[Samples] | AsyncIterable[Samples], **options: Unpack[TranscribeOptions]
    ) -> AsyncItemStream[Transcript]:
        """What was said in each of many recordings of an utterance, in order, over one stream."""
        script = TranscribeScript(StreamProtocol.of(TRANSCRIBE, options), options, whole=True)
        return AsyncItemStream(self._listen(script, recordings), utterances)

    def compose(self, **options: Unpack[ComposeOptions]) -> AsyncMusicStream:
        """Make music: an iterator over notes as they end; `.notes()` gives them all, `.composition` what was made."""
        protocol = StreamProtocol.of(COMPOSE_MUSIC, options)
        requests = requests_of_async(ComposeScript(protocol, options), ())
        return AsyncMusicStream(AsyncStream(self._connection, protocol, options.get("timeout"), requests))

    def infer_session(self, model: str, **options: Unpack[InferOptions]) -> AsyncInferSession:
        """A session on tensors with any model. Use it in an `async with` block."""
        return AsyncInferSession(self._open(wire.INFER, wire.infer_config(model, options), options))

    async def models(self) -> list[Model]:
        """All models of the server, with their figures and their state."""
        models: list[Model] = []
        request = ListModelsRequest()
        while True:
            page = await self._connection.call(wire.LIST_MODELS, request)
            models += map(wire.model, page.models)
            if not page.next_page_token:
                return models
            request = ListModelsRequest(page_token=page.next_page_token)

    async def close(self) -> None:
        """Close the connection; streams that are open end."""
        await self._connection.close()

    async def __aenter__(self) -> Self:
        """The client itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        await self.close()

    def _read(self, script: SentimentScript, text: Text) -> AsyncSentimentStream:
        timeout = script.options.get("timeout")
        return AsyncSentimentStream(AsyncStream(self._connection, script.protocol, timeout, spoken_async(script, text)))

    def _tag(self, script: TagScript, pieces: Iterable[Sequence[str]] | AsyncIterable[Sequence[str]]) -> AsyncTagStream:
        requests = requests_of_async(script, pieces)
        return AsyncTagStream(AsyncStream(self._connection, script.protocol, script.options.get("timeout"), requests))

    def _scripted(self, script: TranslateScript, pieces: Iterable[str] | AsyncIterable[str]) -> AsyncStream:
        timeout = script.options.get("timeout")
        return AsyncStream(self._connection, script.protocol, timeout, requests_of_async(script, pieces))

    def _watch(self, script: GestureScript, frames: Iterable[ArrayLike] | AsyncIterable[ArrayLike]) -> AsyncStream:
        requests = requests_of_async(script, frames)
        return AsyncStream(self._connection, script.protocol, script.options.get("timeout"), requests)

    def _listen(self, script: TranscribeScript, pieces: Iterable[Samples] | AsyncIterable[Samples]) -> AsyncStream:
        requests = requests_of_async(script, pieces)
        return AsyncStream(self._connection, script.protocol, script.options.get("timeout"), requests)

    def _open(self, rpc: Rpc, config: Any, options: SessionOptions) -> AsyncStream:
        protocol = StreamProtocol.of(rpc, options)
        return AsyncStream(self._connection, protocol, options.get("timeout"), first=protocol.config(config))
