"""Bands are hidden and warped row by row, the same at all times of a row."""

import numpy as np
import torch

from training.bands import LONGEST, MOMENTS, hide_bands, hide_moments, warp_bands
from training.filterbank import BANDS, FRAMES, band_places


def test_hidden_bands_are_neighbours_in_every_frame_of_a_row():
    features = torch.ones(6, 4, FRAMES * BANDS)
    hide_bands(features, np.random.default_rng(1))
    hidden = (features == 0).view(6, 4, FRAMES, BANDS)
    assert hidden.any()
    assert torch.equal(hidden, hidden[:, :1, :1].expand_as(hidden))


def test_hidden_moments_are_few_windows_with_all_their_bands():
    features = torch.ones(20, 10, FRAMES * BANDS)
    hide_moments(features, np.random.default_rng(1))
    hidden = (features == 0).view(20, -1, BANDS)
    assert torch.equal(hidden, hidden[:, :, :1].expand_as(hidden))
    counts = hidden[:, :, 0].sum(1)
    assert 0 < counts.max() <= MOMENTS * LONGEST
    assert counts.min() < counts.max()


def test_a_longer_vocal_tract_moves_a_peak_down_and_a_shorter_one_up():
    assert np.allclose(band_places(1.0), np.arange(BANDS))
    peak = torch.zeros(200, 1, FRAMES * BANDS)
    peak[:, :, [20, BANDS + 20, 2 * BANDS + 20]] = 1.0
    warped = warp_bands(peak, 0.2, np.random.default_rng(1)).view(200, FRAMES, BANDS)
    assert torch.equal(warped[:, 0], warped[:, 2])
    places = warped[:, 0].argmax(dim=1)
    assert 15 <= places.min() < 19
    assert 21 < places.max() <= 25


def test_no_strength_changes_nothing():
    features = torch.randn(3, 5, FRAMES * BANDS)
    assert torch.allclose(warp_bands(features, 0.0, np.random.default_rng(1)), features, atol=1e-5)
