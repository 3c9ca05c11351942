"""The runner: carries a batch to the model, on the event loop while that is cheaper than a thread, else in a thread."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from service.batch import Batch, InputSpec, Outcome
from service.metrics import Histogram
from service.state import Array

# A call whose duration is not known yet goes to a thread.
_UNKNOWN = float("inf")


class Runnable(Protocol):
    """A model as the engine sees it."""

    def run(
        self, inputs: Mapping[str, Array], lengths: NDArray[np.int32], state: Mapping[str, Array]
    ) -> tuple[Mapping[str, Array], Mapping[str, Array]]:
        """Inputs [batch, time, ...], lengths [batch], state [batch, ...] → outputs [batch, time, ...], next state."""
        ...


class Runner:
    """Runs batches of one model, one at a time, and learns how long each size takes.

    A hop to a thread and back costs 25 to 55 µs and lets the loop serve its sockets meanwhile, so a run expected to
    take less than `inline_limit` seconds stays on the loop.
    """

    def __init__(
        self,
        model: Runnable,
        inputs: Sequence[InputSpec],
        inline_limit: float,
        run_time: Histogram,
        *,
        on_device: bool = False,
    ) -> None:
        """`on_device`: the thread that calls the model waits for what computes elsewhere."""
        self._model = model
        # On a busy core a run in a thread waits for the loop far longer than it computes: counted by what it lasts, it
        # would never come back to the loop.
        self._clock = time.perf_counter if on_device else time.thread_time
        self._inputs = tuple(inputs)
        self._inline_limit = inline_limit
        self._run_time = run_time
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="tick")
        # Seconds, a moving average, by lane and the powers of two that rows and steps lie between.
        self._expected: dict[tuple[int, int, int], float] = {}

    async def run(self, batch: Batch, state: Mapping[str, Array]) -> Outcome:
        """Pack the batch and call the model. Raises whatever the model raises."""
        size = (batch.lane, len(batch.lengths).bit_length(), batch.steps.bit_length())
        inputs = batch.inputs(self._inputs)
        started = time.perf_counter()
        if self._expected.get(size, _UNKNOWN) <= self._inline_limit:
            outcome, cost = self._measured(inputs, batch.lengths, state)
        else:
            loop = asyncio.get_running_loop()
            outcome, cost = await loop.run_in_executor(self._thread, self._measured, inputs, batch.lengths, state)
        self._run_time.add(time.perf_counter() - started)
        self._expected[size] = 0.8 * self._expected.get(size, cost) + 0.2 * cost
        return outcome

    def _measured(
        self, inputs: Mapping[str, Array], lengths: NDArray[np.int32], state: Mapping[str, Array]
    ) -> tuple[Outcome, float]:
        """The outcome, and the seconds that it took the thread."""
        started = self._clock()
        outcome = Outcome(*self._model.run(inputs, lengths, state))
        return outcome, self._clock() - started

    def close(self) -> None:
        """Let the thread go; a call that is still running ends by itself."""
        self._thread.shutdown(wait=False)
