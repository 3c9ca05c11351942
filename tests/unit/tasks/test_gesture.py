"""Gestures: results and events are those of the frames, whatever their messages, ticks and neighbours."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.batch import InputSpec
from service.bundle import load_bundle
from service.errors import BundleError, Reason, ServiceError
from service.frontends.activity import Activity
from service.frontends.scaling import Scaling
from service.frontends.sensors import SensorFrontend
from service.state import StateSpec
from service.tasks.gesture import GestureModel, GestureRecognition
from service.tasks.scoring import ScoreHead
from service.tasks.task import Answer, End, Finish
from service.tasks.watching import Frames, GestureEvent, GestureOptions, Recognized
from tests.fakes import crowd, engine_of, play
from tests.repositories import GESTURE, REPOSITORY, SERIES, copy_bundle, edit_manifest
from tests.strategies import cuts, few, limits

LABELS = ("still", "low", "high")
WATCH = GestureOptions(interim=False)
DETECT = GestureOptions(interim=False, detect=True)


class Sums:
    """The score of each class is the sum so far of a channel, so a state that is not begun anew is found out."""

    def __init__(self, frontend: SensorFrontend) -> None:
        self.inputs = (InputSpec("inputs", (frontend.feature_count,), "float32"),)
        self.states = (StateSpec("sum", (3,), "float32"),)

    def run(self, inputs: Mapping[str, Any], lengths: Any, state: Mapping[str, Any]) -> tuple[dict, dict]:
        steps = inputs["inputs"]  # [batch, time, window * 2]
        seen = np.concatenate([np.zeros_like(steps[..., :1]), steps[..., -2:]], axis=2)
        sums = np.cumsum(np.concatenate([state["sum"][:, None], seen], axis=1), axis=1)[:, 1:]
        behind = np.arange(steps.shape[1]) >= lengths[:, None]
        after = np.stack([row[length - 1] for row, length in zip(sums, lengths, strict=True)])
        return {"logits": np.where(behind[..., None], np.float32("nan"), sums)}, {"sum": after.astype(np.float32)}


def frontend(window: int = 1, stride: int = 1) -> SensorFrontend:
    return SensorFrontend(Scaling(np.zeros(2, np.float32), np.ones(2, np.float32)), window, stride)


def said(conversations: Sequence[Sequence[object]], options: GestureOptions, *, stride: int = 1, limits: Any = None):
    kind = frontend(3, stride) if stride > 1 else frontend()
    activity = Activity(begins=2.0, ends=0.5, rest_frames=3)
    model = GestureModel("inputs", LABELS, (ScoreHead("logits", "mean"),), 10.0, 0.4, activity)
    engine = engine_of(Sums(kind), limits=limits)
    return play(crowd(engine, GestureRecognition(kind, model), options, conversations))


def frames(*rows: Sequence[float]) -> Frames:
    return Frames(np.array(rows, np.float32).ravel())


def settled(answers: Sequence[Answer]) -> list[tuple[int, Any]]:
    return [(answer.number, answer.item) for answer in answers]


streams = st.lists(st.sampled_from([(0, 0), (0, 0), (4, 1), (1, 5), (-3, 2)]), min_size=1, max_size=24)


@few
@given(
    data=st.data(),
    crowded=st.lists(streams, min_size=1, max_size=3),
    options=st.sampled_from([WATCH, DETECT]),
    stride=st.sampled_from([1, 2]),
    limits=limits,
)
def test_numbered_answers_do_not_depend_on_cuts_ticks_and_neighbours(data, crowded, options, stride, limits):
    conversations, alone = [], []
    for rows in crowded:
        places = [0, *data.draw(cuts(len(rows))), len(rows)]
        pieces = [frames(*rows[start:stop]) for start, stop in pairwise(places) if stop > start]
        conversations.append([*pieces, Finish(), *pieces, End()])
        alone.append(said([[frames(*rows), Finish(), frames(*rows), End()]], options, stride=stride)[0])
    found = said(conversations, options, stride=stride, limits=limits)
    assert [settled(answers) for answers in found] == [settled(answers) for answers in alone]


def test_a_gesture_is_all_that_is_sent_up_to_a_finish_and_the_next_begins_anew():
    high, low = (0, 3), (3, 0)
    (answers,) = said([[frames(high, high), frames(high), Finish(), frames(low), End()]], WATCH)
    found = [(each.item.ranked[0][0], each.item.start_frame, each.item.frame_count) for each in answers]
    assert found == [("high", 0, 3), ("low", 3, 1)]
    assert [(each.number, each.sequence_number) for each in answers] == [(1, 3), (2, 5)]
    first = np.array([1.0, 1.0, np.exp(6.0)])  # the mean of the sums 3, 6 and 9
    assert answers[0].item.ranked[0][1] == pytest.approx(np.exp(6.0) / first.sum())


def test_running_results_follow_every_message_and_are_not_numbered():
    (answers,) = said([[frames((0, 3)), frames((3, 0), (3, 0)), End()]], GestureOptions(class_count=2))
    running = [each for each in answers if each.number == 0]
    assert all(not each.item.final and len(each.item.ranked) == 2 for each in running)
    assert answers[-1].item.final


def test_events_tell_where_gestures_begin_and_end_and_rest_is_left_out():
    rest = [(0, 0)] * 5
    rows = [*rest, (0, 4), (0, 8), (0, 4), *rest, (0, 0), (5, 0), (0, 0), *rest]
    (answers,) = said([[frames(*rows), End()]], DETECT)
    events = [each.item for each in answers if isinstance(each.item, GestureEvent)]
    assert [(each.begins, each.frame, each.label) for each in events] == [
        (True, 5, ""),
        (False, 9, "high"),
        (True, 14, ""),
        (False, 16, "low"),
    ]
    assert [each.seconds for each in events] == [0.5, 0.9, 1.4, 1.6]
    results = [each.item for each in answers if isinstance(each.item, Recognized)]
    assert [(each.start_frame, each.frame_count) for each in results] == [(5, 4), (14, 2)]
    assert [each.number for each in answers] == [1, 2, 3, 4, 5, 6]


def test_what_stays_below_the_threshold_is_no_gesture():
    said_once = [frames((0, 0), (4, 4), (0, 0)), End()]
    assert said([said_once], GestureOptions(detect=True, threshold=0.99, interim=False)) == [[]]
    (answers,) = said([said_once], DETECT)
    assert [each.item.begins for each in answers if isinstance(each.item, GestureEvent)] == [True, False]


def test_times_follow_the_frame_rate_of_the_client():
    (answers,) = said([[frames((0, 0), (0, 4)), End()]], GestureOptions(detect=True, interim=False, frame_rate=4.0))
    assert answers[0].item.seconds == 0.25


@pytest.mark.parametrize(
    ("message", "reason", "field"),
    [
        (frames(), Reason.CHUNK_EMPTY, "frames.values"),
        (frames((1, 2, 3)), Reason.FRAME_SIZE_MISMATCH, "frames.values"),
        (frames((1, 2), (3, np.nan)), Reason.FRAME_NOT_FINITE, "frames.values[3]"),
        (frames((1e10, 2)), Reason.FRAME_NOT_FINITE, "frames.values[0]"),
        (Frames(np.zeros(2 * 4097, np.float32)), Reason.MESSAGE_TOO_LARGE, "frames.values"),
        (Finish(), Reason.GESTURE_EMPTY, "finish"),
    ],
)
def test_bad_input_has_a_stable_reason(message, reason, field):
    with pytest.raises(ServiceError) as caught:
        said([[message]], WATCH)
    assert (caught.value.reason, caught.value.violations[0].field) == (reason, field)


@pytest.mark.parametrize(
    "options",
    [
        GestureOptions(frame_rate=-1.0),
        GestureOptions(frame_rate=float("nan")),
        GestureOptions(threshold=1.1),
        GestureOptions(class_count=4),
    ],
)
def test_options_out_of_range_are_refused(options):
    task = GestureRecognition.from_bundle(load_bundle(REPOSITORY / GESTURE / "1"))
    with pytest.raises(ServiceError) as caught:
        task.begin(options)
    assert caught.value.reason == Reason.OPTION_OUT_OF_RANGE


def test_a_bundle_that_says_too_little_is_refused(tmp_path):
    with pytest.raises(BundleError, match="does not describe a model of gestures"):
        GestureRecognition.from_bundle(load_bundle(REPOSITORY / SERIES / "1"))
    folder = copy_bundle(tmp_path, GESTURE)
    edit_manifest(folder, lambda told: told["heads"][0]["parameters"].update(pooling="best"))
    with pytest.raises(BundleError, match="pooling 'best'"):
        GestureRecognition.from_bundle(load_bundle(folder))
