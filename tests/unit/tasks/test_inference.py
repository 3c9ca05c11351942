"""Generic inference: every wrong tensor has its own reason, and the answer to a message is whole."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from service.batch import InputSpec
from service.errors import Reason, ServiceError
from service.scheduler import Limits
from service.state import Array
from service.tasks.inference import Inference, InferenceOptions, Outputs, Tensors
from service.tasks.task import Answer, End, Finish
from tests.fakes import RunningSum, crowd, engine_of, inference_of, play
from tests.strategies import few, in_pieces, limits, sequences

SPECS = (InputSpec("x", (2,), "float32"), InputSpec("token", (), "int64", 0, 10), InputSpec("free", (), "int64"))
TASK = Inference(SPECS, ("y", "z"), max_steps=4)


def tensors(steps: int = 2, **changes: Array | None) -> Tensors:
    """A good message, but for what is changed; None leaves a tensor out."""
    good: dict[str, Array | None] = {
        "x": np.zeros((steps, 2), np.float32),
        "token": np.zeros(steps, np.int64),
        "free": np.full(steps, -(2**63), np.int64),
    }
    return Tensors({name: array for name, array in {**good, **changes}.items() if array is not None})


def accept(message: object, task: Inference = TASK) -> Any:
    return task.accept(task.begin(InferenceOptions()), message, 1, 0.0)


def said(
    messages: Sequence[object],
    options: InferenceOptions = InferenceOptions(),  # noqa: B008 - it is frozen
    *,
    task: Inference | None = None,
    limits: Limits | None = None,
) -> list[Answer]:
    """What one session on a running sum answers."""
    sums = RunningSum()
    return play(crowd(engine_of(sums, limits=limits), task or inference_of(sums), options, [messages]))[0]


def steps(*values: float) -> Tensors:
    return Tensors({"x": np.array(values, np.float64)[:, None]})


def summary(answers: Sequence[Answer]) -> list[tuple[int, int, list[float]]]:
    """Of each answer: the message it answers, its first step, its sums."""
    return [(a.sequence_number, a.item.first_step, a.item.tensors["y"][:, 0].tolist()) for a in answers]


# What is refused.


@pytest.mark.parametrize(
    ("reason", "message", "field"),
    [
        (Reason.TENSOR_UNKNOWN, tensors(w=np.zeros(2)), "chunk.inputs"),
        (Reason.TENSOR_MISSING, tensors(token=None), "chunk.inputs[token]"),
        (Reason.TENSOR_DTYPE_MISMATCH, tensors(x=np.zeros((2, 2), np.float64)), "chunk.inputs[x]"),
        (Reason.TENSOR_RANK_MISMATCH, tensors(x=np.zeros(2, np.float32)), "chunk.inputs[x]"),
        (Reason.TENSOR_RANK_MISMATCH, tensors(token=np.int64(3)), "chunk.inputs[token]"),
        (Reason.TENSOR_SHAPE_MISMATCH, tensors(x=np.zeros((2, 3), np.float32)), "chunk.inputs[x]"),
        (Reason.TENSOR_SHAPE_MISMATCH, tensors(token=np.zeros(3, np.int64)), "chunk.inputs"),
        (Reason.TENSOR_NOT_FINITE, tensors(x=np.array([[0, 0], [0, np.nan]], np.float32)), "chunk.inputs[x]"),
        (Reason.TENSOR_NOT_FINITE, tensors(x=np.array([[0, 0], [0, -np.inf]], np.float32)), "chunk.inputs[x]"),
        (Reason.TENSOR_OUT_OF_RANGE, tensors(token=np.array([0, 11])), "chunk.inputs[token]"),
        (Reason.TENSOR_OUT_OF_RANGE, tensors(token=np.array([-1, 0])), "chunk.inputs[token]"),
        (Reason.CHUNK_EMPTY, tensors(steps=0), "chunk.inputs"),
        (Reason.MESSAGE_TOO_LARGE, tensors(steps=5), "chunk.inputs"),
    ],
)
def test_each_wrong_tensor_has_its_reason_and_is_named(reason: Reason, message: Tensors, field: str):
    with pytest.raises(ServiceError) as caught:
        accept(message)
    assert caught.value.reason is reason
    assert caught.value.violations[0].field == field


def test_messages_at_the_limits_are_taken():
    assert accept(tensors(steps=1)).steps == 1
    assert accept(tensors(steps=4, token=np.array([0, 10, 0, 10]))).steps == 4


def test_an_output_that_the_model_does_not_have_is_refused():
    with pytest.raises(ServiceError, match="this model gives y, z") as caught:
        TASK.begin(InferenceOptions(outputs=("y", "w")))
    assert caught.value.reason is Reason.TENSOR_UNKNOWN


# What is answered.


@few
@given(chunks=in_pieces(sequences()), limits=limits)
def test_a_message_is_answered_at_once_however_many_ticks_it_took(chunks: list[Array], limits: Limits):
    answers = said([*(Tensors({"x": chunk}) for chunk in chunks), End()], limits=limits)
    begins = np.cumsum([0, *map(len, chunks)]).tolist()
    sums = np.cumsum(np.concatenate(chunks)).tolist()
    assert summary(answers) == [
        (number, begin, sums[begin : begin + len(chunk)])
        for number, (begin, chunk) in enumerate(zip(begins, chunks, strict=False), start=1)
    ]


def test_the_last_step_alone_if_wanted():
    tight = Limits(max_sessions=1, max_chunk_steps=2)
    answers = said([steps(1, 2, 3), steps(4), End()], InferenceOptions(last_step_only=True), limits=tight)
    assert summary(answers) == [(1, 2, [6]), (2, 3, [10])]


def test_only_the_outputs_that_are_wanted_come_and_each_once():
    progress = TASK.begin(InferenceOptions(outputs=("z", "z")))
    assert progress.wanted == ("z",)
    assert TASK.begin(InferenceOptions()).wanted == ("y", "z")
    assert summary(said([steps(1, 2), End()], InferenceOptions(outputs=("y", "y")))) == [(1, 0, [1, 3])]


def test_finish_begins_a_new_sequence_in_the_same_session():
    assert summary(said([steps(1, 2), Finish(), steps(3), End()])) == [(1, 0, [1, 3]), (3, 0, [3])]


def test_answers_hold_no_memory_but_their_own():
    """A view would keep the outputs of a whole batch alive for as long as one client does not read."""
    (answer,) = said([steps(1, 2), End()])
    assert answer.item.tensors["y"].base is None


# Whole sequences.


def whole(max_steps: int = 10) -> Inference:
    return Inference(RunningSum().inputs, ("y",), max_steps=max_steps, whole_sequence=True)


WHOLE = Limits(max_sessions=2, whole_sequence=True, max_chunk_steps=1)


def test_a_whole_sequence_is_gathered_and_answered_at_its_end():
    answers = said([steps(1, 2), steps(3), Finish(), steps(4), End()], task=whole(), limits=WHOLE)
    assert summary(answers) == [(3, 0, [1, 3, 6]), (5, 0, [4])]


def test_the_end_right_after_a_whole_sequence_adds_nothing():
    assert summary(said([steps(1), Finish(), End()], task=whole(), limits=WHOLE)) == [(2, 0, [1])]


def test_a_whole_sequence_over_the_limit_is_refused():
    with pytest.raises(ServiceError, match="finish earlier") as caught:
        said([steps(1, 2), steps(3, 4)], task=whole(max_steps=3), limits=WHOLE)
    assert caught.value.reason is Reason.MESSAGE_TOO_LARGE


def test_the_outputs_of_an_answer_are_named():
    (answer,) = said([steps(1), End()])
    assert isinstance(answer.item, Outputs)
    assert set(answer.item.tensors) == {"y"}
