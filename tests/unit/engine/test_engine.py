"""The engine: what goes in waits its turn, what comes out is merged or held, and one session's fault stays its own."""

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from service.engine import Engine
from service.errors import Reason, ServiceError, invalid
from service.pace import Pace
from service.scheduler import Limits
from service.stream import Message, Stream
from service.tasks.inference import InferenceOptions, Tensors
from service.tasks.task import Answer, End
from tests.fakes import (
    THREADED,
    Clock,
    Faulty,
    Raising,
    RunningSum,
    Slow,
    Talking,
    engine_of,
    inference_of,
    passes,
    read,
    running,
    send,
)


def tensors(*values: float) -> Tensors:
    return Tensors({"x": np.array(values, np.float64)[:, None]})


def listening(engine: Engine, model: RunningSum, name: str = "s") -> Stream:
    return engine.open(inference_of(model), InferenceOptions(), name)


def talking(engine: Engine, name: str = "s") -> Stream:
    return engine.open(Talking(), None, name)


def last_sums(answers: list[Answer]) -> list[float]:
    return [answer.item.tensors["y"][-1, 0] for answer in answers]


def values(answers: list[Answer]) -> list[float]:
    return [answer.item for answer in answers]


async def until(condition: Callable[[], Any]) -> None:
    """Turn the loop until the condition holds; a test that never gets there runs into its time limit."""
    while not condition():
        await passes(1)


# Admission.


async def test_a_refused_session_leaves_nothing_behind():
    model = RunningSum()
    engine = engine_of(model, limits=Limits(max_sessions=1))
    with pytest.raises(ServiceError) as caught:
        engine.open(inference_of(model), InferenceOptions(outputs=("z",)), "s")
    assert caught.value.reason is Reason.TENSOR_UNKNOWN
    listening(engine, model)
    for name, reason in [("s", Reason.SESSION_ID_IN_USE), ("t", Reason.SESSIONS_EXHAUSTED)]:
        with pytest.raises(ServiceError) as caught:
            listening(engine, model, name)
        assert caught.value.reason is reason
    assert engine.gauges.active_sessions == 1
    assert engine.counters.sessions_opened == 1


async def test_the_cadence_of_a_client_makes_its_chunks_urgent():
    model = RunningSum()
    async with running(engine_of(model, limits=Limits(max_sessions=2, max_batch_rows=1))) as engine:
        patient = engine.open(inference_of(model), InferenceOptions(), "patient", patience=9.0)
        urgent = engine.open(inference_of(model), InferenceOptions(), "urgent", patience=0.01)
        engine.submit(patient, Message(1, tensors(1)))
        engine.submit(urgent, Message(1, tensors(2)))
        await urgent.answers()
        assert patient.outbox == []
        await patient.answers()


# What comes at once runs at once.


async def one_a_pass(engine: Engine, streams: list[Stream]) -> None:
    """Each pass of the event loop brings a message of another session, as a transport does that reads many."""
    for stream in streams:
        engine.submit(stream, Message(1, tensors(1)))
        await asyncio.sleep(0)


async def ticks_of(gather_time: float) -> int:
    """How many ticks it takes to answer them."""
    model = RunningSum()
    async with running(engine_of(model, pace=Pace(gather_time=gather_time))) as engine:
        streams = [listening(engine, model, str(number)) for number in range(12)]
        await one_a_pass(engine, streams)
        await asyncio.gather(*(stream.answers() for stream in streams))
        assert engine.counters.rows.total == 12
        return sum(engine.counters.rows.counts)


async def test_messages_that_keep_coming_run_in_one_batch():
    assert await ticks_of(gather_time=5.0) == 1


async def test_a_tick_waits_for_them_no_longer_than_the_pace_says():
    assert await ticks_of(gather_time=0.0) > 1


# Back-pressure of what goes in.


async def test_a_full_backlog_stops_the_transport_and_loses_nothing():
    model = Slow()
    limits = Limits(max_sessions=1, max_backlog_steps=4, max_chunk_steps=2)
    async with running(engine_of(model, limits=limits, pace=THREADED)) as engine:
        stream = listening(engine, model)
        sender = asyncio.create_task(send(engine, stream, [tensors(n, n) for n in range(1, 6)]))
        await model.begun()
        await passes()
        assert not sender.done()
        assert len(stream.inbox) == 1
        assert stream.session.pending_steps <= 4
        model.let_go(5)
        await sender
        answers = []
        while len(answers) < 5:
            answers += await stream.answers()
        assert last_sums(answers) == [2, 6, 12, 20, 30]


async def test_a_message_over_the_limit_is_refused_after_all_before_it():
    model = RunningSum()
    async with running(engine_of(model, limits=Limits(max_sessions=1, max_backlog_steps=8))) as engine:
        stream = listening(engine, model)
        await send(engine, stream, [tensors(1), tensors(1, 1, 1, 1, 1)])
        assert last_sums(await stream.answers()) == [1]
        with pytest.raises(ServiceError, match="send it in pieces") as caught:
            await stream.answers()
        assert caught.value.reason is Reason.MESSAGE_TOO_LARGE


async def test_bad_input_ends_the_stream_once_all_before_it_is_answered():
    model = RunningSum()
    async with running(engine_of(model)) as engine:
        stream = listening(engine, model)
        engine.submit(stream, Message(1, tensors(1)))
        engine.submit(stream, Message(2, tensors(np.nan)))
        engine.submit(stream, Message(3, tensors(4)))
        assert last_sums(await stream.answers()) == [1]
        with pytest.raises(ServiceError) as caught:
            await stream.answers()
        assert caught.value.reason is Reason.TENSOR_NOT_FINITE
        assert engine.gauges.active_sessions == 0


async def test_an_error_of_the_transport_waits_for_a_session_that_is_still_answering():
    engine = engine_of(RunningSum(), limits=Limits(max_sessions=1, max_outbox_items=2))
    async with running(engine):
        stream = talking(engine)
        engine.submit(stream, Message(1, 5))
        engine.submit(stream, invalid(Reason.MESSAGE_EMPTY, "empty"))
        assert [values(await stream.answers()) for _ in range(5)] == [[1], [2], [3], [4], [5]]
        with pytest.raises(ServiceError) as caught:
            await stream.answers()
        assert caught.value.reason is Reason.MESSAGE_EMPTY


async def test_a_message_refused_after_its_task_took_it_ends_the_stream_too():
    """The task says it is busy with the message; the error must not wait for an answer that never comes."""
    engine = engine_of(RunningSum(), limits=Limits(max_sessions=1, max_backlog_steps=1))
    async with running(engine):
        stream = talking(engine)
        engine.submit(stream, Message(1, 3))
        with pytest.raises(ServiceError) as caught:
            await stream.answers()
        assert caught.value.reason is Reason.MESSAGE_TOO_LARGE


async def test_a_message_to_a_busy_session_waits_for_its_turn():
    async with running(engine_of(RunningSum())) as engine:
        stream = talking(engine)
        engine.submit(stream, Message(1, 2))
        engine.submit(stream, Message(2, 1))
        engine.submit(stream, Message(3, End()))
        assert [answer[:2] for answer in await read(stream)] == [(1, 1), (2, 1), (3, 2)]


# What comes out.


async def test_an_idle_server_sends_items_one_by_one():
    async with running(engine_of(RunningSum())) as engine:
        stream = talking(engine)
        engine.submit(stream, Message(1, 5))
        assert [values(await stream.answers()) for _ in range(5)] == [[1], [2], [3], [4], [5]]


async def test_a_busy_server_merges_the_items_of_many_ticks():
    """The first item goes out at once, later ones when the merge time is over or the session has answered."""
    clock = Clock()
    pace = Pace(inline_limit=-1.0, write_cost=0.01, write_share=0.5, max_merge=1.0)
    assert pace.merge_time(2) == 0.02
    model = Slow()
    async with running(engine_of(model, pace=pace, clock=clock)) as engine:
        one, two = talking(engine, "one"), talking(engine, "two")
        engine.submit(one, Message(1, 9))
        engine.submit(two, Message(1, 9))
        model.let_go(1)
        assert values(await one.answers()) == [1]
        model.let_go(3)
        await until(lambda: len(one.outbox) == 3)
        waiting = asyncio.create_task(one.answers())
        await passes()
        assert not waiting.done()
        clock.advance(0.02)
        model.let_go(1)
        assert values(await waiting) == [2, 3, 4, 5]
        model.let_go(4)
        assert values(await one.answers()) == [6, 7, 8, 9]
        assert values(await two.answers()) == [1, 2, 3, 4, 5, 6, 7, 8, 9]


def test_merging_is_bounded_and_one_writer_never_waits():
    pace = Pace(write_cost=0.001, write_share=0.5, max_merge=0.05)
    assert [pace.merge_time(writers) for writers in (1, 2, 11, 1000)] == [0.0, 0.002, 0.02, 0.05]


async def test_a_client_that_does_not_read_stops_its_session_which_goes_on_later_without_loss():
    model = RunningSum()
    engine = engine_of(model, limits=Limits(max_sessions=2, max_outbox_items=3))
    async with running(engine):
        stream = talking(engine)
        engine.submit(stream, Message(1, 10))
        await passes(50)
        assert (len(stream.outbox), len(model.runs)) == (3, 3)
        assert values(await stream.answers()) == [1, 2, 3]
        await passes(50)
        assert (len(stream.outbox), len(model.runs)) == (3, 6)
        collected = [1, 2, 3]
        while len(collected) < 10:
            collected += values(await stream.answers())
        assert collected == list(range(1, 11))


async def test_an_unread_outbox_stops_the_messages_behind_it_too():
    model = RunningSum()
    engine = engine_of(model, limits=Limits(max_sessions=2, max_outbox_items=2, max_backlog_steps=4))
    async with running(engine):
        stream = listening(engine, model)
        sender = asyncio.create_task(send(engine, stream, [tensors(1)] * 20 + [End()]))
        await passes(50)
        assert not sender.done()
        assert len(stream.outbox) < 6
        assert last_sums(await read(stream)) == list(range(1, 21))
        await sender


async def test_a_stopped_session_delays_no_other():
    engine = engine_of(RunningSum(), limits=Limits(max_sessions=2, max_outbox_items=1))
    async with running(engine):
        silent, live = talking(engine, "silent"), talking(engine, "live")
        engine.submit(silent, Message(1, 5))
        await send(engine, live, [5, End()])
        assert values(await read(live)) == [1, 2, 3, 4, 5]
        engine.close(silent)


# Faults.


async def test_several_guilty_rows_end_and_the_others_are_answered():
    model = Raising()
    engine = engine_of(model)
    streams = [listening(engine, model, f"s{number}") for number in range(7)]
    for number, stream in enumerate(streams):
        engine.submit(stream, Message(1, tensors(Raising.POISON if number in (2, 5) else number)))
    async with running(engine):
        for number, stream in enumerate(streams):
            if number in (2, 5):
                with pytest.raises(ServiceError) as caught:
                    await stream.answers()
                assert caught.value.reason is Reason.MODEL_RUN_FAILED
            else:
                assert last_sums(await stream.answers()) == [number]
    assert engine.counters.failed_rows == 2
    assert len(model.runs[0]) == 7


async def test_a_fault_in_accepting_a_message_ends_that_session_alone():
    """Also when the message waited, so that it is accepted in the middle of a tick that others share."""
    model = RunningSum()
    engine = engine_of(model, limits=Limits(max_sessions=3, max_backlog_steps=2))
    faulty, other = engine.open(Faulty(), None, "faulty"), listening(engine, model, "other")
    for number, said in enumerate(["fine", "fine", "accept"], start=1):
        engine.submit(faulty, Message(number, said))
    assert faulty.inbox
    engine.submit(other, Message(1, tensors(1)))
    async with running(engine):
        with pytest.raises(ServiceError) as caught:
            await faulty.answers()
        assert caught.value.reason is Reason.INTERNAL
        assert last_sums(await other.answers()) == [1]


async def test_a_fault_in_reacting_ends_the_sessions_of_that_task_and_tick():
    model = RunningSum()
    engine = engine_of(model)
    task = Faulty()
    guilty, beside, other = engine.open(task, None, "a"), engine.open(task, None, "b"), listening(engine, model, "c")
    engine.submit(guilty, Message(1, "react"))
    engine.submit(beside, Message(1, "fine"))
    engine.submit(other, Message(1, tensors(1)))
    async with running(engine):
        for stream in (guilty, beside):
            with pytest.raises(ServiceError) as caught:
                await stream.answers()
            assert caught.value.reason is Reason.INTERNAL
        assert last_sums(await other.answers()) == [1]
        later = listening(engine, model, "later")
        engine.submit(later, Message(1, tensors(2)))
        assert last_sums(await later.answers()) == [2]


async def test_what_the_model_says_reaches_the_log_and_the_client_in_one_line():
    class Wordy(RunningSum):
        def run(self, *_: Any) -> Any:
            raise RuntimeError("first line\nsecond line")

    model = Wordy()
    async with running(engine_of(model)) as engine:
        stream = listening(engine, model)
        engine.submit(stream, Message(1, tensors(1)))
        with pytest.raises(ServiceError, match=r"first line$"):
            await stream.answers()


# Ends.


async def test_closing_ends_a_session_once_and_later_messages_are_dropped():
    model = RunningSum()
    async with running(engine_of(model)) as engine:
        stream = listening(engine, model)
        engine.close(stream)
        engine.close(stream)
        engine.submit(stream, Message(1, tensors(1)))
        await stream.has_room()
        assert await stream.answers() == []
        assert engine.counters.sessions_ended == {"cancelled": 1}
        assert model.runs == []


async def test_a_client_that_leaves_while_its_row_fails_ends_once():
    class SlowlyRaising(Slow):
        def run(self, *arguments: Any) -> Any:
            super().run(*arguments)
            raise ValueError

    model = SlowlyRaising()
    async with running(engine_of(model, pace=THREADED)) as engine:
        stream = listening(engine, model)
        engine.submit(stream, Message(1, tensors(1)))
        await model.begun()
        engine.close(stream)
        model.let_go()
        await until(lambda: engine.counters.failed_rows)
        assert engine.counters.sessions_ended == {"cancelled": 1}


async def test_silent_sessions_expire_with_a_reason_and_busy_ones_do_not():
    clock, model = Clock(), RunningSum()
    engine = engine_of(model, limits=Limits(max_sessions=2, max_outbox_items=1, idle_timeout=5.0), clock=clock)
    async with running(engine):
        silent, unread = listening(engine, model, "silent"), talking(engine, "unread")
        engine.submit(silent, Message(1, tensors(1)))
        engine.submit(unread, Message(1, 3))
        await passes()
        clock.advance(4.9)
        engine.expire()
        assert engine.gauges.active_sessions == 2
        clock.advance(0.1)
        engine.expire()
        assert last_sums(await silent.answers()) == [1]
        with pytest.raises(ServiceError, match="silent for 5 s and has ended at step 1") as caught:
            await silent.answers()
        assert caught.value.reason is Reason.SESSION_EXPIRED
        assert engine.counters.sessions_ended == {"expired": 1}
        assert values(await unread.answers()) == [1]


# Counters.


async def test_a_tick_is_counted():
    clock, model = Clock(), RunningSum()
    engine = engine_of(model, clock=clock)
    one, two = listening(engine, model, "one"), listening(engine, model, "two")
    engine.submit(one, Message(1, tensors(1, 2, 3)))
    clock.advance(0.2)
    engine.submit(two, Message(1, tensors(1)))
    assert engine.gauges.backlog_steps == 4
    async with running(engine):
        await one.answers()
    counters = engine.counters
    assert (counters.steps, counters.padding_steps, counters.items) == (4, 2, 2)
    assert (counters.rows.total, counters.tick_steps.total) == (2, 3)
    assert counters.queue_wait.total == 0.2
    assert sum(counters.run_time.counts) == 1
    assert (engine.gauges.backlog_steps, engine.gauges.slots, engine.gauges.state_bytes) == (0, 16, 8)
