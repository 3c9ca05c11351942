"""Record golden vectors: synthetic chunks of ragged rows, their state carried from chunk to chunk."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from service.bundle import GoldenChunk
from service.probe import Runs

Array = NDArray[np.generic]

LENGTHS = ((4, 2, 1), (1, 3, 2), (2, 4, 4))
"""Steps of each of three rows in each of three chunks: full, ragged and single steps."""


def synthetic(sample: Array, batch: int, steps: int, seed: int) -> Array:
    """Inputs [batch, steps, ...] like `sample` [rows, time, ...], and none of it: tokens drawn evenly from those that
    occur in their column, or values drawn from a normal distribution with the mean and spread of each feature.
    """
    random = np.random.default_rng(seed)
    if np.issubdtype(sample.dtype, np.integer):
        columns = sample.reshape(sample.shape[0] * sample.shape[1], -1).T  # [columns, steps]
        chosen = [random.choice(np.unique(column), (batch, steps)) for column in columns]
        tokens: Array = np.stack(chosen, axis=2).astype(sample.dtype)
        return tokens.reshape(batch, steps, *sample.shape[2:])
    flat = sample.reshape(-1, *sample.shape[2:])
    drawn = flat.mean(0) + flat.std(0) * random.standard_normal((batch, steps, *sample.shape[2:]))
    values: Array = drawn.astype(np.float32)
    return values


def record(
    model: Runs, sample: Array, *, lengths: Sequence[Sequence[int]] = LENGTHS, seed: int = 7
) -> tuple[GoldenChunk, ...]:
    """Run synthetic chunks of the given lengths [chunks, rows] through `model`, from its initial state."""
    name = model.signature.inputs[0].name
    state = model.initial_state(len(lengths[0]))
    chunks = []
    for number, rows in enumerate(lengths):
        inputs = {name: synthetic(sample, len(rows), max(rows), seed + number)}
        sizes = np.array(rows, np.int32)
        outputs, state = model.run(inputs, sizes, state)
        chunks.append(GoldenChunk(inputs, sizes, outputs, state))
    return tuple(chunks)
