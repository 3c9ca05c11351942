"""Sessions with contexts and beams fail, leave, wait and end as all others do: alone, and with nothing left behind."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from service.bundle import load_bundle
from service.engine import Engine
from service.errors import Reason, ServiceError
from service.model import load_model
from service.scheduler import Limits
from service.specs import decoding_of, state_specs
from service.stream import Message
from service.tasks.inference import input_specs
from service.tasks.task import Answer, End, Finish
from service.tasks.translating import SourceText, Translation, TranslationOptions
from service.tasks.translation import TranslationTask
from tests.fakes import INLINE, Clock, collect, converse, passes, play, read, running, send
from tests.repositories import REPOSITORY, TRANSLATION

BUNDLE = load_bundle(REPOSITORY / TRANSLATION / "1")
MODEL = load_model(BUNDLE)
TASK = TranslationTask.from_bundle(BUNDLE)
BEAMS = TranslationOptions(beam_count=4, attention=True)
(POISON,) = TASK._frontend.encode("!").ids


class Poisoned:
    """The tiny model, whose encoder raises for a source with the poison, and whose decoder for a context of it."""

    def __init__(self, *, encoder: bool) -> None:
        self._encoder = encoder
        self._memories: list[bytes] = []

    def run(self, inputs: Any, lengths: Any, state: Any) -> Any:
        if "source" not in inputs:
            if any(memory[0].tobytes() in self._memories for memory in inputs["memory"]):
                raise ValueError("poison in the batch")
            return MODEL.run(inputs, lengths, state)
        poisoned = (inputs["source"] == POISON).any(axis=1)
        if self._encoder and poisoned.any():
            raise ValueError("poison in the batch")
        outputs, after = MODEL.run(inputs, lengths, state)
        self._memories += [outputs["memory"][row, 0].tobytes() for row in poisoned.nonzero()[0]]
        return outputs, after


def engine_of(model: Any = MODEL, clock: Clock | None = None, **limits: Any) -> Engine:
    return Engine(
        "tiny",
        model,
        inputs=input_specs(BUNDLE.manifest),
        states=state_specs(BUNDLE.manifest),
        decoding=decoding_of(BUNDLE.manifest),
        limits=Limits(**({"max_sessions": 8} | limits)),
        pace=INLINE,
        clock=clock or Clock(),
    )


def sentence(text: str) -> list[Any]:
    return [SourceText(text), Finish(), End()]


async def alone(text: str) -> list[str]:
    engine = engine_of()
    async with running(engine):
        return written(await converse(engine, TASK, BEAMS, sentence(text), "alone"))


def written(answers: Sequence[Answer]) -> list[str]:
    return [repr(answer) for answer in answers]


def nothing_is_left(engine: Engine) -> None:
    engine._scheduler.check_integrity()
    assert engine.gauges.active_sessions == engine.gauges.context_bytes == 0
    assert engine._table.free_count == engine._table.slot_count


@pytest.mark.parametrize("encoder", [True, False], ids=["encoder", "decoder"])
def test_a_session_that_makes_a_graph_raise_ends_alone(encoder: bool):
    async def scene() -> None:
        engine = engine_of(Poisoned(encoder=encoder))
        async with running(engine):
            texts = ["a truth", "bad!", "b truth"]
            streams = [engine.open(TASK, BEAMS, text) for text in texts]
            for stream, text in zip(streams, texts, strict=True):
                await send(engine, stream, sentence(text))
            results = [await collect(stream) for stream in streams]
        error = results[1][1]
        assert error is not None
        assert error.reason is Reason.MODEL_RUN_FAILED
        assert [(written(answers), error) for answers, error in (results[0], results[2])] == [
            (await alone("a truth"), None),
            (await alone("b truth"), None),
        ]
        assert engine.counters.failed_rows == 1
        nothing_is_left(engine)

    play(scene())


def test_a_client_that_leaves_in_the_middle_of_its_beams_frees_them_all_at_once():
    async def scene() -> None:
        engine = engine_of()
        async with running(engine):
            leaving, staying = (engine.open(TASK, BEAMS, name) for name in ("leaving", "staying"))
            for stream in (leaving, staying):
                await send(engine, stream, sentence("It is a truth"))
            while not leaving.session.others:
                await passes(1)
            engine.close(leaving)
            assert len(engine._scheduler.sessions) == 1
            assert written(await read(staying)) == await alone("It is a truth")
        nothing_is_left(engine)

    play(scene())


def test_a_client_that_does_not_read_stops_its_own_search_alone():
    async def scene() -> None:
        engine = engine_of(max_outbox_items=3)
        greedy = TranslationOptions(beam_count=1)
        async with running(engine):
            slow = engine.open(TASK, greedy, "slow")
            await send(engine, slow, sentence("hello"))
            await passes(200)
            assert (len(slow.outbox), slow.session.held) == (3, True)
            brisk = await converse(engine, TASK, greedy, sentence("hello"), "brisk")
            assert written(await read(slow)) == written(brisk)
        nothing_is_left(engine)

    play(scene())


def test_a_drain_ends_searches_that_take_too_long_with_its_reason():
    async def scene() -> None:
        engine = engine_of(max_outbox_items=1)
        async with running(engine):
            stream = engine.open(TASK, BEAMS, "stuck")
            await send(engine, stream, sentence("hello"))
            await passes(200)
            engine.stop_admitting()
            assert not await engine.drained(0.01)
            _, error = await collect(stream)
            assert error is not None
            assert error.reason is Reason.SERVER_DRAINING
        nothing_is_left(engine)

    play(scene())


def test_a_sentence_that_is_never_finished_expires_and_one_that_is_written_does_not():
    async def scene() -> None:
        clock = Clock()
        engine = engine_of(clock=clock, idle_timeout=10.0)
        async with running(engine):
            silent, reading = (engine.open(TASK, BEAMS, name) for name in ("silent", "reading"))
            engine.submit(silent, Message(1, SourceText("half a sen")))
            for number, message in enumerate(sentence("hello")[:2], start=1):
                engine.submit(reading, Message(number, message))
            clock.advance(11.0)
            engine.expire()
            await passes()
            assert silent.error is None, "its mark had not taken its turn"
            clock.advance(11.0)
            engine.expire()
            assert silent.error is not None
            assert silent.error.reason is Reason.SESSION_EXPIRED
            engine.submit(reading, Message(3, End()))
            assert isinstance((await read(reading))[-1].item, Translation)
        nothing_is_left(engine)

    play(scene())


def test_encoder_runs_and_contexts_are_counted():
    async def scene() -> None:
        engine = engine_of()
        async with running(engine):
            streams = [engine.open(TASK, BEAMS, name) for name in "ab"]
            for stream in streams:
                await send(engine, stream, sentence("hello"))
            while streams[0].session.context is None:
                await passes(1)
            assert engine.gauges.context_bytes == 2 * 16 * 12 * 4
            assert engine.counters.encoder_runs == 1
            await asyncio.gather(*map(read, streams))
        nothing_is_left(engine)

    play(scene())


def test_options_that_do_not_fit_open_no_session():
    engine = engine_of()
    with pytest.raises(ServiceError) as refused:
        engine.open(TASK, TranslationOptions(beam_count=17), "many")
    assert refused.value.reason is Reason.OPTION_OUT_OF_RANGE
    nothing_is_left(engine)
