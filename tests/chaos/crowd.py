"""Many clients that never stop talking: one talk after the other, each remembered with what was answered."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from hiddenstate import AsyncClient, Client, ResumeEvent, ResumeLimits, ResumePoint, ServerError
from tests.talks import Talk, talk

SETTLED = {"SESSION_TAKEN_OVER", "ANSWERS_ACKNOWLEDGED"}
"""What one of two clients with the same token may be told while the other one goes on."""
LIMITS = ResumeLimits(attempts=1000, seconds=120.0, longest_wait=1.0)
PATIENCE = 90.0
"""Seconds without an answer after which a client hangs."""
BLOCKING_SHARE = 4
"""Every fourth client is the blocking one."""


@dataclass(frozen=True)
class Heard:
    """A talk and its answers. `hand`: which client, and how its answers came."""

    said: Talk
    answers: Sequence[str]
    hand: str


@dataclass
class Crowd:
    """`models`: names by task. `pause`: seconds between two pieces of a talk of `length` pieces."""

    address: str
    models: Mapping[str, Sequence[str]]
    size: int
    seed: int
    pause: float
    length: int
    heard: list[Heard] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    events: list[ResumeEvent] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    restarts_due: int = 0
    takeovers_due: int = 0
    _stopping: bool = False

    def begin(self) -> list[asyncio.Task[None]]:
        """All clients, each as a task that ends after its talk once they are asked to stop."""
        self._threads = ThreadPoolExecutor(self.size)
        return [asyncio.create_task(self._talk_on(number)) for number in range(self.size)]

    async def end(self, tasks: Sequence[asyncio.Task[None]]) -> None:
        """Let all end their talks."""
        self._stopping = True
        await asyncio.gather(*tasks)
        self._threads.shutdown()

    async def _talk_on(self, number: int) -> None:
        tasks = [(task, name) for task, names in self.models.items() for name in names]
        for round_ in count():
            if self._stopping:
                return
            task, model = tasks[(number + round_) % len(tasks)]
            said = talk(model, task, (self.seed * 1000 + number) * 1000 + round_, self.length)
            hear = self._hear_blocking if number % BLOCKING_SHARE == BLOCKING_SHARE - 1 else self._hear
            try:
                await hear(said)
            except Exception as error:
                self.problems.append(f"{said.method} {said.options}: {type(error).__name__}: {error}")

    async def _hear_blocking(self, said: Talk) -> None:
        def run() -> list[str]:
            with Client(self.address, resume=LIMITS, on_resume=self.events.append) as client:
                return list(said.say(client, self.pause, durability="stored"))

        answers = await asyncio.get_running_loop().run_in_executor(self._threads, run)
        self.heard.append(Heard(said, answers, "blocking"))

    async def _hear(self, said: Talk) -> None:
        """One talk: by one client, or by one that is lost in the middle and its successor, or by two at once."""
        answers: list[str] = []
        calls: list[Any] = []
        hand, point = "async", None
        async with self._client() as client, aclosing(self._said(client, said, calls.append)) as saying:
            async for answer in saying:
                answers.append(answer)
                point = calls[0].resume_point
                if point is not None and self.takeovers_due:
                    self.takeovers_due -= 1
                    self.counts["tokens used by two clients"] += 1
                    await self._hear_both(said, saying, answers, point)
                    return
                if point is not None and self.restarts_due:
                    # All that is left of this client is what it has saved.
                    self.restarts_due -= 1
                    self.counts["clients restarted"] += 1
                    hand = "restarted"
                    break
        if hand == "restarted":
            answers += await self._hear_rest(said, point)
        self.heard.append(Heard(said, answers, hand))

    async def _hear_rest(self, said: Talk, point: ResumePoint | None) -> list[str]:
        async with self._client() as client:
            return [answer async for answer in self._said(client, said, id, resume=point)]

    async def _hear_both(self, said: Talk, saying: AsyncIterator[str], had: list[str], point: ResumePoint) -> None:
        """A second client comes with the token of a first one that goes on: at least one has to hear all, and who does
        not has to be told why.
        """
        before = list(had)

        async def first() -> list[str]:
            return before + [answer async for answer in saying]

        async def second() -> list[str]:
            return before + await self._hear_rest(said, point)

        both = await asyncio.gather(first(), second(), return_exceptions=True)
        whole = [each for each in both if not isinstance(each, BaseException)]
        self.heard += [Heard(said, answers, "one of two") for answers in whole]
        told = [each.reason if isinstance(each, ServerError) else repr(each) for each in both if each not in whole]
        if not whole or not SETTLED.issuperset(told):
            self.problems.append(f"two clients with one token of {said.method}: {len(whole)} heard all, others: {told}")

    def _client(self) -> AsyncClient:
        return AsyncClient(self.address, resume=LIMITS, on_resume=self.events.append)

    async def _said(
        self, client: AsyncClient, said: Talk, watch: Callable[[Any], object], **options: Any
    ) -> AsyncIterator[str]:
        """The answers, none of which may take too long."""
        async with aclosing(
            said.say_async(client, self.pause, watch, **({"durability": "stored"} | options))
        ) as saying:
            while True:
                async with asyncio.timeout(PATIENCE):
                    answer = await anext(saying, None)
                if answer is None:
                    return
                yield answer
