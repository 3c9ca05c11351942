"""A source and then tokens as tensors: what both graphs give, whatever the cuts and whoever decodes beside."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.bundle import load_bundle
from service.context import Context
from service.errors import Reason, ServiceError
from service.model import load_model
from service.offline import Conversations
from service.tasks.decoding_inference import inference_of
from service.tasks.inference import Inference, InferenceOptions, Outputs, Tensors
from service.tasks.task import Finish
from tests.repositories import PLAIN, REPOSITORY, TRANSLATION

BUNDLE = load_bundle(REPOSITORY / TRANSLATION / "1")
MODEL = load_model(BUNDLE)
TASK = inference_of(BUNDLE, max_steps=1000)
few = settings(max_examples=15, deadline=None)
targets = st.tuples(
    st.lists(st.integers(0, 255), min_size=1, max_size=20), st.lists(st.integers(0, 10), min_size=1, max_size=8)
)


def source(ids: Sequence[int]) -> Tensors:
    return Tensors({"source": np.array(ids, np.int64)})


def tokens(ids: Sequence[int]) -> Tensors:
    return Tensors({"tokens": np.array(ids, np.int64)})


def said(conversations: Sequence[Sequence[Any]], **options: Any) -> list[list[Outputs]]:
    return list(Conversations(MODEL, BUNDLE.manifest, TASK).answers(InferenceOptions(**options), conversations))


def graphs(ids: Sequence[int], target: Sequence[int]) -> tuple[np.ndarray, list[dict[str, np.ndarray]]]:
    """The context of a source, and what each step of a target gives: the graphs by hand."""
    memory, state = MODEL.run({"source": np.array([ids], np.int64)}, np.array([len(ids)], np.int32), {})
    context = Context.of(memory["memory"][0])
    fixed = {"memory": context.memory[None], "memory_lengths": np.array([len(ids)], np.int32)}
    steps = []
    for token in target:
        given = {"tokens": np.array([[token]], np.int64), **fixed}
        outputs, state = MODEL.run(given, np.ones(1, np.int32), state)
        steps.append({name: array[0, 0] for name, array in outputs.items()})
    return memory["memory"][0], steps


@few
@given(st.lists(targets, min_size=1, max_size=4), st.data())
def test_tensors_are_those_of_the_graphs_bit_for_bit(crowd, data):
    cuts = [data.draw(st.integers(0, len(target))) for _, target in crowd]
    conversations = [
        [source(ids), *(tokens(part) for part in (target[:cut], target[cut:]) if part)]
        for (ids, target), cut in zip(crowd, cuts, strict=True)
    ]
    for (ids, target), (first, *rest) in zip(crowd, said(conversations), strict=True):
        memory, steps = graphs(ids, target)
        assert first.tensors["memory"].tobytes() == memory.tobytes()
        assert [outputs.first_step for outputs in (first, *rest)][:2] == [0, 0]
        for name, width in (("logits", None), ("attention", len(ids))):
            found = np.concatenate([outputs.tensors[name] for outputs in rest])
            assert found.tobytes() == np.stack([step[name][:width] for step in steps]).tobytes()


def test_a_finish_begins_with_the_next_source_and_steps_are_counted_anew():
    pair = [source([1, 2]), tokens([0]), tokens([3, 4])]
    (answers,) = said([[*pair, Finish(), *pair]])
    assert [outputs.first_step for outputs in answers] == [0, 0, 1] * 2
    for early, late in zip(answers[:3], answers[3:], strict=True):
        assert {name: array.tobytes() for name, array in early.tensors.items()} == {
            name: array.tobytes() for name, array in late.tensors.items()
        }


def test_only_the_outputs_that_were_asked_for_come_and_of_the_last_step_alone():
    (answers,) = said([[source([1, 2, 3]), tokens([0, 4])]], outputs=("attention",), last_step_only=True)
    assert [{name: array.shape for name, array in outputs.tensors.items()} for outputs in answers] == [
        {},
        {"attention": (1, 3)},
    ]


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([tokens([0])], Reason.TENSOR_MISSING),
        ([source([1]), source([1])], Reason.TENSOR_UNKNOWN),
        ([source([])], Reason.CHUNK_EMPTY),
        ([source([1] * 65)], Reason.MESSAGE_TOO_LARGE),
        ([source([256])], Reason.TENSOR_OUT_OF_RANGE),
        ([source([1]), tokens([11])], Reason.TENSOR_OUT_OF_RANGE),
    ],
)
def test_what_is_wrong_with_a_message_has_its_reason(messages, reason):
    with pytest.raises(ServiceError) as refused:
        said([messages])
    assert refused.value.reason is reason


def test_a_model_without_an_encoder_is_served_as_before():
    assert type(inference_of(load_bundle(REPOSITORY / PLAIN / "1"), 10)) is Inference
