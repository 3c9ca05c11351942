"""Sessions that run beside whatever else happens on a server, and must not notice any of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tests.calls import END_OF_STREAM, Target, request_of, rest
from tests.repositories import PLAIN
from tests.tones import audio_json

END: dict[str, Any] = {"end": {}}


@dataclass(frozen=True)
class Conversation:
    """What a client says on one stream: `before` and `after` something else happens."""

    method: str
    config: dict[str, Any]
    before: Sequence[dict[str, Any]]
    after: Sequence[dict[str, Any]]


def tokens(*ids: int) -> dict[str, Any]:
    """A chunk of token ids for a model that takes only these."""
    return {"chunk": {"inputs": [{"array": list(ids), "dtype": "int64"}]}}


CONVERSATIONS = (
    Conversation(
        "Infer",
        {"session": {"model": PLAIN}},
        [tokens(1, 2, 3), tokens(4)],
        [tokens(5, 6, 7, 8, 9), {"finish": {}}, tokens(10, 0)],
    ),
    Conversation(
        "GenerateText",
        {"seed": 7, "options": {"maxTokenCount": 6, "logProbabilities": True}},
        [{"prompt": {"text": "It is a truth universally"}}, {"generate": {}}],
        [{"prompt": {"text": " acknowledged"}}, {"generate": {"options": {"maxTokenCount": 4, "topK": 40}}}],
    ),
    Conversation(
        "AnalyzeSentiment",
        {"interimResults": False},
        [{"text": {"text": "a fine fil"}}, {"text": {"text": "m . "}}],
        [{"finish": {}}, {"text": {"text": "and a bad one"}}],
    ),
    Conversation(
        "TagTokens",
        {"alternativeCount": 2},
        [{"words": {"words": ["a", "fine"]}}, {"words": {"words": ["film"]}}],
        [{"finish": {}}, {"words": {"words": ["and", "a", "bad", "one"]}}],
    ),
    Conversation(
        "Classify",
        {"classCount": 2},
        [{"examples": {"features": [1, 2, 3]}}],
        [{"examples": {"features": [4, 5, 6, -1, -2, -3]}}],
    ),
    Conversation(
        "Translate",
        {"options": {"beamCount": 3, "hypothesisCount": 2, "attention": True, "alternativeCount": 2}},
        [{"text": {"text": "It is a tr"}}, {"text": {"text": "uth"}}, {"finish": {}}],
        [{"text": {"text": "universally acknowledged"}}, {"finish": {}}, {"text": {"text": "x"}}],
    ),
    Conversation(
        "Forecast",
        {"trigger": "FORECAST_TRIGGER_ON_DEMAND"},
        [{"observations": {"values": [10, 12, 15]}}, {"forecast": {"options": {"horizonCount": 2}}}],
        [{"observations": {"values": [11, "NaN", 14]}}, {"finish": {}}, {"observations": {"values": [-3, 4]}}],
    ),
    Conversation(
        "RecognizeGesture",
        {"interimResults": False, "detectEvents": True},
        [{"frames": {"values": [0, 0, 1, 0, 2, 1]}}, {"frames": {"values": [3, 3]}}],
        [{"frames": {"values": [3, 3, 3, 3, 3, 3, 9, 1, 2, 2]}}, {"finish": {}}, {"frames": {"values": [5, 5, 0, 0]}}],
    ),
    Conversation(
        "ComposeMusic",
        {"seed": 7, "key": {"tonic": 7}, "options": {"quarterCount": 1.5, "logProbabilities": True}},
        [{"prime": {"notes": [{"voice": 3, "pitch": 55, "quarterCount": 1}]}}, {"compose": {}}],
        [{"melody": {"notes": [{"pitch": 64, "startQuarter": 2.5, "quarterCount": 1}]}}, {"compose": {"tempo": 60}}],
    ),
    Conversation(
        "Transcribe",
        {
            "audioFormat": {"sampleRateHertz": 16000},
            "interimResults": False,
            "wordTimes": True,
            "alternativeCount": 3,
            "endpointing": {"silenceDuration": "0.2s"},
        },
        [audio_json("ab c"), audio_json("a....", loudness=0.18)],
        [audio_json("e d"), {"finish": {}}, audio_json("dada.")],
    ),
)
"""One for each endpoint that is served."""


class Neighbour:
    """A live session."""

    def __init__(self, target: Target, conversation: Conversation) -> None:
        self._said = conversation
        self._stream = target.stream(conversation.method)

    async def begin(self) -> None:
        """Open the session and say the first half."""
        await self._say({"config": self._said.config})
        opened = await self._stream.read()
        assert opened is not END_OF_STREAM, await self._stream.details()
        for message in self._said.before:
            await self._say(message)

    async def answers(self) -> list[bytes]:
        """Say the rest and give all items of all answers as bytes, however they were merged into messages."""
        for message in (*self._said.after, END):
            await self._say(message)
        return [item async for response in rest(self._stream) for item in items(response)]

    async def _say(self, message: dict[str, Any]) -> None:
        await self._stream.write(request_of(self._said.method, message))


def items(response: Any) -> list[bytes]:
    """The items of one response, each as bytes."""
    content = getattr(response, response.WhichOneof("content"))
    kind = response.WhichOneof("content")
    parts = getattr(content, kind) if kind in ("tokens", "tags", "classifications", "notes") else [content]
    return [part.SerializeToString(deterministic=True) for part in parts]


async def alone(target: Target) -> list[list[bytes]]:
    """What each conversation is answered when nothing else happens."""
    answers = []
    for conversation in CONVERSATIONS:
        neighbour = Neighbour(target, conversation)
        await neighbour.begin()
        answers.append(await neighbour.answers())
    return answers


@asynccontextmanager
async def undisturbed(target: Target, expected: Sequence[Sequence[bytes]]) -> AsyncIterator[None]:
    """Sessions on every endpoint are in the middle of their conversation; their answers must be those of `alone`."""
    neighbours = [Neighbour(target, conversation) for conversation in CONVERSATIONS]
    await asyncio.gather(*(neighbour.begin() for neighbour in neighbours))
    yield
    assert await asyncio.gather(*(neighbour.answers() for neighbour in neighbours)) == expected
