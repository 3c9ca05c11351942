"""A batch: the rows of one tick, packed into padded arrays."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

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

    @cached_property
    def numpy_dtype(self) -> np.dtype[Any]:
        """The dtype as numpy has it."""
        return np.dtype(self.dtype)

    @cached_property
    def step_bytes(self) -> int:
        """Bytes of one step."""
        return math.prod(self.shape) * self.numpy_dtype.itemsize

    @cached_property
    def bounded(self) -> bool:
        """Whether there are values that it may not hold."""
        return self.minimum > -math.inf or self.maximum < math.inf


class Row(NamedTuple):
    """What one session runs in a tick. A row of no steps carries marks only and never reaches the model.

    `others`: further rows of state of a session that decodes in several.
    """

    session: Session
    tenancy: Tenancy
    segments: tuple[Segment, ...]
    steps: int
    others: tuple[Tenancy, ...] = ()


class Batch:
    """Rows of distinct sessions that run together, each padded to the longest.

    `steps` is the length of the time axis, `valid_steps` the steps that are not padding; `lengths` [batch] and `slots`
    [batch] say of each row how many steps are valid and which slot it has. Batches of one `lane` take the same graph
    and sizes that differ by rows and steps alone.
    """

    lane = 0

    def __init__(self, rows: tuple[Row, ...]) -> None:
        counts = [row.steps for row in rows]
        self.rows = rows
        self.steps = max(counts)
        self.valid_steps = sum(counts)
        self.lengths = np.array(counts, np.int32)
        self.slots = np.array([row.tenancy.slot for row in rows], np.intp)

    @property
    def tenancies(self) -> list[Tenancy]:
        """Tenancy of each row."""
        return [row.tenancy for row in self.rows]

    def inputs(self, specs: Sequence[InputSpec]) -> dict[str, Array]:
        """Pack the rows: each input as [batch, time, ...], zeros behind a row's length."""
        if self.steps * len(self.rows) == self.valid_steps:
            return {spec.name: self._pack_even(spec) for spec in specs}
        return {spec.name: self._pack_ragged(spec) for spec in specs}

    def _pack_even(self, spec: InputSpec) -> Array:
        name = spec.name
        parts = [s.chunk.inputs[name][s.start : s.stop] for row in self.rows for s in row.segments if s.stop > s.start]
        # The dtype is named: else one row of another dtype would change that of all rows.
        packed = np.concatenate(parts, dtype=spec.dtype, casting="same_kind")
        return packed.reshape(len(self.rows), self.steps, *spec.shape)

    def _pack_ragged(self, spec: InputSpec) -> Array:
        packed = np.zeros((len(self.rows), self.steps, *spec.shape), spec.dtype)
        for row, target in zip(self.rows, packed, strict=True):
            start = 0
            for segment in row.segments:
                stop = start + segment.stop - segment.start
                if stop > start:
                    target[start:stop] = segment.chunk.inputs[spec.name][segment.start : segment.stop]
                start = stop
        return packed

    def halves(self) -> tuple["Batch", "Batch"]:
        """The batch in two, to look for the row that makes a run fail."""
        middle = len(self.rows) // 2
        return Batch(self.rows[:middle]), Batch(self.rows[middle:])


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


class Outcome(NamedTuple):
    """What the model gave for a batch: outputs as [batch, time, ...] and next states as [batch, ...]."""

    outputs: Mapping[str, Array]
    next_state: Mapping[str, Array]
