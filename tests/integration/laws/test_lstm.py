"""Laws 1 to 5 on an exported LSTM: the engine, the generic task and ONNX Runtime together, bit for bit."""

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.batch import InputSpec
from service.bundle import load_bundle
from service.catalog import Served, serve_version
from service.errors import Reason, ServiceError
from service.model import load_model
from service.repository import Loaded
from service.scheduler import Limits
from service.state import Array
from service.tasks.generation import GenerationOptions, Prompt, SessionOptions
from service.tasks.inference import Inference, InferenceOptions, Tensors
from service.tasks.sampling import Sampling
from service.tasks.task import Answer, End
from service.tasks.text_generation import TextGeneration
from service.turns import Turns
from tests.fakes import collect, converse, crowd, joined, passes, play, running, send
from tests.repositories import GENERATOR, PLAIN, REPOSITORY, TAGGER
from tests.strategies import crowds, few, in_pieces, limits, token_sequences

VOCABULARY = 11
TOO_LARGE = 99
TIGHT = Limits(max_sessions=8, max_batch_rows=4, max_chunk_steps=3, tick_cost=4)
FACTORIES = {
    "inference": lambda bundle: Inference.from_bundle(bundle, 1000),
    "text_generation": lambda bundle: TextGeneration.from_bundle(bundle, 1000),
}

Chunks = Sequence[Array]


def loaded(name: str) -> Loaded:
    bundle = load_bundle(REPOSITORY / name / "1")
    return Loaded(bundle, load_model(bundle), "fp32")


LSTM = loaded(PLAIN)
WRITING = loaded(GENERATOR)
TAGGING = loaded(TAGGER)
EXACT = LSTM.model.probe is not None and LSTM.model.probe.batch_independent and LSTM.model.probe.cut_independent
"""Whether the kernels of this CPU keep a row's bits; where they do not, its numbers must still agree."""


def serve(of: Loaded = LSTM, limits: Limits = TIGHT) -> Served:
    """A fresh engine on a model that is loaded once."""
    return serve_version(of, FACTORIES, "inference", limits, Turns())


def infer(conversations: Sequence[Chunks], limits: Limits = TIGHT) -> list[list[Answer]]:
    """What each of several concurrent sessions answers."""
    served = serve(limits=limits)
    said = [[*(Tensors({"inputs": chunk}) for chunk in chunks), End()] for chunks in conversations]
    return play(crowd(served.engine, served.tasks["inference"], InferenceOptions(), said))


def logits(answers: Sequence[Answer]) -> Array:
    return joined(answers, "logits")


def directly(tokens: Array) -> Array:
    """The logits of a whole sequence, [steps, vocabulary], from one run of the model alone."""
    model = LSTM.model
    outputs, _ = model.run({"inputs": tokens[None]}, np.array([len(tokens)], np.int32), model.initial_state(1))
    return outputs["logits"][0]


def same(left: Array, right: Array) -> bool:
    if EXACT:
        return left.tobytes() == right.tobytes()
    return left.shape == right.shape and bool(np.allclose(left, right, atol=1e-5))


@few
@given(chunks=in_pieces(token_sequences(VOCABULARY)), limits=limits)
def test_law_1_a_sequence_in_chunks_is_answered_as_the_whole(chunks: Chunks, limits: Limits):
    (answers,) = infer([chunks], limits)
    assert same(logits(answers), directly(np.concatenate(chunks)))


@few
@given(conversations=crowds(token_sequences(VOCABULARY, 20)), limits=limits)
def test_law_2_a_session_among_strangers_is_answered_as_alone(conversations: Sequence[Chunks], limits: Limits):
    for chunks, answers in zip(conversations, infer(conversations, limits), strict=True):
        (alone,) = infer([chunks], limits)
        assert same(logits(answers), logits(alone))


@few
@given(conversations=crowds(token_sequences(VOCABULARY, 20)), seed=st.integers(0, 99))
def test_law_3_rows_outside_a_batch_and_padding_leave_state_bit_identical(conversations: Sequence[Chunks], seed: int):
    """A session that rests while others run ragged ticks goes on as if it had been alone."""
    tokens = np.random.default_rng(seed).integers(0, VOCABULARY, 6)

    async def scene() -> list[Answer]:
        served = serve()
        task = served.tasks["inference"]
        async with running(served.engine) as engine:
            resting = engine.open(task, InferenceOptions(), "resting")
            await send(engine, resting, [Tensors({"inputs": tokens[:3]})])
            before = await resting.answers()
            said = [[*(Tensors({"inputs": chunk}) for chunk in chunks), End()] for chunks in conversations]
            await asyncio.gather(*(converse(engine, task, InferenceOptions(), m, f"s{n}") for n, m in enumerate(said)))
            await send(engine, resting, [Tensors({"inputs": tokens[3:]})])
            return before + await resting.answers()

    assert same(logits(play(scene())), directly(tokens))


def test_law_4_a_reused_slot_is_as_a_fresh_session():
    tokens = np.arange(8) % VOCABULARY

    async def scene() -> list[Array]:
        served = serve(limits=Limits(max_sessions=1))
        task = served.tasks["inference"]
        async with running(served.engine) as engine:
            said = [Tensors({"inputs": tokens}), End()]
            return [logits(await converse(engine, task, InferenceOptions(), said, "s")) for _ in range(2)]

    first, second = play(scene())
    assert first.tobytes() == second.tobytes()


@few
@given(conversations=crowds(token_sequences(VOCABULARY, 12), most=5), limits=limits, place=st.integers(0, 5))
def test_law_5_a_row_that_the_runtime_refuses_ends_its_own_session_only(
    conversations: list[list[Array]], limits: Limits, place: int
):
    """A token outside the vocabulary, let through here, makes ONNX Runtime raise for the whole batch."""
    task = Inference([InputSpec("inputs", (), "int64")], ["logits"], max_steps=1000)
    strangers, poisoned = conversations, [np.arange(3), np.array([TOO_LARGE]), np.arange(3)]

    async def scene() -> list[tuple[list[Answer], ServiceError | None]]:
        served = serve(limits=limits)
        everyone = [*strangers[:place], poisoned, *strangers[place:]]
        async with running(served.engine) as engine:
            streams = [engine.open(task, InferenceOptions(), f"s{number}") for number in range(len(everyone))]
            sending = [
                asyncio.create_task(send(engine, stream, [*(Tensors({"inputs": chunk}) for chunk in chunks), End()]))
                for stream, chunks in zip(streams, everyone, strict=True)
            ]
            found = list(await asyncio.gather(*map(collect, streams)))
            await asyncio.gather(*sending)
        return found

    found = play(scene())
    _, error = found.pop(min(place, len(strangers)))
    assert error is not None
    assert error.reason is Reason.MODEL_RUN_FAILED
    for chunks, (answers, failure) in zip(strangers, found, strict=True):
        assert failure is None
        assert [answer.number for answer in answers] == list(range(1, len(chunks) + 1))
        assert same(logits(answers), directly(np.concatenate(chunks)))


def test_law_5_a_client_that_vanishes_changes_nothing_for_the_others():
    tokens = np.arange(60) % VOCABULARY

    async def scene() -> list[Answer]:
        served = serve()
        task = served.tasks["inference"]
        async with running(served.engine) as engine:
            gone = engine.open(task, InferenceOptions(), "gone")
            await send(engine, gone, [Tensors({"inputs": tokens})])
            staying = asyncio.create_task(
                converse(engine, task, InferenceOptions(), [Tensors({"inputs": tokens}), End()], "staying")
            )
            await passes(3)
            engine.close(gone)
            return await staying

    assert same(logits(play(scene())), directly(tokens))


@few
@given(sequences=st.lists(token_sequences(VOCABULARY, 20), min_size=1, max_size=6))
def test_whole_sequences_are_answered_among_strangers_as_alone(sequences: list[Array]):
    """A bidirectional model reads each sequence from both ends: padding must not be read as its end."""

    def tags(sequences: Sequence[Array]) -> list[Array]:
        served = serve(TAGGING, Limits(max_sessions=8, max_padding=0.5, whole_sequence=True))
        said = [[Tensors({"inputs": tokens}), End()] for tokens in sequences]
        name = TAGGING.bundle.manifest.outputs[0].name
        answers = play(crowd(served.engine, served.tasks["inference"], InferenceOptions(), said))
        return [joined(one, name) for one in answers]

    for tokens, among in zip(sequences, tags(sequences), strict=True):
        (alone,) = tags([tokens])
        assert same(among, alone)


@pytest.mark.skipif(not EXACT, reason="the kernels of this CPU do not keep a row's bits, so draws may differ")
@few
@given(
    prompts=st.lists(st.text(alphabet="ab c.", min_size=1, max_size=12), min_size=2, max_size=4),
    seed=st.integers(0, 2**64 - 1),
    limits=limits,
)
def test_a_generated_text_is_the_same_whoever_else_writes(prompts: list[str], seed: int, limits: Limits):
    session = SessionOptions(GenerationOptions(Sampling(0.9, top_k=50), 8, log_probabilities=True), seed)

    def texts(prompts: Sequence[str]) -> list[list[Answer]]:
        served = serve(WRITING, limits)
        said = [[Prompt(prompt), End()] for prompt in prompts]
        return play(crowd(served.engine, served.tasks["text_generation"], session, said))

    assert texts(prompts) == [texts([prompt])[0] for prompt in prompts]
