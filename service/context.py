"""The context of a session: what the encoder gave for its source, the same at every step that decodes it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from service.state import Array

LEAST_PLACES = 16


@dataclass(frozen=True)
class ContextSpec:
    """How a decoder takes its context: as `name` [batch, places, width] float32, and as `lengths` [batch] int32 how
    many of a row's places are valid.
    """

    name: str
    lengths: str
    width: int

    def byte_count(self, length: int) -> int:
        """Bytes of the context of a source of so many steps."""
        return padded_places(length) * self.width * 4


@dataclass(frozen=True, eq=False, slots=True)
class Context:
    """One session's: memory [places, width], zeros behind the first `length` places."""

    memory: Array
    length: int

    @classmethod
    def of(cls, memory: Array) -> "Context":
        """From what the encoder gave for one source, [steps, width]."""
        padded = np.zeros((padded_places(len(memory)), memory.shape[1]), np.float32)
        padded[: len(memory)] = memory
        return cls(padded, len(memory))

    @property
    def places(self) -> int:
        """How long it is with its padding."""
        return len(self.memory)


def padded_places(length: int) -> int:
    """How long a context of `length` steps is with its padding: a power of two, from 16 on.

    It depends on its own session alone, and a tick decodes on contexts of one size: the sums of an attention have
    other bits over other sizes, so that padding to the longest neighbour would tell a session who its neighbours are.
    """
    return max(LEAST_PLACES, 1 << (length - 1).bit_length())


class ContextPacker:
    """Puts contexts of one size together for a batch.

    The next tick mostly decodes for the same sessions, so the last batch of each size is kept as it is.
    """

    def __init__(self, spec: ContextSpec) -> None:
        self._spec = spec
        self._last: dict[int, tuple[tuple[Context, ...], dict[str, Array]]] = {}

    def pack(self, contexts: tuple[Context, ...]) -> dict[str, Array]:
        """The two inputs of the decoder for one context of each row."""
        places = contexts[0].places
        known = self._last.get(places)
        if known is not None and known[0] == contexts:
            return known[1]
        packed = self._stacked(contexts)
        self._last[places] = contexts, packed
        return packed

    def clear(self) -> None:
        """Forget all batches."""
        self._last.clear()

    def _stacked(self, contexts: Sequence[Context]) -> dict[str, Array]:
        memory = np.stack([context.memory for context in contexts])
        lengths = np.array([context.length for context in contexts], np.int32)
        return {self._spec.name: memory, self._spec.lengths: lengths}
