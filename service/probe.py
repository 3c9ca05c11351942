"""What the bits of a model depend on: found by running golden rows alone, among strangers, and in pieces.

Another CPU may choose other kernels, so the answer is measured at load and published, not assumed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, cycle, islice
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from service.bundle import GoldenChunk, Signature

Array = NDArray[np.generic]

STRANGERS = (2, 5, 16, 33)
"""Batch sizes of the probe: odd and even, under and over the width of a matrix kernel."""
STEPS_TOGETHER = range(2, 34)
"""Batch sizes of single steps. A kernel that takes values one by one, as of logarithms, takes whole lanes in one way
and what is left over in another: which rows that falls on changes with every size.
"""
VARIANTS = 8
"""How often each step is taken with other values: two ways to compute a value agree on most of them."""


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
    which take one step at a time). `max_difference`: the largest that strangers made to a number.
    """

    batch_independent: bool
    cut_independent: bool
    max_difference: float = 0.0


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
        source, step = (_rows(model, chunk) for chunk in golden[:2])
        return _found([*_together(model, source, STRANGERS), *_together(model, _varied(step), STEPS_TOGETHER)])
    rows = _rows(model, golden[0])
    together = _together(model, rows, STRANGERS)
    if model.signature.whole_sequence:
        return _found(together)
    steps, found = zip(*(_stepwise(model, row) for row in rows), strict=True)
    cut = all(_same(_joined(row, each), _run(model, [row])[0]) for row, each in zip(rows, found, strict=True))
    return _found([*together, *_together(model, _varied(list(chain(*steps))), STEPS_TOGETHER)], cut)


def _found(differences: Sequence[float], cut_independent: bool = True) -> Probe:
    return Probe(not differences, cut_independent, max(differences, default=0.0))


def _together(model: Runs, rows: Sequence[_Row], sizes: Iterable[int]) -> list[float]:
    """How far rows whose bits are others in batches of these sizes, in which they take turns, are from those alone."""
    alone = [_run(model, [row])[0] for row in rows]
    turns = cycle(zip(rows, alone, strict=True))
    differences: list[float] = []
    for size in sizes:
        batch = list(islice(turns, size))
        for found, (_, expected) in zip(_run(model, [row for row, _ in batch]), batch, strict=True):
            if not _same(found, expected):
                differences.append(max(_distance(found[name], expected[name]) for name in expected))
    return differences


def _varied(rows: Sequence[_Row]) -> list[_Row]:
    """Rows, and the same with numbers between half and one and a half of theirs."""
    random = np.random.default_rng(0)

    def other(array: Array) -> Array:
        if array.dtype.kind != "f":
            return array
        return array.astype(np.float64) * random.uniform(0.5, 1.5, array.shape)

    def vary(arrays: dict[str, Array]) -> dict[str, Array]:
        return {name: other(array).astype(array.dtype) for name, array in arrays.items()}

    varied = [replace(row, inputs=vary(row.inputs), state=vary(row.state)) for _ in range(VARIANTS) for row in rows]
    return [*rows, *varied]


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


def _stepwise(model: Runs, row: _Row) -> tuple[list[_Row], list[dict[str, Array]]]:
    """The steps of a row, each with the state that the one before it leaves, and what they give one by one."""
    steps: list[_Row] = []
    found: list[dict[str, Array]] = []
    state = row.state
    for place in range(row.steps):
        steps.append(_Row({name: array[place : place + 1] for name, array in row.inputs.items()}, state, 1))
        found += _run(model, steps[-1:])
        state = {name: found[-1][name] for name in state}
    return steps, found


def _joined(row: _Row, found: Sequence[dict[str, Array]]) -> dict[str, Array]:
    """What the steps of a row give, as the whole row would."""
    outputs = [name for name in found[0] if name not in row.state]
    return found[-1] | {name: np.concatenate([each[name] for each in found]) for name in outputs}


def _same(left: Mapping[str, Array], right: Mapping[str, Array]) -> bool:
    return all(left[name].tobytes() == right[name].tobytes() for name in right)


def _distance(left: Array, right: Array) -> float:
    return float(np.abs(left.astype(np.float64) - right.astype(np.float64)).max())
