"""The nearest recording under dynamic time warping, the baseline of time series classification.

The distance of two recordings is the least sum of squared distances of frames that are matched in order, each with at
least one of the other recording (Sakoe and Chiba, 1978), within a band about the diagonal.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from training.batches import padded

Floats = NDArray[np.float32]

BLOCK = 32
"""Recordings that are compared with all others at once."""


def nearest(known: Sequence[Floats], asked: Sequence[Floats], band: float = 0.1) -> NDArray[np.int64]:
    """The place of the nearest known recording for each that is asked; all are [n, features].

    band: how far matched frames may be apart, as a share of the longest recording; recordings whose lengths differ by
    more get as much as they need.
    """
    lengths = [len(each) for each in (*known, *asked)]
    reach = max(round(band * max(lengths)), max(lengths) - min(lengths), 1)
    found = [
        warping_distances(asked[start : start + BLOCK], known, reach).argmin(axis=1)
        for start in range(0, len(asked), BLOCK)
    ]
    return np.concatenate(found)


def warping_distances(rows: Sequence[Floats], columns: Sequence[Floats], reach: int) -> Floats:
    """Distances [rows, columns] of every pair; matched frames are at most `reach` apart."""
    (left, heights), (right, widths) = (
        (frames.numpy(), counts.numpy()) for frames, counts in (padded(rows), padded(columns))
    )
    shape = len(rows), len(columns)
    result = np.full(shape, np.inf, np.float32)
    above = np.full((right.shape[1] + 1, *shape), np.inf, np.float32)  # by frame of the columns, shifted by one
    above[0] = 0
    right_squares = np.square(right).sum(axis=2)
    for row in range(left.shape[1]):
        own = np.full_like(above, np.inf)
        squares = np.square(left[:, row]).sum(axis=1)
        for column in range(max(0, row - reach), min(right.shape[1], row + reach + 1)):
            cost = squares[:, None] + right_squares[:, column] - 2 * left[:, row] @ right[:, column].T
            best = np.minimum(np.minimum(above[column], above[column + 1]), own[column])
            own[column + 1] = best + np.maximum(cost, 0)
        for place in np.flatnonzero(heights == row + 1):
            result[place] = own[widths, place, np.arange(shape[1])]
        above = own
    return result
