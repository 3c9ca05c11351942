"""Dense classification: every row by itself, in order, whatever it travelled with."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.batch import InputSpec
from service.bundle import load_bundle
from service.errors import BundleError, Reason, ServiceError
from service.tasks.classification import Classification, ClassificationOptions, ClassificationTask, Examples
from service.tasks.task import End
from tests.fakes import crowd, engine_of, play
from tests.repositories import REPOSITORY, SERIES, TABLE
from tests.strategies import few, limits

LABELS = ("low", "middle", "high")


class Compare:
    """The logit of each class is the feature of its place."""

    inputs = (InputSpec("inputs", (3,), "float32"),)
    states = ()

    def run(self, inputs: Mapping[str, Any], lengths: Any, state: Mapping[str, Any]) -> tuple[dict, dict]:
        behind = np.arange(inputs["inputs"].shape[1]) >= lengths[:, None]
        return {"logits": np.where(behind[..., None], np.float32("nan"), inputs["inputs"])}, {}


def task() -> ClassificationTask:
    return ClassificationTask(input_name="inputs", output_name="logits", columns=3, labels=LABELS)


rows = st.lists(st.tuples(*[st.integers(-5, 5)] * 3).filter(lambda row: len(set(row)) == 3), min_size=1, max_size=6)


@few
@given(sessions=st.lists(st.lists(rows, min_size=1, max_size=4), min_size=1, max_size=4), limits=limits)
def test_every_row_is_answered_once_in_order_whatever_its_message_and_its_neighbours(sessions, limits):
    said = [[*(Examples(np.array(rows, np.float32).ravel()) for rows in each), End()] for each in sessions]
    answers = play(crowd(engine_of(Compare(), limits=limits), task(), ClassificationOptions(), said))
    for each, found in zip(sessions, answers, strict=True):
        expected = [LABELS[int(np.argmax(row))] for rows in each for row in rows]
        assert [answer.item.classes[0][0] for answer in found] == expected
        assert [answer.number for answer in found] == list(range(1, len(expected) + 1))
        assert [answer.sequence_number for answer in found] == [n for n, rows in enumerate(each, 1) for _ in rows]


def test_the_likeliest_classes_come_first_and_as_many_as_were_asked_for():
    said = [[Examples(np.array([1, 3, 2], np.float32)), End()]]
    ((answer,),) = play(crowd(engine_of(Compare()), task(), ClassificationOptions(2), said))
    assert isinstance(answer.item, Classification)
    assert [label for label, _ in answer.item.classes] == ["middle", "high"]
    total = np.exp([1, 3, 2]).sum()
    assert answer.item.classes[0][1] == pytest.approx(np.exp(3) / total)


@pytest.mark.parametrize(
    ("features", "reason", "said"),
    [
        ([], Reason.CHUNK_EMPTY, "one example or more"),
        ([1, 2, 3, 4], Reason.TENSOR_SIZE_MISMATCH, "takes 3 for each"),
        ([1, 2, 3, 4, np.nan, 6], Reason.TENSOR_NOT_FINITE, "feature 1 of example 1"),
        ([1, 2, np.inf], Reason.TENSOR_NOT_FINITE, "feature 2 of example 0"),
    ],
)
def test_bad_rows_have_a_stable_reason(features, reason, said):
    with pytest.raises(ServiceError, match=said) as caught:
        task().accept(task().begin(ClassificationOptions()), Examples(np.array(features, np.float32)), 1, 0.0)
    assert (caught.value.reason, caught.value.violations[0].field) == (reason, "examples.features")


def test_more_classes_than_there_are_are_refused():
    with pytest.raises(ServiceError, match="knows 3 classes"):
        task().begin(ClassificationOptions(4))


def test_a_bundle_of_rows_becomes_the_task_and_one_with_state_does_not():
    assert ClassificationTask.from_bundle(load_bundle(REPOSITORY / TABLE / "1")).begin(ClassificationOptions())
    with pytest.raises(BundleError, match="a network without state"):
        ClassificationTask.from_bundle(load_bundle(REPOSITORY / SERIES / "1"))
