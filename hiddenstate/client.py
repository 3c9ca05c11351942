"""The blocking client."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, Unpack

import grpc

from hiddenstate import wire
from hiddenstate.answers import TextAnswer
from hiddenstate.connection import CHANNEL_OPTIONS, LIMITS, Watch
from hiddenstate.options import GenerateOptions, InferOptions, SentimentOptions, SessionOptions
from hiddenstate.protocol import DEFAULT_ADDRESS, Rpc, StreamProtocol
from hiddenstate.requests import GenerateScript, SentimentScript, requests_of, spoken
from hiddenstate.results import Model, Sentiment
from hiddenstate.resuming import ResumeLimits
from hiddenstate.session_calls import SessionCalls
from hiddenstate.sessions import (
    GenerateSession,
    InferSession,
    ItemStream,
    MusicStream,
    SentimentStream,
    TagStream,
    TextStream,
    TranslationStream,
)
from hiddenstate.stream import Connection, Stream
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

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


class Client(SessionCalls):
    """A connection to one server; safe to share between threads, each with streams of its own.

        with Client("127.0.0.1:50051") as client:
            print(client.generate("It was", model="austen", max_tokens=100).text())

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
        channel = (
            grpc.secure_channel(address, credentials, CHANNEL_OPTIONS)
            if credentials
            else grpc.insecure_channel(address, CHANNEL_OPTIONS)
        )
        self._connection = Connection(channel, address, tuple(metadata), resume, on_resume)

    def generate(self, prompt: str | Iterable[str], **options: Unpack[GenerateOptions]) -> TextStream:
        """Go on from a prompt, whole or in pieces: an iterator over tokens; `.text()` gives the text."""
        protocol = StreamProtocol.of(wire.GENERATE_TEXT, options)
        requests = spoken(GenerateScript(protocol, options), prompt)
        stream = Stream(self._connection, protocol, options.get("timeout"), requests)
        return TextStream(stream, TextAnswer(protocol))

    def generate_session(self, **options: Unpack[GenerateOptions]) -> GenerateSession:
        """A session to prompt and generate from repeatedly. Use it in a `with` block."""
        return GenerateSession(self._open(wire.GENERATE_TEXT, wire.generate_config(options), options))

    def sentiment(self, text: str | Iterable[str], **options: Unpack[SentimentOptions]) -> SentimentStream:
        """Read a text, whole or in pieces as they come: an iterator over running results; `.final()` gives the last."""
        return self._read(SentimentScript(StreamProtocol.of(wire.ANALYZE_SENTIMENT, options), options), text)

    def sentiments(self, documents: Iterable[str], **options: Unpack[SentimentOptions]) -> Iterator[Sentiment]:
        """The final result of each of many documents, in order, over one stream."""
        protocol = StreamProtocol.of(wire.ANALYZE_SENTIMENT, options)
        return self._read(SentimentScript(protocol, options, whole=True), documents)

    def tag(self, words: str | Iterable[str], **options: Unpack[TagOptions]) -> TagStream:
        """Tag one sentence, a text or words as they come: an iterator over tags; `.sentence()` gives them all."""
        pieces = [split_words(words)] if isinstance(words, str) else ([word] for word in words)
        return self._tag(TagScript(StreamProtocol.of(TAG_TOKENS, options), options), pieces)

    def tag_sentences(self, sentences: Iterable[Sequence[str]], **options: Unpack[TagOptions]) -> TagStream:
        """Tag many sentences, the words of each, over one stream; `.sentences` holds those that are complete."""
        return self._tag(TagScript(StreamProtocol.of(TAG_TOKENS, options), options, whole=True), sentences)

    def classify(
        self, rows: Iterable[Sequence[float]], **options: Unpack[ClassifyOptions]
    ) -> ItemStream[Classification]:
        """The class of each row of numbers, in order, over one stream."""
        protocol = StreamProtocol.of(CLASSIFY, options)
        requests = requests_of(ClassifyScript(protocol, options), rows)
        return ItemStream(Stream(self._connection, protocol, options.get("timeout"), requests), classifications)

    def forecast(self, observations: Iterable[Observation], **options: Unpack[ForecastOptions]) -> ItemStream[Forecast]:
        """How a series goes on: one forecast at its end, or one after `each` observation as they come."""
        protocol = StreamProtocol.of(FORECAST, options)
        requests = requests_of(ForecastScript(protocol, options), observations)
        return ItemStream(Stream(self._connection, protocol, options.get("timeout"), requests), forecasts)

    def translate(self, text: str | Iterable[str], **options: Unpack[TranslateOptions]) -> TranslationStream:
        """Translate one sentence, whole or in pieces as they come: tokens, then `.translation()` or `.text()`."""
        script = TranslateScript(StreamProtocol.of(TRANSLATE, options), options)
        return TranslationStream(self._scripted(script, (text,) if isinstance(text, str) else text))

    def translations(self, sentences: Iterable[str], **options: Unpack[TranslateOptions]) -> ItemStream[Translation]:
        """The translation of each of many sentences, in order, over one stream."""
        script = TranslateScript(StreamProtocol.of(TRANSLATE, options), options, whole=True)
        return ItemStream(self._scripted(script, sentences), translations)

    def pronounce(self, words: str | Iterable[str], **options: Unpack[TranslateOptions]) -> ItemStream[Pronunciation]:
        """How each word sounds, of a text or of words as they come, in order, over one stream."""
        script = PronounceScript(StreamProtocol.of(TRANSLATE, options), options)
        return ItemStream(self._scripted(script, words.split() if isinstance(words, str) else words), script.take)

    def gesture(
        self, frames: Iterable[ArrayLike], **options: Unpack[GestureOptions]
    ) -> ItemStream[Gesture | GestureEvent]:
        """Watch frames as they come, one or several at a time, NaN where nothing was seen: results and events."""
        script = GestureScript(StreamProtocol.of(RECOGNIZE_GESTURE, options), options)
        return ItemStream(self._watch(script, frames), seen)

    def gestures(self, recordings: Iterable[ArrayLike], **options: Unpack[GestureOptions]) -> ItemStream[Gesture]:
        """The final result of each of many gestures, each [frames, values], in order, over one stream."""
        script = GestureScript(StreamProtocol.of(RECOGNIZE_GESTURE, options), options, whole=True)
        return ItemStream(self._watch(script, recordings), complete)

    def transcribe(
        self, audio: Samples | Iterable[Samples], **options: Unpack[TranscribeOptions]
    ) -> ItemStream[Transcript | SpeechEvent]:
        """Listen to a recording, or to pieces of audio as they come: transcripts, running and final, and events."""
        script = TranscribeScript(StreamProtocol.of(TRANSCRIBE, options), options)
        return ItemStream(self._listen(script, pieces_of(audio)), heard)

    def transcriptions(
        self, recordings: Iterable[Samples], **options: Unpack[TranscribeOptions]
    ) -> ItemStream[Transcript]:
        """What was said in each of many recordings of an utterance, in order, over one stream."""
        script = TranscribeScript(StreamProtocol.of(TRANSCRIBE, options), options, whole=True)
        return ItemStream(self._listen(script, recordings), utterances)

    def compose(self, **options: Unpack[ComposeOptions]) -> MusicStream:
        """Make music: an iterator over notes as they end; `.notes()` gives them all, `.composition` what was made."""
        protocol = StreamProtocol.of(COMPOSE_MUSIC, options)
        requests = requests_of(ComposeScript(protocol, options), ())
        return MusicStream(Stream(self._connection, protocol, options.get("timeout"), requests))

    def infer_session(self, model: str, **options: Unpack[InferOptions]) -> InferSession:
        """A session on tensors with any model. Use it in a `with` block."""
        return InferSession(self._open(wire.INFER, wire.infer_config(model, options), options))

    def models(self) -> list[Model]:
        """All models of the server, with their figures and their state."""
        models: list[Model] = []
        request = ListModelsRequest()
        while True:
            page = self._connection.call(wire.LIST_MODELS, request)
            models += map(wire.model, page.models)
            if not page.next_page_token:
                return models
            request = ListModelsRequest(page_token=page.next_page_token)

    def close(self) -> None:
        """Close the connection; streams that are open end."""
        self._connection.closed = True
        self._connection.channel.close()

    def __enter__(self) -> Self:
        """The client itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        self.close()

    def _read(self, script: SentimentScript, text: str | Iterable[str]) -> SentimentStream:
        timeout = script.options.get("timeout")
        return SentimentStream(Stream(self._connection, script.protocol, timeout, spoken(script, text)))

    def _tag(self, script: TagScript, pieces: Iterable[Sequence[str]]) -> TagStream:
        timeout = script.options.get("timeout")
        return TagStream(Stream(self._connection, script.protocol, timeout, requests_of(script, pieces)))

    def _scripted(self, script: TranslateScript, pieces: Iterable[str]) -> Stream:
        timeout = script.options.get("timeout")
        return Stream(self._connection, script.protocol, timeout, requests_of(script, pieces))

    def _watch(self, script: GestureScript, frames: Iterable[ArrayLike]) -> Stream:
        requests = requests_of(script, frames)
        return Stream(self._connection, script.protocol, script.options.get("timeout"), requests)

    def _listen(self, script: TranscribeScript, pieces: Iterable[Samples]) -> Stream:
        requests = requests_of(script, pieces)
        return Stream(self._connection, script.protocol, script.options.get("timeout"), requests)

    def _open(self, rpc: Rpc, config: Any, options: SessionOptions) -> Stream:
        protocol = StreamProtocol.of(rpc, options)
        stream = Stream(self._connection, protocol, options.get("timeout"))
        stream.open(protocol.config(config))
        return stream
