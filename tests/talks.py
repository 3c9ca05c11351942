"""What clients say at every task, through both Python clients: made from a seed, at a pace, with plain answers."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hiddenstate import AsyncClient, Client
from tests.tones import spoken

WORDS = "a fine film and bad one it is truth universally acknowledged that the old man sleeps well".split()  # noqa: SIM905
FEATURES = {
    "tiny-table": 3,
    "digits": 64,
    "breast-cancer": 30,
    "tiny-gesture": 2,
    "japanese-vowels": 12,
    "cricket": 1,
    "fingerspelling": 126,
}
"""Numbers in a row, or in a frame, of the models that take rows or frames."""


@dataclass(frozen=True)
class Talk:
    """One stream: a method of the clients, what is given to it, piece by piece, and its options.

    A session is driven by its caller: it is opened, and then each piece is sent and its answer awaited.
    """

    method: str
    pieces: Sequence[Any]
    options: dict[str, Any] = field(default_factory=dict)
    driven: bool = False

    def say(self, client: Client, pause: float = 0.0, **options: Any) -> Iterator[str]:
        """The answers, as they come, through the blocking client."""
        said = self.options | options
        if self.driven:
            with client.infer_session(**said) as session:
                sent = _taken(session.opened)
                for number in range(_received(said), len(self.pieces)):
                    for piece in self.pieces[sent : number + 1]:
                        session.send(np.array(piece))
                    sent = max(sent, number + 1)
                    yield plain(session.receive())
                    time.sleep(pause)
            return
        stream = self._stream(client, _paced(self.pieces, pause), said)
        yield from map(plain, stream)
        if told := _told(stream):
            yield plain(told)

    async def say_async(
        self, client: AsyncClient, pause: float = 0.0, watch: Callable[[Any], object] = id, **options: Any
    ) -> AsyncIterator[str]:
        """The same through the async client. `watch` is shown the call once it is made."""
        said = self.options | options
        if self.driven:
            async with client.infer_session(**said) as session:
                watch(session)
                sent = _taken(session.opened)
                for number in range(_received(said), len(self.pieces)):
                    for piece in self.pieces[sent : number + 1]:
                        await session.send(np.array(piece))
                    sent = max(sent, number + 1)
                    yield plain(await session.receive())
                    await asyncio.sleep(pause)
            return
        stream = self._stream(client, _paced_async(self.pieces, pause), said)
        watch(stream)
        async for answer in stream:
            yield plain(answer)
        if told := _told(stream):
            yield plain(told)

    def _stream(self, client: Any, pieces: Any, options: dict[str, Any]) -> Any:
        method = getattr(client, self.method)
        return method(pieces, **options) if self.pieces else method(**options)


def talk(model: str, task: str, seed: int, length: int) -> Talk:
    """What is said to a model of a task; `length`: of pieces, about."""
    return TALKS[task](model, random.Random(seed), length)


def plain(answer: Any) -> str:
    """An answer as text that is the same for the same bits alone."""
    if isinstance(answer, dict):
        return repr({name: (str(array.dtype), array.shape, array.tobytes().hex()) for name, array in answer.items()})
    return repr(answer)


def _told(stream: Any) -> Any:
    """What a stream tells beside its answers."""
    return getattr(stream, "completion", None) or getattr(stream, "composition", None)


def _received(options: dict[str, Any]) -> int:
    """Answers that a client had before it was restarted: one for each piece of a session that is driven."""
    point = options.get("resume")
    return point.received_answer_number if point else 0


def _taken(opened: Any) -> int:
    return opened.next_sequence_number - 1 if opened else 0


def _paced(pieces: Sequence[Any], pause: float) -> Iterator[Any]:
    for piece in pieces:
        yield piece
        time.sleep(pause)


async def _paced_async(pieces: Sequence[Any], pause: float) -> AsyncIterator[Any]:
    for piece in pieces:
        yield piece
        await asyncio.sleep(pause)


def _sentences(chance: random.Random, count: int, most: int) -> list[list[str]]:
    return [chance.choices(WORDS, k=chance.randint(1, most)) for _ in range(count)]


def _rows(chance: random.Random, count: int, width: int) -> list[list[float]]:
    return [[round(chance.uniform(0, 9), 3) for _ in range(width)] for _ in range(count)]


def _text(model: str, chance: random.Random, length: int) -> Talk:
    pieces = [" ".join(words) + " " for words in _sentences(chance, length, 3)]
    options = {"model": model, "seed": chance.randrange(1 << 32), "max_tokens": 20 * length, "log_probabilities": True}
    return Talk("generate", pieces, options)


def _sentiment(model: str, chance: random.Random, length: int) -> Talk:
    return Talk("sentiments", [" ".join(words) for words in _sentences(chance, length, 6)], {"model": model})


def _tagging(model: str, chance: random.Random, length: int) -> Talk:
    return Talk("tag_sentences", _sentences(chance, length, 6), {"model": model, "alternatives": 2})


def _classification(model: str, chance: random.Random, length: int) -> Talk:
    return Talk("classify", _rows(chance, length, FEATURES[model]), {"model": model})


def _forecast(model: str, chance: random.Random, length: int) -> Talk:
    values = [round(chance.uniform(10, 20), 3) for _ in range(length + 12)]
    return Talk("forecast", values, {"model": model, "each": True})


def _translation(model: str, chance: random.Random, length: int) -> Talk:
    return Talk("translations", [" ".join(words) for words in _sentences(chance, length, 3)], {"model": model})


def _gesture(model: str, chance: random.Random, length: int) -> Talk:
    frames = _rows(chance, 2 * length, FEATURES[model])
    return Talk("gesture", frames, {"model": model, "interim_results": False, "detect_events": True})


def _music(model: str, chance: random.Random, length: int) -> Talk:
    return Talk("compose", (), {"model": model, "seed": chance.randrange(1 << 32), "quarters": float(2 * length)})


def _speech(model: str, chance: random.Random, length: int) -> Talk:
    pieces = [spoken("".join(chance.choices("abcde .", k=4))) for _ in range(length)]
    options = {"model": model, "interim_results": False, "silence": 0.2, "word_times": True}
    return Talk("transcribe", pieces, options)


def _tensors(model: str, chance: random.Random, length: int) -> Talk:
    pieces = [[chance.randrange(11) for _ in range(chance.randint(1, 4))] for _ in range(length)]
    return Talk("infer_session", pieces, {"model": model}, driven=True)


TALKS: dict[str, Callable[[str, random.Random, int], Talk]] = {
    "text_generation": _text,
    "sentiment": _sentiment,
    "tagging": _tagging,
    "classification": _classification,
    "forecast": _forecast,
    "translation": _translation,
    "gesture": _gesture,
    "music": _music,
    "transcription": _speech,
    "inference": _tensors,
}
TINY = {
    "text_generation": "tiny-generator",
    "sentiment": "tiny-sentiment",
    "tagging": "tiny-words",
    "classification": "tiny-table",
    "forecast": "tiny-forecast",
    "translation": "tiny-translation",
    "gesture": "tiny-gesture",
    "music": "tiny-music",
    "transcription": "tiny-speech",
    "inference": "tiny-lstm",
}
"""The tiny model of each task."""
