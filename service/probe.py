"""What the bits of a model depend on: found by running golden rows alone, among strangers, and in pieces.

Another CPU may choose other kernels, so the answer is measured at load and published, not assumed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from service.bundle import GoldenChunk, Signature

Array = NDArray[np.generic]

STRANGERS = (2, 5, 16, 33)
"""Batch sizes of the probe: odd and even, under and over the width of a matrix kernel."""


class Runs(Protocol):
    """What the probe asks of a model (see `service.model.Model`)."""

    signature: Signature

    def run(
        self, inputs: Mapping[str, Array], lengths: NDArray[np.int32], state: Mapping[str, Array], /
    ) -> tuple[dict[str, Array], dict[str, Array]]:
        """Run one batch."""
        ...

    def initial_state(self, batch: int, /) -> dict[str, Array]:
        """The state of fresh sessions."""
        ...


@dataclass(frozen=True, slots=True)
class Probe:
    """`batch_independent`: a row has the same bits alone and among strangers. `cut_independent`: a sequence has the
    same bits whole and step by step (true by definition for graphs that take whole sequences only, and for decoders,
    which take one step at a time).
    """

    batch_independent: bool
    cut_independent: bool


@dataclass(frozen=True, slots=True)
class _Row:
    """One row: inputs [steps, ...] and state [...]; `context`: what a decoder is given at every step."""

    inputs: dict[str, Array]
    state: dict[str, Array]
    steps: int
    context: dict[str, Array] = field(default_factory=dict)


def probe(model: Runs, golden: Sequence[GoldenChunk]) -> Probe:
    """Run the rows of the first golden chunk alone, among strangers and step by step, and compare bits; for a decoder,
    those of the first two chunks, which are of its encoder and its own.
    """
    if model.signature.context is not None:
        return Probe(all(_independent(model, _rows(model, chunk))[0] for chunk in golden[:2]), True)
    rows = _rows(model, golden[0])
    among, alone = _independent(model, rows)
    if model.signature.whole_sequence:
        return Probe(among, True)
    return Probe(among, all(_same(_stepwise(model, row), whole) for row, whole in zip(rows, alone, strict=True)))


def _independent(model: Runs, rows: Sequence[_Row]) -> tuple[bool, list[dict[str, Array]]]:
    """Whether the rows have the same bits among strangers as alone, and what they give alone."""
    alone = [_run(model, [row])[0] for row in rows]
    return all(_same_among(model, rows, alone, count) for count in STRANGERS), alone


def _rows(model: Runs, chunk: GoldenChunk) -> list[_Row]:
    return [_row(model, chunk, index) for index in range(len(chunk.lengths))]


def _row(model: Runs, chunk: GoldenChunk, index: int) -> _Row:
    steps, spec = int(chunk.lengths[index]), model.signature.context
    fixed = (spec.name, spec.lengths) if spec else ()
    inputs = {name: array[index, :steps] for name, array in chunk.inputs.items() if name not in fixed}
    context = {name: array[index] for name, array in chunk.inputs.items() if name in fixed}
    # A carried state, not zeros: zeros would hide a kernel that treats the state differently.
    state = {name: array[index] for name, array in chunk.next_state.items()}
    return _Row(inputs, state, steps, context)


def _run(model: Runs, rows: Sequence[_Row]) -> list[dict[str, Array]]:
    """Run rows as one ragged batch; per row its outputs [steps, ...] and next state [...], by name."""
    longest = max(row.steps for row in rows)
    lengths = np.array([row.steps for row in rows], np.int32)
    inputs = {name: np.stack([_padded(row.inputs[name], longest) for row in rows]) for name in rows[0].inputs}
    inputs |= {name: np.stack([row.context[name] for row in rows]) for name in rows[0].context}
    state = {name: np.stack([row.state[name] for row in rows]) for name in rows[0].state}
    outputs, next_state = model.run(inputs, lengths, state)
    return [
        {name: array[index, : row.steps] for name, array in outputs.items()}
        | {name: array[index] for name, array in next_state.items()}
        for index, row in enumerate(rows)
    ]


def _padded(array: Array, steps: int) -> Array:
    return np.concatenate([array, np.zeros((steps - len(array), *array.shape[1:]), array.dtype)])


def _same_among(model: Runs, rows: Sequence[_Row], alone: Sequence[dict[str, Array]], count: int) -> bool:
    """Each row at the front of a batch of `count` rows, then at its end."""
    batch = [rows[index % len(rows)] for index in range(count)]
    found = _run(model, batch)
    return all(_same(found[index], alone[index % len(rows)]) for index in range(count))


def _stepwise(model: Runs, row: _Row) -> dict[str, Array]:
    outputs: list[dict[str, Array]] = []
    state = row.state
    for step in range(row.steps):
        found = _run(model, [_Row({name: array[step : step + 1] for name, array in row.inputs.items()}, state, 1)])[0]
        state = {name: found[name] for name in state}
        outputs.append({name: array for name, array in found.items() if name not in state})
    joined = {name: np.concatenate([part[name] for part in outputs]) for name in outputs[0]}
    return joined | state


def _same(left: Mapping[str, Array], right: Mapping[str, Array]) -> bool:
    return all(left[name].tobytes() == right[name].tobytes() for name in right)
