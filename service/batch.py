"""A batch: the rows of one tick, packed into padded arrays."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from service.session import Segment, Session
from service.state import Array, Tenancy


@dataclass(frozen=True)
class InputSpec:
    """One input of a model: its name, shape without the batch and time axes, dtype, and the values it may hold."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    minimum: float = -math.inf
    maximum: float = math.inf


@dataclass(frozen=True, slots=True)
class Row:
    """What one session runs in a tick. A row of no steps carries marks only and never reaches the model."""

    session: Session
    tenancy: Tenancy
    segments: tuple[Segment, ...]
    steps: int


@dataclass(frozen=True)
class Batch:
    """Rows of distinct sessions that run together, each padded to the longest."""

    rows: tuple[Row, ...]

    @cached_property
    def lengths(self) -> NDArray[np.int32]:
        """Valid steps of each row, [batch]."""
        return np.array([row.steps for row in self.rows], np.int32)

    @cached_property
    def slots(self) -> NDArray[np.intp]:
        """Slot of each row, [batch]."""
        return np.array([row.tenancy.slot for row in self.rows], np.intp)

    @property
    def tenancies(self) -> list[Tenancy]:
        """Tenancy of each row."""
        return [row.tenancy for row in self.rows]

    @property
    def steps(self) -> int:
        """Length of the time axis."""
        return max(row.steps for row in self.rows)

    @property
    def valid_steps(self) -> int:
        """Steps that are not padding."""
        return sum(row.steps for row in self.rows)

    def inputs(self, specs: Sequence[InputSpec]) -> dict[str, Array]:
        """Pack the rows: each input as [batch, time, ...], zeros behind a row's length."""
        if self.steps * len(self.rows) == self.valid_steps:
            return {spec.name: self._pack_even(spec) for spec in specs}
        return {spec.name: self._pack_ragged(spec) for spec in specs}

    def _pack_even(self, spec: InputSpec) -> Array:
        parts = [part for row in self.rows for part in _parts(row, spec.name)]
        # The dtype is named: else one row of another dtype would change that of all rows.
        packed = np.concatenate(parts, dtype=spec.dtype, casting="same_kind")
        return packed.reshape(len(self.rows), self.steps, *spec.shape)

    def _pack_ragged(self, spec: InputSpec) -> Array:
        packed = np.zeros((len(self.rows), self.steps, *spec.shape), spec.dtype)
        for row, target in zip(self.rows, packed, strict=True):
            start = 0
            for part in _parts(row, spec.name):
                target[start : start + len(part)] = part
                start += len(part)
        return packed

    def halves(self) -> tuple["Batch", "Batch"]:
        """The batch in two, to look for the row that makes a run fail."""
        middle = len(self.rows) // 2
        return Batch(self.rows[:middle]), Batch(self.rows[middle:])


def _parts(row: Row, name: str) -> list[Array]:
    return [s.chunk.inputs[name][s.start : s.stop] for s in row.segments if s.stop > s.start]


def tick_steps(wanted: Sequence[int], max_padding: float, tick_cost: int) -> int:
    """How many steps to run when rows want `wanted` steps each: the most that keeps padding low.

    Padding is low when it is at most the share `max_padding` of the batch, or at most `tick_cost` row-steps, what
    an extra tick would cost instead. Longer rows go on in the next tick. The candidates are the longest wish and
    the powers of two below it, so that a model meets few shapes.
    """
    longest = max(wanted)
    if longest == min(wanted):
        return longest
    lengths = np.asarray(wanted)
    candidate = longest
    while candidate > 1:
        area = candidate * len(lengths)
        padding = area - int(np.minimum(lengths, candidate).sum())
        if padding <= max(max_padding * area, tick_cost):
            return candidate
        candidate = 1 << ((candidate - 1).bit_length() - 1)
    return 1


@dataclass(frozen=True)
class Outcome:
    """What the model gave for a batch: outputs as [batch, time, ...] and next states as [batch, ...]."""

    outputs: Mapping[str, Array]
    next_state: Mapping[str, Array]
