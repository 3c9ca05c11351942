"""The state table: the recurrent tensors of all live sessions, one row (a slot) each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]


@dataclass(frozen=True)
class StateSpec:
    """One recurrent tensor of a model: its name, shape without the batch axis, dtype and initial value."""

    name: str
    shape: tuple[int, ...]
    dtype: str = "float32"
    initial: float = 0.0

    @property
    def row_bytes(self) -> int:
        """Bytes that one session needs for this tensor."""
        return int(np.prod(self.shape, dtype=np.int64)) * np.dtype(self.dtype).itemsize


class Tenancy(NamedTuple):
    """The right to a slot: `number` tells the successive tenants of one slot apart."""

    slot: int
    number: int


class StateTable:
    """State tensors of shape [slots, ...]; a slot is lent to one session at a time.

    A tenancy that was released reads and writes nothing any more, so that a late result of an earlier tenant can
    not touch the next one. The last freed slot is lent first, which keeps the rows in use close together.
    """

    def __init__(self, specs: Sequence[StateSpec], slot_count: int) -> None:
        self.specs = tuple(specs)
        self.slot_count = slot_count
        self._tensors = {spec.name: np.empty((slot_count, *spec.shape), spec.dtype) for spec in specs}
        self._numbers = [0] * slot_count
        self._free = list(range(slot_count - 1, -1, -1))
        self._lent: set[int] = set()

    @property
    def free_count(self) -> int:
        """Slots that can still be acquired."""
        return len(self._free)

    @property
    def row_bytes(self) -> int:
        """Bytes of state of one session."""
        return sum(spec.row_bytes for spec in self.specs)

    def acquire(self) -> Tenancy:
        """Lend a slot in its initial state. The caller checks `free_count` first."""
        slot = self._free.pop()
        self._lent.add(slot)
        tenancy = Tenancy(slot, self._numbers[slot])
        self.reset(tenancy)
        return tenancy

    def release(self, tenancy: Tenancy) -> None:
        """Take the slot back; a tenancy that has already ended is ignored."""
        if self.holds(tenancy):
            self._numbers[tenancy.slot] += 1
            self._lent.remove(tenancy.slot)
            self._free.append(tenancy.slot)

    def holds(self, tenancy: Tenancy) -> bool:
        """Whether the slot still belongs to this tenancy."""
        return self._numbers[tenancy.slot] == tenancy.number and tenancy.slot in self._lent

    def reset(self, tenancy: Tenancy) -> None:
        """Set the row back to the initial state."""
        if self.holds(tenancy):
            for spec in self.specs:
                self._tensors[spec.name][tenancy.slot] = spec.initial

    def read(self, tenancy: Tenancy) -> dict[str, Array]:
        """A copy of one row: name to tensor, without the batch axis."""
        if not self.holds(tenancy):
            raise KeyError(f"slot {tenancy.slot} is no longer held by tenancy {tenancy.number}")
        return {name: tensor[tenancy.slot].copy() for name, tensor in self._tensors.items()}

    def write(self, tenancy: Tenancy, tensors: Mapping[str, Array]) -> None:
        """Replace one row by tensors without the batch axis."""
        if self.holds(tenancy):
            for name, tensor in self._tensors.items():
                tensor[tenancy.slot] = tensors[name]

    def copy(self, sources: Sequence[Tenancy], targets: Sequence[Tenancy]) -> None:
        """Copy rows onto others; all of them are held."""
        read, written = ([tenancy.slot for tenancy in each] for each in (sources, targets))
        for tensor in self._tensors.values():
            tensor[written] = tensor[read]

    def gather(self, slots: NDArray[np.intp]) -> dict[str, Array]:
        """The rows of a batch: name to [batch, ...], a copy."""
        return {name: tensor.take(slots, axis=0) for name, tensor in self._tensors.items()}

    def scatter(
        self, tenancies: Sequence[Tenancy], slots: NDArray[np.intp], tensors: Mapping[str, Array]
    ) -> list[bool]:
        """Write [batch, ...] tensors into the rows of a batch; tells of each row whether its tenancy still stands."""
        current = [self.holds(tenancy) for tenancy in tenancies]
        if all(current):
            for name, tensor in self._tensors.items():
                tensor[slots] = tensors[name]
        else:
            mask = np.array(current)
            for name, tensor in self._tensors.items():
                tensor[slots[mask]] = tensors[name][mask]
        return current

    def check_integrity(self) -> None:
        """Assert that every slot is either free or lent, exactly once."""
        if sorted([*self._free, *self._lent]) != list(range(self.slot_count)):
            raise AssertionError("a slot is lost or lent twice")
