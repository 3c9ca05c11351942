"""Golden vectors: inputs and outputs of a few carried chunks, recorded at export and replayed at load."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from service.errors import BundleError, Reason

Arrays = Mapping[str, NDArray[np.generic]]


@dataclass(frozen=True, slots=True)
class GoldenChunk:
    """One chunk of every row: `inputs` [batch, time, ...] and `lengths` [batch] in, the rest out.

    The state is not stored at the start of a chunk: it is the initial value, then the state carried by the replay.
    """

    inputs: Arrays
    lengths: NDArray[np.int32]
    outputs: Arrays
    next_state: Arrays


def write_golden(path: Path, chunks: Sequence[GoldenChunk]) -> None:
    """Write the chunks as one `.npz` of plain arrays."""
    arrays: dict[str, NDArray[np.generic]] = {}
    for number, chunk in enumerate(chunks):
        arrays[f"{number}/lengths"] = chunk.lengths
        for part in ("inputs", "outputs", "next_state"):
            arrays |= {f"{number}/{part}/{name}": array for name, array in getattr(chunk, part).items()}
    np.savez_compressed(path, allow_pickle=False, **arrays)


def read_golden(path: Path) -> tuple[GoldenChunk, ...]:
    """Read the chunks back. Raises BundleError(BUNDLE_GOLDEN_MISMATCH) when the file is none of ours; no pickle."""
    parts: dict[int, dict[str, dict[str, NDArray[np.generic]]]] = {}
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            for key in archive.files:
                number, part, name = (*key.split("/", 2), "")[:3]
                parts.setdefault(int(number), {}).setdefault(part, {})[name] = archive[key]
        return tuple(_chunk(parts[number]) for number in range(len(parts)))
    except (ValueError, KeyError, TypeError, AttributeError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise BundleError(Reason.BUNDLE_GOLDEN_MISMATCH, f"{path} holds no golden vectors: {error}") from error


def _chunk(parts: Mapping[str, dict[str, NDArray[np.generic]]]) -> GoldenChunk:
    lengths = parts["lengths"][""].astype(np.int32)
    return GoldenChunk(parts["inputs"], lengths, parts["outputs"], parts.get("next_state", {}))


def largest_difference(expected: NDArray[np.generic], found: NDArray[np.generic], lengths: NDArray[np.int32]) -> float:
    """`largest_gap` of two arrays [batch, time, ...] over the steps within each row's length."""
    if expected.shape != found.shape:
        return float("inf")
    valid = np.arange(expected.shape[1])[None, :] < lengths[:, None]  # [batch, time]
    return largest_gap(expected[valid], found[valid])


def largest_gap(expected: NDArray[np.generic], found: NDArray[np.generic]) -> float:
    """The largest difference of two arrays: absolute where the expected value is within -1..1, else relative to it.

    Infinite when the shapes differ or either holds a value that is not finite.
    """
    if expected.shape != found.shape:
        return float("inf")
    wanted = expected.astype(np.float64)
    with np.errstate(invalid="ignore"):  # infinity minus infinity
        gaps = np.abs(found.astype(np.float64) - wanted) / np.maximum(1.0, np.abs(wanted))
    largest = float(gaps.max(initial=0.0))
    return largest if np.isfinite(largest) else float("inf")
