"""Other throats and lost bands: what happens to the logarithms of mel bands of a batch before a network hears them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.filterbank import BANDS, FRAMES, band_places

HIDDEN = 6
"""Neighbouring bands that are hidden, at most, twice in every row (Park et al., 2019)."""
MOMENTS, LONGEST = 5, 4
"""How often neighbouring windows of a row are hidden, and how many of them at most."""
BENDS = 6
"""Places along the bands between which a throat differs from others in its own way."""


def warp_bands(features: Tensor, strength: float, random: np.random.Generator) -> Tensor:
    """The same as longer and shorter vocal tracts would say it (Jaitly and Hinton, 2013): features
    [rows, steps, FRAMES × BANDS], each row read at other frequencies, up to `strength` (in logarithms) off, and half
    as far again where a formant of its own lies elsewhere than those of others.
    """
    lengths = random.uniform(-strength, strength, (len(features), 1))
    bends = random.uniform(-strength, strength, (len(features), BENDS)) / 2
    places = np.linspace(0, BENDS - 1, BANDS)
    curves = np.exp(lengths + np.stack([np.interp(places, np.arange(BENDS), row) for row in bends]))
    matrices = torch.from_numpy(np.stack([_warp(curve) for curve in curves]))
    return (features.reshape(len(features), -1, BANDS) @ matrices).view_as(features)


def hide_bands(features: Tensor, random: np.random.Generator) -> None:
    """Set some bands of each row to their mean, in place: features [rows, steps, FRAMES × BANDS]."""
    bands = features.view(*features.shape[:2], FRAMES, BANDS)
    for row in bands:
        for _ in range(2):
            count = random.integers(0, HIDDEN + 1)
            first = random.integers(0, BANDS - count + 1)
            row[:, :, first : first + count] = 0.0


def hide_moments(features: Tensor, random: np.random.Generator) -> None:
    """Set all bands of some windows of each row to their mean, in place: features [rows, steps, FRAMES × BANDS]."""
    windows = features.view(len(features), -1, BANDS)
    for row in windows:
        for _ in range(MOMENTS):
            count = random.integers(0, LONGEST + 1)
            first = random.integers(0, len(row) - count + 1)
            row[first : first + count] = 0.0


def _warp(factor: NDArray[np.float64]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """[BANDS, BANDS]: each band becomes what lies between two others, at `factor` [BANDS] times its frequency."""
    places = np.clip(band_places(factor), 0, BANDS - 1)
    lower = np.minimum(places.astype(int), BANDS - 2)
    matrix = np.zeros((BANDS, BANDS), np.float32)
    matrix[lower, np.arange(BANDS)] = lower + 1 - places
    matrix[lower + 1, np.arange(BANDS)] = places - lower
    return matrix
