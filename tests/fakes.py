"""Models, tasks and clocks for tests: exact arithmetic, nothing learned, no waiting on wall time."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer
from tokenizers.models import BPE

from service.batch import InputSpec
from service.engine import Engine
from service.errors import ServiceError
from service.frontends.text import TextFrontend
from service.pace import Pace
from service.runner import Runnable
from service.scheduler import Limits
from service.session import Chunk
from service.state import Array, StateSpec
from service.stream import Message, Stream
from service.tasks.inference import Inference, InferenceOptions, Outputs, Tensors
from service.tasks.task import NOTHING, Answer, End, Item, Reaction, Task, Turn

INLINE = Pace(inline_limit=float("inf"))
"""Every run stays on the event loop."""
THREADED = Pace(inline_limit=-1.0)
"""Every run goes to the thread."""

T = TypeVar("T")


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


class RunningSum:
    """State: the sum of all steps so far; output: that sum after each step. Exact for small whole numbers.

    Outputs behind a row's length are NaN, so that whoever reads padding is found out. `runs` remembers the lengths
    of every batch.
    """

    def __init__(self, features: int = 1, dtype: str = "float64") -> None:
        self.inputs = (InputSpec("x", (features,), dtype),)
        self.states = (StateSpec("sum", (features,), dtype),)
        self.runs: list[list[int]] = []

    def run(
        self, inputs: Mapping[str, Array], lengths: NDArray[np.int32], state: Mapping[str, Array]
    ) -> tuple[dict[str, Array], dict[str, Array]]:
        self.runs.append(lengths.tolist())
        sums = np.cumsum(inputs["x"], axis=1) + state["sum"][:, None]  # [batch, time, features]
        behind = np.arange(sums.shape[1]) >= lengths[:, None]  # [batch, time]
        last = sums[np.arange(len(lengths)), lengths - 1]  # [batch, features]
        return {"y": np.where(behind[..., None], np.nan, sums)}, {"sum": last}


class Raising(RunningSum):
    """A running sum that raises for the whole batch when one of its rows holds the poison."""

    POISON = 666.0

    def run(
        self, inputs: Mapping[str, Array], lengths: NDArray[np.int32], state: Mapping[str, Array]
    ) -> tuple[dict[str, Array], dict[str, Array]]:
        if (inputs["x"] == self.POISON).any():
            self.runs.append(lengths.tolist())
            raise ValueError("poison in the batch")
        return super().run(inputs, lengths, state)


class Babble:
    """A language model that learned nothing: the logits after each step depend on every token before, and on no row
    beside. `lookup` is its whole knowledge, so that a test can foretell it."""

    _STATES = 997

    def __init__(self, vocabulary: int, classes: int | None = None) -> None:
        self.inputs = (InputSpec("tokens", (), "int64"),)
        self.states = (StateSpec("seen", (), "int64"),)
        self._logits = (
            np.random.default_rng(2).normal(size=(self._STATES, classes or vocabulary)).astype(np.float32) * 2
        )

    def lookup(self, tokens: Iterable[int]) -> Array:
        """The logits after these tokens."""
        seen = 0
        for token in tokens:
            seen = (31 * seen + token + 1) % self._STATES
        return self._logits[seen]

    def run(
        self, inputs: Mapping[str, Array], lengths: NDArray[np.int32], state: Mapping[str, Array]
    ) -> tuple[dict[str, Array], dict[str, Array]]:
        tokens, seen = inputs["tokens"], state["seen"]
        logits = np.full((*tokens.shape, self._logits.shape[1]), np.nan, np.float32)
        for step in range(tokens.shape[1]):
            valid = step < lengths
            seen = np.where(valid, (31 * seen + tokens[:, step] + 1) % self._STATES, seen)
            logits[valid, step] = self._logits[seen[valid]]
        return {"logits": logits}, {"seen": seen}


def letters(start_token: str | None = None) -> TextFrontend:
    """A frontend of single characters: "a" to "e", space, full stop and, first of all, a start token."""
    vocabulary = {"<start>": 0} | {character: place for place, character in enumerate("abcde .", start=1)}
    tokenizer = Tokenizer(BPE(vocabulary, []))
    tokenizer.add_special_tokens(["<start>"])
    return TextFrontend(tokenizer, start_token)


class Slow(RunningSum):
    """A running sum that waits, in its thread, until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self._begun = threading.Semaphore(0)
        self._permits = threading.Semaphore(0)

    async def begun(self) -> None:
        """Return once a run has begun that nobody waited for yet."""
        assert await asyncio.to_thread(self._begun.acquire, timeout=5)

    def let_go(self, runs: int = 1) -> None:
        self._permits.release(runs)

    def run(
        self, inputs: Mapping[str, Array], lengths: NDArray[np.int32], state: Mapping[str, Array]
    ) -> tuple[dict[str, Array], dict[str, Array]]:
        self._begun.release()
        assert self._permits.acquire(timeout=5), "nobody let this run go"
        return super().run(inputs, lengths, state)


@dataclass(slots=True)
class Talk:
    left: int = 0
    busy: bool = False


class Talking:
    """A session that answers the message `n` with `n` items, feeding itself one step of 1 for each."""

    name = "talking"

    def begin(self, options: object) -> Talk:
        return Talk()

    def accept(self, progress: Talk, message: int | End, sequence_number: int, now: float) -> Chunk:
        progress.busy = True
        if isinstance(message, End):
            return Chunk(sequence_number, {}, 0, now, mark=message)
        progress.left = message
        return self._step(sequence_number, now)

    def react(self, turns: Sequence[Turn[Talk]], outputs: Mapping[str, Array], now: float) -> Sequence[Reaction]:
        return [self._reaction(turn, outputs, now) for turn in turns]

    def _reaction(self, turn: Turn[Talk], outputs: Mapping[str, Array], now: float) -> Reaction:
        chunk = turn.segments[-1].chunk
        if isinstance(chunk.mark, End):
            return Reaction(done=True)
        turn.progress.left -= 1
        turn.progress.busy = turn.progress.left > 0
        item = Item(chunk.sequence_number, float(outputs["y"][turn.row, turn.steps - 1, 0]))
        return Reaction([item], self._step(chunk.sequence_number, now) if turn.progress.busy else None)

    @staticmethod
    def _step(sequence_number: int, now: float) -> Chunk:
        return Chunk(sequence_number, {"x": np.ones((1, 1))}, 1, now)


@dataclass(slots=True)
class Listen:
    busy: bool = False


class Faulty:
    """A task with a fault: accepting "accept" raises, and so does reacting to a tick that holds "react"."""

    name = "faulty"

    def begin(self, options: object) -> Listen:
        return Listen()

    def accept(self, progress: Listen, message: str, sequence_number: int, now: float) -> Chunk:
        if message == "accept":
            raise ZeroDivisionError
        return Chunk(sequence_number, {"x": np.ones((1, 1))}, 1, now, mark=message)

    def react(self, turns: Sequence[Turn[Listen]], outputs: Mapping[str, Array], now: float) -> Sequence[Reaction]:
        if any(segment.chunk.mark == "react" for turn in turns for segment in turn.segments):
            raise ZeroDivisionError
        return [NOTHING for _ in turns]


def inference_of(model: RunningSum, max_steps: int = 100_000) -> Inference:
    """The generic task on a running sum."""
    return Inference(model.inputs, ("y",), max_steps=max_steps)


def engine_of(
    model: Any, *, limits: Limits | None = None, pace: Pace = INLINE, clock: Callable[[], float] | None = None
) -> Engine:
    """An engine on a fake model, which names its own inputs and states."""
    runnable: Runnable = model
    limits = limits or Limits(max_sessions=16)
    return Engine(
        "fake", runnable, inputs=model.inputs, states=model.states, limits=limits, pace=pace, clock=clock or Clock()
    )


@asynccontextmanager
async def running(engine: Engine) -> AsyncIterator[Engine]:
    """The engine with its loop turning."""
    loop = asyncio.create_task(engine.run())
    try:
        yield engine
        assert not loop.done(), "the loop has ended"
    finally:
        loop.cancel()
        with suppress(asyncio.CancelledError):
            await loop


async def passes(count: int = 20) -> None:
    """Let the event loop turn a few times, so that whatever can happen without time has happened."""
    for _ in range(count):
        await asyncio.sleep(0)


async def send(engine: Engine, stream: Stream, payloads: Iterable[Any]) -> None:
    """Submit messages numbered from 1, as a transport does: no faster than there is room."""
    for number, payload in enumerate(payloads, start=1):
        await stream.has_room()
        engine.submit(stream, payload if isinstance(payload, Exception) else Message(number, payload))


async def read(stream: Stream) -> list[Answer]:
    """All answers until the stream ends well. Raises its error once it has not."""
    collected: list[Answer] = []
    while answers := await stream.answers():
        collected += answers
    return collected


async def collect(stream: Stream) -> tuple[list[Answer], ServiceError | None]:
    """All answers, and the error at the end if there is one."""
    answers: list[Answer] = []
    try:
        while more := await stream.answers():
            answers += more
    except ServiceError as error:
        return answers, error
    return answers, None


async def converse(engine: Engine, task: Task[Any], options: Any, payloads: Iterable[Any], name: str) -> list[Answer]:
    """One session from its config to its end."""
    stream = engine.open(task, options, name)
    sender = asyncio.create_task(send(engine, stream, payloads))
    try:
        return await read(stream)
    finally:
        await sender


async def crowd(
    engine: Engine, task: Task[Any], options: Any, conversations: Sequence[Iterable[Any]]
) -> list[list[Answer]]:
    """Several sessions at once, one for each conversation."""
    async with running(engine):
        sessions = (converse(engine, task, options, said, f"s{n}") for n, said in enumerate(conversations))
        return list(await asyncio.gather(*sessions))


def play(scene: Coroutine[Any, Any, T]) -> T:
    """Run a scene to its end on a fresh event loop; one that hangs fails."""
    return asyncio.run(asyncio.wait_for(scene, timeout=20))


def infer(
    model: Any, conversations: Sequence[Sequence[Array]], *, limits: Limits | None = None, pace: Pace = INLINE
) -> list[list[Answer]]:
    """What each of several concurrent sessions answers to its messages: one answer for each message."""
    said = [[*(Tensors({"x": chunk}) for chunk in chunks), End()] for chunks in conversations]
    engine = engine_of(model, limits=limits, pace=pace)
    return play(crowd(engine, inference_of(model), InferenceOptions(), said))


def joined(answers: Iterable[Answer], name: str = "y") -> Array:
    """The outputs of a session over all of its answers, [steps, ...]."""
    return np.concatenate([outputs.tensors[name] for _, _, outputs in answers if isinstance(outputs, Outputs)])
