"""Recordings made up from recordings."""

from dataclasses import replace

import numpy as np

from training.warping import Warp, rotation, warped_hand, warped_sensors, warped_time

NOTHING = Warp(*[0.0] * 9)
RAMP = np.arange(40, dtype=np.float32)[:, None] * np.ones(2, np.float32)


def test_warping_by_nothing_changes_nothing():
    random = np.random.default_rng(0)
    hand = random.normal(size=(6, 21, 3)).astype(np.float32)
    np.testing.assert_allclose(warped_hand(hand, NOTHING, random), hand, atol=1e-5)
    np.testing.assert_allclose(warped_sensors(RAMP, np.ones(2, np.float32), NOTHING, random), RAMP, atol=1e-4)


def test_time_stays_in_order_and_within_the_recording():
    how = replace(NOTHING, speed=0.3, crop=0.1, bend=0.3)
    for seed in range(30):
        warped = warped_time(RAMP, how, np.random.default_rng(seed))[:, 0]
        assert 0.7 * 40 - 1 <= len(warped) <= 1.3 * 40 + 1
        assert warped.min() >= 0
        assert warped.max() <= 39
        assert (np.diff(warped) >= 0).all()


def test_a_short_recording_keeps_its_frames_and_a_hand_that_was_not_seen_stays_so():
    random = np.random.default_rng(0)
    assert len(warped_time(RAMP[:3], Warp(), random)) >= 3
    hand = random.normal(size=(8, 21, 3)).astype(np.float32)
    hand[2:4] = np.nan
    warped = warped_hand(hand, replace(Warp(), speed=0.0, crop=0.0, bend=0.0), random)
    assert np.isnan(warped[:, 0, 0]).tolist() == [False, False, True, True, False, False, False, False]
    assert np.isnan(warped_hand(np.full_like(hand, np.nan), Warp(), random)).all()


def test_a_rotation_keeps_lengths():
    turn = rotation(np.array([0.3, -1.0, 2.0]))
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
