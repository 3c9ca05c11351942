"""Frames to steps: any cut gives the same; a hand is the same wherever, however large and whichever it is."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import BundleError
from service.frontends.activity import Activity
from service.frontends.frames import frontend_from_file, frontend_to_bytes
from service.frontends.pose import FEATURES, LANDMARKS, HandFrontend, HandMemory, column_names, hand_features
from service.frontends.scaling import Scaling
from service.frontends.sensors import SensorFrontend
from tests.strategies import cuts, few
from training.warping import rotation

DICE = np.random.default_rng(4)
SENSORS = SensorFrontend(Scaling(np.array([1.0, -1.0], np.float32), np.array([2.0, 0.5], np.float32)), 5, 3)
HANDS = HandFrontend(Scaling(np.zeros(FEATURES, np.float32), np.ones(FEATURES, np.float32)))


def steps_of(frontend, frames, places):
    memory = frontend.begin()
    parts = [frontend.encode(memory, frames[start:stop]) for start, stop in pairwise(places) if stop > start]
    return np.concatenate([*parts, frontend.flush(memory)])


def hand_frames(count: int) -> np.ndarray:
    frames = DICE.normal(100, 30, (count, 2, LANDMARKS, 3)).astype(np.float32)
    frames[DICE.random((count, 2)) < 0.4] = np.nan
    return frames.reshape(count, -1)


@few
@given(data=st.data(), count=st.integers(1, 20), kind=st.sampled_from(["sensors", "hands"]))
def test_steps_do_not_depend_on_cuts(data, count, kind):
    frontend = SENSORS if kind == "sensors" else HANDS
    frames = DICE.normal(0, 2, (count, 2)).astype(np.float32) if kind == "sensors" else hand_frames(count)
    whole = steps_of(frontend, frames, [0, count])
    cut = steps_of(frontend, frames, [0, *data.draw(cuts(count)), count])
    assert np.array_equal(cut, whole)
    assert whole.shape == (-(-count // 3) if kind == "sensors" else count, frontend.feature_count)


def test_a_window_holds_the_last_frames_oldest_first_with_zeros_before_the_first():
    frontend = SensorFrontend(Scaling(np.zeros(1, np.float32), np.ones(1, np.float32)), 3, 2)
    frames = np.array([[1], [2], [3], [4], [5]], np.float32) / 10
    expected = np.array([[0, 1, 2], [2, 3, 4], [4, 5, 5]], np.float32) / 10
    assert np.array_equal(steps_of(frontend, frames, [0, 5]), expected)


def test_a_hand_has_the_same_features_elsewhere_larger_and_as_the_other_hand():
    hand = DICE.normal(0, 10, (4, LANDMARKS, 3)).astype(np.float32)
    absent = np.full_like(hand, np.nan)
    mirrored = hand * np.float32([-1, 1, 1])

    def steps(left, right):
        return steps_of(HANDS, np.stack([left, right], axis=1).reshape(4, -1), [0, 4])

    right = steps(absent, hand)
    np.testing.assert_allclose(steps(absent, hand * 3 + 500), right, atol=2e-4)
    np.testing.assert_allclose(steps(mirrored, absent), right, atol=1e-5)
    np.testing.assert_array_equal(steps(mirrored * 2, hand), right)  # both hands: the right one is followed
    assert (right[:, -1] == 1).all()


def test_a_turned_hand_keeps_how_its_fingers_lie_to_each_other_and_crossed_ones_differ():
    hand = DICE.normal(0, 10, (1, LANDMARKS, 3)).astype(np.float32)
    turn = rotation(np.radians([30.0, -20.0, 70.0])).astype(np.float32)
    beside = slice(-12 - 36, -12)
    features = hand_features(hand)
    np.testing.assert_allclose(hand_features(hand @ turn)[:, beside], features[:, beside], atol=1e-4)
    crossed = hand.copy()
    crossed[:, [8, 12]] = hand[:, [12, 8]]  # the tips of two fingers change places
    across = features.shape[1] + beside.start + 3
    np.testing.assert_allclose(hand_features(crossed)[:, across], -features[:, across], atol=1e-4)


def test_a_hand_that_was_not_seen_is_said_so_and_stands_where_it_is_found_again():
    hand = DICE.normal(0, 10, (3, LANDMARKS, 3)).astype(np.float32)
    hand[1] = np.nan
    features = hand_features(hand)
    assert np.isnan(features[1]).all()
    assert (features[[0, 2], -12:] == 0).all()  # neither wrist nor tips have moved
    steps = HANDS.scores(hand, HandMemory())
    assert (steps[1] == 0).all()
    assert steps[:, -1].tolist() == [1, 0, 1]


def test_columns_of_a_frame_have_names_in_order():
    names = column_names()
    assert len(names) == HANDS.row_length
    assert (names[0], names[4], names[63], names[-1]) == ("left_0_x", "left_1_y", "right_0_x", "right_20_z")


@few
@given(data=st.data(), values=st.lists(st.sampled_from([0.0, 0.0, 1.0, 3.0]), min_size=1, max_size=20))
def test_stretches_of_activity_do_not_depend_on_cuts(data, values):
    frontend = SensorFrontend(Scaling(np.zeros(1, np.float32), np.ones(1, np.float32)))
    frames = np.array(values, np.float32)[:, None]
    activity = Activity(1.5, 0.5, 2)

    def gestures(places):
        memory, found = activity.begin(frontend), {}
        for start, stop in pairwise(places):
            if stop > start:
                for stretch in activity.cut(memory, frontend, frames[start:stop]):
                    found.setdefault(stretch.start, []).extend(stretch.frames[:, 0].tolist())
        return found

    assert gestures([0, *data.draw(cuts(len(values))), len(values)]) == gestures([0, len(values)])


def test_activity_is_fitted_so_that_gestures_stay_whole():
    levels = [np.array([1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1], np.float32)] * 3
    fitted = Activity.fitted(levels)
    assert fitted.rest_frames > 7
    assert 0 < fitted.ends < fitted.begins < 1
    assert Activity.from_parameters(fitted.parameters()) == fitted


@pytest.mark.parametrize("frontend", [SENSORS, HANDS])
def test_a_frontend_comes_back_from_its_file(tmp_path, frontend):
    (tmp_path / "frames.json").write_bytes(frontend_to_bytes(frontend))
    again = frontend_from_file(tmp_path / "frames.json")
    assert (again.kind, again.parameters()) == (frontend.kind, frontend.parameters())


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"kind": "smell"}',
        '{"kind": "sensors", "mean": [0], "spread": [0], "window": 1, "stride": 1}',
        '{"kind": "sensors", "mean": [0], "spread": [1], "window": 1, "stride": 2}',
        '{"kind": "hands", "mean": [0], "spread": [1]}',
    ],
)
def test_a_damaged_file_is_refused(tmp_path, content):
    (tmp_path / "frames.json").write_text(content)
    with pytest.raises(BundleError, match="no frontend for frames"):
        frontend_from_file(tmp_path / "frames.json")
