"""Other throats and lost bands: what happens to the logarithms of mel bands of a batch before a network hears them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from training.filterbank import BANDS, FRAMES, band_places

HIDDEN = 6
"""Neighbouring bands that are hidden, at most, twice in every row (Park et al., 2019)."""


def warp_bands(features: Tensor, strength: float, random: np.random.Generator) -> Tensor:
    """The same as longer and shorter vocal tracts would say it (Jaitly and Hinton, 2013): features
    [rows, steps, FRAMES × BANDS], each row read at other frequencies, up to `strength` (in logarithms) off.
    """
    factors = np.exp(random.uniform(-strength, strength, len(features)))
    matrices = torch.from_numpy(np.stack([_warp(factor) for factor in factors]))
    return (features.reshape(len(features), -1, BANDS) @ matrices).view_as(features)


def hide_bands(features: Tensor, random: np.random.Generator) -> None:
    """Set some bands of each row to their mean, in place: features [rows, steps, FRAMES × BANDS]."""
    bands = features.view(*features.shape[:2], FRAMES, BANDS)
    for row in bands:
        for _ in range(2):
            count = random.integers(0, HIDDEN + 1)
            first = random.integers(0, BANDS - count + 1)
            row[:, :, first : first + count] = 0.0


def _warp(factor: float) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """[BANDS, BANDS]: each band becomes what lies between two others, at `factor` times its frequency."""
    places = np.clip(band_places(factor), 0, BANDS - 1)
    lower = np.minimum(places.astype(int), BANDS - 2)
    matrix = np.zeros((BANDS, BANDS), np.float32)
    matrix[lower, np.arange(BANDS)] = lower + 1 - places
    matrix[lower + 1, np.arange(BANDS)] = places - lower
    return matrix
