"""Recordings of gestures: frames of landmarks or sensor channels with a class each, by split."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from training.data.cache import Licensed

Kind = Literal["hands", "sensors"]
VALIDATED = 5
"""Every fifth recording of the training part is validated on."""


@dataclass(frozen=True)
class Recording:
    """One gesture: frames [n, columns] float32, NaN where nothing was seen; the number of its class; whose it is."""

    frames: NDArray[np.float32]
    label: int
    group: str = ""


@dataclass(frozen=True)
class Recordings:
    """Gestures by split, and what classes and columns of a frame are called.

    `frame_rate` in frames a second. `split`: how the test part was chosen, in words. Where `held_out` is false, the
    validation part was learned from as well: it shows that something is learned, and decides nothing.
    """

    kind: Kind
    labels: tuple[str, ...]
    columns: tuple[str, ...]
    frame_rate: float
    train: tuple[Recording, ...]
    valid: tuple[Recording, ...]
    test: tuple[Recording, ...]
    source: Licensed
    split: str
    held_out: bool = False

    @property
    def groups(self) -> tuple[str, ...]:
        """Whose gestures these are, all parts together, in alphabetical order."""
        return tuple(sorted({each.group for each in (*self.train, *self.test)}))


def some_of(train: Sequence[Recording]) -> tuple[Recording, ...]:
    """Recordings of the training part to look at while training."""
    return tuple(train[::VALIDATED])


def fold_of(recordings: Sequence[Recording], count: int) -> list[int]:
    """The fold of each recording: by whose it is, where that is told, else every class spread evenly over all folds."""
    groups = sorted({each.group for each in recordings})
    if len(groups) > 1:
        return [groups.index(each.group) % count for each in recordings]
    seen: dict[int, int] = {}
    folds = []
    for each in recordings:
        folds.append(seen.get(each.label, 0) % count)
        seen[each.label] = seen.get(each.label, 0) + 1
    return folds


def where(recordings: Sequence[Recording], keep: Callable[[int], bool]) -> tuple[Recording, ...]:
    """The recordings at the places that are kept."""
    return tuple(each for place, each in enumerate(recordings) if keep(place))
