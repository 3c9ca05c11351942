"""Standard scores: each feature less its mean, over its spread, both measured on the training part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEAST_SPREAD = 1e-3
LARGEST = 5.0
"""Scores beyond this say no more than that a value is unusual."""


@dataclass(frozen=True)
class Scaling:
    """`mean` and `spread` of every feature, each [features]."""

    mean: NDArray[np.float32]
    spread: NDArray[np.float32]

    @classmethod
    def fitted(cls, features: NDArray[np.float32]) -> Scaling:
        """Measured on features [n, features]; NaN counts for nothing."""
        mean: NDArray[np.float64] = np.nanmean(features, axis=0, dtype=np.float64)
        spread = np.maximum(np.nanstd(features, axis=0, dtype=np.float64), LEAST_SPREAD)
        return cls(np.asarray(mean, np.float32), np.asarray(spread, np.float32))

    @classmethod
    def from_parameters(cls, said: Mapping[str, Any]) -> Scaling:
        """What `parameters` said."""
        mean, spread = np.array(said["mean"], np.float32), np.array(said["spread"], np.float32)
        if mean.ndim != 1 or mean.shape != spread.shape or not (spread > 0).all():
            raise ValueError("mean and spread must be lists of the same length, the spread above 0")
        return cls(mean, spread)

    def parameters(self) -> dict[str, Any]:
        """As plain JSON data."""
        return {"mean": [float(value) for value in self.mean], "spread": [float(value) for value in self.spread]}

    def apply(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scores [n, features] within ±LARGEST; 0, the mean, where a feature is NaN."""
        scores = np.clip((features - self.mean) / self.spread, -LARGEST, LARGEST)
        filled: NDArray[np.float32] = np.where(np.isnan(scores), np.float32(0), scores).astype(np.float32)
        return filled
