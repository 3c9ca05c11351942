"""A session that goes on from its snapshot, at every cut and in another engine, answers as one never disturbed."""

import asyncio
from functools import cache
from itertools import count

import pytest
from google.protobuf.json_format import ParseDict
from google.protobuf.message_factory import GetMessageClass
from hypothesis import given, settings
from hypothesis import strategies as st

from service.catalog import Served, serve_version
from service.config import Settings
from service.repository import Loading, load_version
from service.rpc.services import CODECS, INFERENCE
from service.scheduler import Limits
from service.server import task_factories
from service.signing import Keys
from service.snapshot import Label, opened, plain_of, schema_of, seal, unseal
from service.stream import Message, Stream
from service.tasks.task import Answer, End
from service.turns import Turns
from tests.calls import METHODS, expanded
from tests.neighbours import CONVERSATIONS, END, Conversation, tokens
from tests.repositories import MODELS, REPOSITORY, TAGGER

LIMITS = Limits(max_sessions=4, max_chunk_steps=2)
KEYS = Keys.fresh()
EXPLAINED = Conversation(
    "GenerateText",
    {"seed": 7, "explain": True, "options": {"maxTokenCount": 6, "stopSequences": ["e", "qu"], "temperature": 2}},
    [{"prompt": {"text": "It is a truth é"}}, {"generate": {}}],
    [{"prompt": {"text": " acknowledged"}}],
)
WHOLE = Conversation("Infer", {"session": {"model": TAGGER}}, [tokens(1, 2), tokens(3)], [{"finish": {}}, tokens(4)])
ALL = (*CONVERSATIONS, EXPLAINED, WHOLE)
FACTORIES = task_factories(Settings())


@cache
def bundles():
    versions = [load_version(REPOSITORY / name / "1", Loading(max_batch_rows=1)) for name in MODELS]
    return {version.bundle.manifest.name: version for version in versions}


def fresh(name: str) -> Served:
    return serve_version(bundles()[name], FACTORIES, INFERENCE, LIMITS, Turns())


def codec_of(conversation: Conversation):
    codecs = {codec.request_type.DESCRIPTOR.full_name: codec() for codec in CODECS}
    return codecs[METHODS[conversation.method].input_type.full_name]


class Told:
    """What a client says: options and messages, as its task takes them."""

    def __init__(self, conversation: Conversation) -> None:
        self.codec = codec_of(conversation)
        requests = [
            ParseDict(expanded(said), GetMessageClass(METHODS[conversation.method].input_type)())
            for said in ({"config": conversation.config}, *conversation.before, *conversation.after, END)
        ]
        config = requests[0].config
        self.options = self.codec.options(config)
        self.explain = bool(getattr(config, "explain", False))
        self.model = config.session.model or next(
            name
            for name, loaded in bundles().items()
            if loaded.bundle.manifest.task == self.codec.task and loaded.bundle.manifest.frontend
        )
        manifest = bundles()[self.model].bundle.manifest
        self.messages = [self.codec.payload(request, manifest) for request in requests[1:-1]] + [End()]

    def serving(self):
        return fresh(self.model).serving(self.codec.task, explain=self.explain)


async def answered(told: Told, cuts: set[int], *, parking: bool = False) -> list[bytes]:
    """The numbered answers, in plain data; before each tick in `cuts` the session moves to another engine, or, when it
    is `parking`, gives up its slot and comes back.
    """
    serving = told.serving()
    task, engine = serving.tasks[told.codec.task], serving.engine
    stream = engine.open(task, told.options, "s")
    answers: list[Answer] = []
    submit(engine, stream, told)
    for tick in count():
        if stream.finished:
            break
        if tick in cuts and parking:
            answers += await taken(stream)
            data = seal(label_of(told, engine), engine.snapshot(stream), task, KEYS)
            engine.park(stream)
            assert engine.gauges.active_sessions == 0
            engine.come_back(stream, opened(unseal(data, KEYS, 1 << 20), task))
        elif tick in cuts:
            data = seal(label_of(told, engine), engine.snapshot(stream), task, KEYS)
            engine.close(stream)
            serving = told.serving()
            task, engine = serving.tasks[told.codec.task], serving.engine
            stream = engine.resume(task, opened(unseal(data, KEYS, 1 << 20), task))
            stream.attach(max((answer.number for answer in answers), default=0))
            submit(engine, stream, told)
        elif tick % 3 == 0:
            answers += await taken(stream)
        assert tick < 500
        await engine.tick()
    answers += await taken(stream)
    assert stream.error is None
    numbered = [answer for answer in answers if answer.number]
    assert [answer.number for answer in numbered] == list(range(1, len(numbered) + 1))
    return [plain_of(task.plain).encode(answer) for answer in numbered]


def submit(engine, stream: Stream, told: Told) -> None:
    """What a client sends that was told how far its messages were taken."""
    for number in range(stream.accepted + 1, len(told.messages) + 1):
        engine.submit(stream, Message(number, told.messages[number - 1]))


async def taken(stream: Stream) -> list[Answer]:
    stream.wake_writer()
    return await stream.answers(stream.attachment) if stream.outbox else []


def label_of(told: Told, engine) -> Label:
    return Label("s", told.model, 1, "digest", "fp32", told.codec.task, schema_of(engine.states), "kernels")


@pytest.mark.parametrize("conversation", ALL, ids=lambda each: f"{each.method}-{each.config.get('session', '')}")
def test_a_session_that_is_parked_at_any_ticks_answers_as_one_that_never_was(conversation):
    told = Told(conversation)
    whole = asyncio.run(answered(told, set()))

    @settings(max_examples=12, deadline=None)
    @given(st.sets(st.integers(0, 40)))
    def parked(cuts: set[int]) -> None:
        assert asyncio.run(answered(told, cuts, parking=True)) == whole

    parked()
    assert asyncio.run(answered(told, set(range(500)), parking=True)) == whole


@pytest.mark.parametrize("conversation", ALL, ids=lambda each: f"{each.method}-{each.config.get('session', '')}")
def test_a_session_that_moves_at_any_ticks_answers_as_one_that_never_moved(conversation):
    told = Told(conversation)
    whole = asyncio.run(answered(told, set()))
    assert whole

    @settings(max_examples=12, deadline=None)
    @given(st.sets(st.integers(0, 40)))
    def moves(cuts: set[int]) -> None:
        assert asyncio.run(answered(told, cuts)) == whole

    moves()
    assert asyncio.run(answered(told, set(range(500)))) == whole
