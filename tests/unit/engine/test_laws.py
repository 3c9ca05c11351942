"""Laws 1 to 5 of the engine on a running sum: exact arithmetic, so every bit can be foretold."""

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.engine import Engine
from service.errors import Reason, ServiceError
from service.scheduler import Limits
from service.state import Array
from service.stream import Message
from service.tasks.inference import InferenceOptions, Tensors
from service.tasks.task import Answer, End
from tests.fakes import (
    INLINE,
    THREADED,
    Raising,
    RunningSum,
    Slow,
    collect,
    engine_of,
    infer,
    inference_of,
    joined,
    passes,
    play,
    read,
    running,
    send,
)
from tests.strategies import crowds, few, in_pieces, limits, sequences

Chunks = Sequence[Array]


def sums(chunks: Chunks) -> list[float]:
    return np.cumsum(np.concatenate(chunks)).tolist()


def numbers(answers: Sequence[Answer]) -> list[tuple[int, int]]:
    return [(answer.number, answer.sequence_number) for answer in answers]


@few
@given(chunks=in_pieces(sequences()), limits=limits)
def test_law_1_a_sequence_in_chunks_is_answered_as_the_whole(chunks: Chunks, limits: Limits):
    (pieces,) = infer(RunningSum(), [chunks], limits=limits)
    (whole,) = infer(RunningSum(), [[np.concatenate(chunks)]], limits=limits)
    assert joined(pieces).tobytes() == joined(whole).tobytes()
    assert joined(pieces)[:, 0].tolist() == sums(chunks)


@few
@given(conversations=crowds(sequences(), most=6), limits=limits)
def test_law_2_a_session_among_strangers_is_answered_as_alone(conversations: Sequence[Chunks], limits: Limits):
    together = infer(RunningSum(), conversations, limits=limits)
    for chunks, answers in zip(conversations, together, strict=True):
        (alone,) = infer(RunningSum(), [chunks], limits=limits)
        assert joined(answers).tobytes() == joined(alone).tobytes()
        assert numbers(answers) == numbers(alone)


@few
@given(conversations=crowds(sequences(), most=6), limits=limits)
def test_law_3_padding_and_idle_rows_reach_no_state(conversations: Sequence[Chunks], limits: Limits):
    """The model answers NaN behind a row's length: had any of it been read or kept, a sum would be NaN."""
    for chunks, answers in zip(conversations, infer(RunningSum(), conversations, limits=limits), strict=True):
        assert joined(answers)[:, 0].tolist() == sums(chunks)


def test_law_4_a_reused_slot_is_as_a_fresh_session():
    async def scene() -> list[list[float]]:
        model = RunningSum()
        async with running(engine_of(model, limits=Limits(max_sessions=1))) as engine:
            return [await one_sum(engine, "same"), await one_sum(engine, "same")]

    async def one_sum(engine: Engine, name: str) -> list[float]:
        stream = engine.open(inference_of(RunningSum()), InferenceOptions(), name)
        await send(engine, stream, [tensors(3, 4), End()])
        return joined(await read(stream))[:, 0].tolist()

    assert play(scene()) == [[3, 7], [3, 7]]


def test_law_4_a_late_result_changes_nothing_for_the_next_tenant():
    """A run is in its thread while its session is closed and another one gets the slot and its next step."""

    async def scene() -> list[float]:
        model = Slow()
        task = inference_of(model)
        async with running(engine_of(model, limits=Limits(max_sessions=1), pace=THREADED)) as engine:
            old = engine.open(task, InferenceOptions(), "old")
            engine.submit(old, Message(1, tensors(100)))
            await model.begun()
            engine.close(old)
            new = engine.open(task, InferenceOptions(), "new")
            assert new.session.tenancy.slot == old.session.tenancy.slot
            await send(engine, new, [tensors(5), End()])
            model.let_go(2)
            answers = await read(new)
            assert await read(old) == []
            return joined(answers)[:, 0].tolist()

    assert play(scene()) == [5]


def tensors(*values: float) -> Tensors:
    return Tensors({"x": np.array(values, np.float64)[:, None]})


@few
@given(conversations=crowds(sequences(), most=6), limits=limits, threaded=st.booleans())
def test_law_5_every_message_is_answered_once_and_in_order(
    conversations: Sequence[Chunks], limits: Limits, threaded: bool
):
    pace = THREADED if threaded else INLINE
    for chunks, answers in zip(
        conversations, infer(RunningSum(), conversations, limits=limits, pace=pace), strict=True
    ):
        assert numbers(answers) == [(number, number) for number in range(1, len(chunks) + 1)]
        assert [len(answer.item.tensors["y"]) for answer in answers] == [len(chunk) for chunk in chunks]


@few
@given(data=st.data(), conversations=crowds(sequences(12), most=6), limits=limits)
def test_law_5_when_the_model_raises_only_the_guilty_session_ends(
    data: st.DataObject, conversations: list[list[Array]], limits: Limits
):
    """The innocent get exactly their answers, the guilty one those of the ticks before the poison."""
    guilty = data.draw(st.sampled_from(range(len(conversations))))
    place = data.draw(st.sampled_from(range(len(conversations[guilty]) + 1)))
    poisoned = [*conversations[guilty][:place], np.full((1, 1), Raising.POISON), *conversations[guilty][place:]]

    async def scene() -> list[tuple[list[Answer], ServiceError | None]]:
        model = Raising()
        engine = engine_of(model, limits=limits)
        task = inference_of(model)
        async with running(engine):
            streams, senders = [], []
            for number, chunks in enumerate(conversations):
                said = poisoned if number == guilty else chunks
                stream = engine.open(task, InferenceOptions(), f"s{number}")
                streams.append(stream)
                payloads = [*(Tensors({"x": chunk}) for chunk in said), End()]
                senders.append(asyncio.create_task(send(engine, stream, payloads)))
            ends = await asyncio.gather(*map(collect, streams))
            await asyncio.gather(*senders)
        assert engine.gauges.active_sessions == 0
        assert engine.counters.failed_rows == 1
        return list(ends)

    for number, (answers, error) in enumerate(play(scene())):
        chunks = conversations[number]
        if number == guilty:
            assert error is not None
            assert error.reason is Reason.MODEL_RUN_FAILED
            assert "poison in the batch" in error.message
            chunks = chunks[: min(len(answers), place)]
            assert len(answers) <= place
        else:
            assert error is None
            assert len(answers) == len(chunks)
        assert numbers(answers) == [(n, n) for n in range(1, len(answers) + 1)]
        assert [v for a in answers for v in a.item.tensors["y"][:, 0]] == (sums(chunks) if len(chunks) else [])


@few
@given(conversations=crowds(sequences(12), most=6), limits=limits, when=st.integers(0, 12))
def test_law_5_a_client_that_vanishes_takes_nothing_with_it(conversations: Sequence[Chunks], limits: Limits, when: int):
    """The first session is closed after some passes of the loop; the slot is free and the others are complete."""

    async def scene() -> list[list[Answer]]:
        model = RunningSum()
        engine = engine_of(model, limits=limits)
        task = inference_of(model)
        async with running(engine):
            gone = engine.open(task, InferenceOptions(), "gone")
            leaving = asyncio.create_task(send(engine, gone, [tensors(*range(30))] * 4))
            streams = [engine.open(task, InferenceOptions(), f"s{number}") for number in range(len(conversations))]
            sending = [
                asyncio.create_task(send(engine, stream, [*(Tensors({"x": chunk}) for chunk in chunks), End()]))
                for stream, chunks in zip(streams, conversations, strict=True)
            ]
            reading = [asyncio.create_task(read(stream)) for stream in streams]
            await passes(when)
            engine.close(gone)
            await asyncio.gather(leaving, *sending)
            found = list(await asyncio.gather(*reading))
        assert engine.gauges.active_sessions == 0
        assert engine.counters.sessions_ended == {"cancelled": 1, "completed": len(conversations)}
        return found

    for chunks, answers in zip(conversations, play(scene()), strict=True):
        assert joined(answers)[:, 0].tolist() == sums(chunks)


def test_law_5_a_drain_lets_sessions_end_and_ends_the_rest_with_a_reason():
    """Sessions that end in time are complete; one that goes on gets its answers, then SERVER_DRAINING."""

    async def scene() -> None:
        model = RunningSum()
        engine = engine_of(model)
        task = inference_of(model)
        async with running(engine):
            ending, going_on = (engine.open(task, InferenceOptions(), name) for name in ("ending", "going on"))
            engine.submit(ending, Message(1, tensors(1)))
            engine.submit(going_on, Message(1, tensors(2)))
            engine.stop_admitting()
            with pytest.raises(ServiceError) as caught:
                engine.open(task, InferenceOptions(), "late")
            assert caught.value.reason is Reason.SERVER_DRAINING
            engine.submit(ending, Message(2, End()))
            await passes()
            assert not await engine.drained(0.0)
            answers, error = await collect(ending)
            assert (joined(answers).tolist(), error) == ([[1]], None)
            answers, error = await collect(going_on)
            assert joined(answers).tolist() == [[2]]
            assert error is not None
            assert error.reason is Reason.SERVER_DRAINING
            assert engine.counters.sessions_ended == {"completed": 1, "drained": 1}

    play(scene())


def test_a_drain_is_over_once_all_sessions_have_ended():
    async def scene() -> bool:
        model = RunningSum()
        async with running(engine_of(model)) as engine:
            stream = engine.open(inference_of(model), InferenceOptions(), "s")
            draining = asyncio.create_task(engine.drained(60.0))
            await send(engine, stream, [tensors(1), End()])
            await read(stream)
            return await draining

    assert play(scene())
