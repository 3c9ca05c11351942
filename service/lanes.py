"""The ticks of an encoder-decoder model: whole sources, or one step on contexts of one size, which are lanes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from service.batch import Batch, InputSpec, Row
from service.context import Context, ContextPacker, ContextSpec
from service.session import Session
from service.state import Array, Tenancy

ENCODER_LANE = -1


@dataclass(frozen=True)
class Decoding:
    """How an encoder-decoder model runs: what the encoder reads, the context it gives, and how many rows of state one
    session may have.
    """

    source: InputSpec
    context: ContextSpec
    max_rows: int = 16


class EncoderBatch(Batch):
    """Whole sources of sessions."""

    lane = ENCODER_LANE

    def __init__(self, rows: tuple[Row, ...], source: InputSpec) -> None:
        super().__init__(rows)
        self._source = source

    def inputs(self, specs: Sequence[InputSpec]) -> dict[str, Array]:
        """The sources [batch, time]."""
        return super().inputs((self._source,))

    def halves(self) -> tuple[Batch, Batch]:
        """The batch in two."""
        middle = len(self.rows) // 2
        return EncoderBatch(self.rows[:middle], self._source), EncoderBatch(self.rows[middle:], self._source)


class DecoderBatch(Batch):
    """One step of sessions with contexts of one size, which is its lane; the rows of each session lie together."""

    def __init__(self, rows: tuple[Row, ...], packer: ContextPacker) -> None:
        self.rows = rows
        self._packer = packer
        self._tenancies = [tenancy for row in rows for tenancy in (row.tenancy, *row.others)]
        self.steps = 1
        self.valid_steps = len(self._tenancies)
        self.lengths = np.ones(self.valid_steps, np.int32)
        self.slots = np.array([tenancy.slot for tenancy in self._tenancies], np.intp)
        self._contexts = tuple(context_of(row.session) for row in rows for _ in (row.tenancy, *row.others))
        self.lane = self._contexts[0].places

    @property
    def tenancies(self) -> list[Tenancy]:
        """Tenancy of each row."""
        return self._tenancies

    def inputs(self, specs: Sequence[InputSpec]) -> dict[str, Array]:
        """Each input as [batch, 1, ...], and the contexts."""
        given = {spec.name: self._pack(spec) for spec in specs}
        return given | self._packer.pack(self._contexts)

    def halves(self) -> tuple[Batch, Batch]:
        """The batch in two; a session stays whole."""
        middle = len(self.rows) // 2
        return DecoderBatch(self.rows[:middle], self._packer), DecoderBatch(self.rows[middle:], self._packer)

    def _pack(self, spec: InputSpec) -> Array:
        parts = [
            s.chunk.inputs[spec.name] if s.chunk.parents else s.chunk.inputs[spec.name][s.start : s.stop]
            for row in self.rows
            for s in row.segments
            if s.stop > s.start
        ]
        return np.concatenate(parts, dtype=spec.dtype, casting="same_kind").reshape(-1, 1, *spec.shape)


def lane_of(session: Session) -> int:
    """Where the next steps of a session run."""
    return ENCODER_LANE if session.context is None else session.context.places


def context_of(session: Session) -> Context:
    """The context of a session whose source was read."""
    assert session.context is not None
    return session.context
