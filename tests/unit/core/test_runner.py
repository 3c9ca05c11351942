"""The runner takes runs of unknown or long duration off the loop, and keeps short ones on it."""

import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from service import runner as runner_module
from service.batch import Batch, Row
from service.metrics import SECONDS, Histogram
from service.runner import Runner
from service.session import Chunk, Segment, Session
from service.state import Array, Tenancy
from tests.fakes import Clock, RunningSum

STATE = {"sum": np.array([[10.0]])}


def batch(*values: float) -> Batch:
    """One row of these steps."""
    chunk = Chunk(1, {"x": np.array(values)[:, None]}, len(values))
    session = Session("s", Tenancy(0, 0), 99, patience=1.0, touched=0.0)
    return Batch((Row(session, session.tenancy, (Segment(chunk, 0, len(values)),), len(values)),))


class Timed(RunningSum):
    """A running sum that computes for `seconds` on a fake clock, waits for `waiting`, and tells where it ran."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock
        self.seconds = self.waiting = self.waited = 0.0
        self.on_loop: list[bool] = []

    def run(self, inputs: Mapping[str, Array], lengths: Any, state: Mapping[str, Array]) -> Any:
        self.on_loop.append(threading.current_thread() is threading.main_thread())
        self.clock.advance(self.seconds + self.waiting)
        self.waited += self.waiting
        return super().run(inputs, lengths, state)


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Timed:
    clock = Clock()
    model = Timed(clock)
    monkeypatch.setattr(runner_module.time, "perf_counter", clock)
    monkeypatch.setattr(runner_module.time, "thread_time", lambda: clock() - model.waited)
    return model


@pytest.fixture
def run_time() -> Histogram:
    return Histogram(SECONDS)


@pytest.fixture
def runner(model: Timed, run_time: Histogram):
    runner = Runner(model, model.inputs, 0.001, run_time)
    yield runner
    runner.close()


async def test_outputs_and_next_state_are_those_of_the_model(runner: Runner):
    outcome = await runner.run(batch(1, 2), STATE)
    assert outcome.outputs["y"].tolist() == [[[11], [13]]]
    assert outcome.next_state["sum"].tolist() == [[13]]


async def test_a_size_that_was_short_before_stays_on_the_loop(runner: Runner, model: Timed):
    for _ in range(3):
        await runner.run(batch(1), STATE)
    assert model.on_loop == [False, True, True]


async def test_each_size_is_learned_by_itself(runner: Runner, model: Timed):
    await runner.run(batch(1), STATE)
    model.seconds = 0.01
    await runner.run(batch(*[1.0] * 16), STATE)
    await runner.run(batch(*[1.0] * 17), STATE)
    model.seconds = 0.0
    await runner.run(batch(1), STATE)
    assert model.on_loop == [False, False, False, True]


async def test_a_size_that_became_slow_leaves_the_loop_and_comes_back(runner: Runner, model: Timed):
    await runner.run(batch(1), STATE)
    model.seconds = 0.1
    await runner.run(batch(1), STATE)
    model.seconds = 0.0
    while len(model.on_loop) < 40 and not (len(model.on_loop) > 3 and model.on_loop[-1]):
        await runner.run(batch(1), STATE)
    assert model.on_loop[:3] == [False, True, False]
    assert model.on_loop[-1]


async def test_a_run_that_waits_for_its_core_is_no_long_one(runner: Runner, model: Timed):
    model.waiting = 0.1
    for _ in range(3):
        await runner.run(batch(1), STATE)
    assert model.on_loop == [False, True, True]


async def test_a_run_on_a_device_counts_its_wait(model: Timed, run_time: Histogram):
    runner = Runner(model, model.inputs, 0.001, run_time, on_device=True)
    model.waiting = 0.1
    for _ in range(3):
        await runner.run(batch(1), STATE)
    assert model.on_loop == [False, False, False]
    runner.close()


@pytest.mark.parametrize("limit", [-1.0, float("inf")], ids=["thread", "loop"])
async def test_what_the_model_raises_comes_out_as_it_is(limit: float, model: Timed, run_time: Histogram):
    runner = Runner(model, model.inputs, limit, run_time)
    with pytest.raises(KeyError, match="sum"):
        await runner.run(batch(1), {})
    runner.close()
    assert run_time.total == 0


async def test_the_time_of_every_run_is_counted(runner: Runner, model: Timed, run_time: Histogram):
    model.seconds = 0.25
    await runner.run(batch(1), STATE)
    await runner.run(batch(1), STATE)
    assert run_time.total == 0.5
    assert sum(run_time.counts) == 2
