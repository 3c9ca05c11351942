"""What is compared when an encoder and its decoder are verified: drawn sources, and steps over their contexts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.bundle import GoldenChunk, largest_difference, largest_gap
from service.model import Model
from service.probe import Runs
from training.golden import synthetic
from training.graph.seq2seq import SOURCE

BATCHES, PLACES, STEPS = (1, 3, 17), (1, 16, 64), 5
SEQ2SEQ_SCOPE = (
    f"batches of {', '.join(map(str, BATCHES))}; sources of up to {', '.join(map(str, PLACES))} steps; "
    f"{STEPS} carried steps"
)

Array = NDArray[np.generic]
Arrays = Mapping[str, Array]
Results = list[tuple[dict[str, Array], dict[str, Array]]]


@dataclass(frozen=True)
class Case:
    """A batch of ragged sources [batch, time] with `lengths` [batch], and tokens [batch, STEPS] to go on with."""

    sources: Array
    lengths: NDArray[np.int32]
    tokens: Array

    def run(self, model: Runs, row: int | None = None) -> Results:
        """(outputs, next state) of the encoder, then of every step; of all rows, or of one row alone, whose source is
        unpadded, whose context is as long as that of all.
        """
        chosen = slice(None) if row is None else slice(row, row + 1)
        lengths, places = self.lengths[chosen], int(self.lengths.max())
        sources = self.sources[chosen, : int(lengths.max())]
        context = model.signature.context
        assert context is not None
        memory, state = model.run({SOURCE: sources}, lengths, {})
        found: Results = [(memory, state)]
        fixed = {context.name: _padded(memory[context.name], lengths, places), context.lengths: lengths}
        for step in range(STEPS):
            tokens = {model.signature.inputs[0].name: self.tokens[chosen, step : step + 1]}
            outputs, state = model.run({**tokens, **fixed}, np.ones(len(lengths), np.int32), state)
            found.append((outputs, state))
        return found

    def alone_and_together(self, model: Runs) -> Iterator[tuple[Arrays, Arrays]]:
        """What each row gives alone, and what it gives in the batch: every tensor of every run, by name."""
        together = self.run(model)
        for row, length in enumerate(self.lengths):
            yield _flat(self.run(model, row), 0, int(length)), _flat(together, row, int(length))

    def gap(self, reference: Runs, model: Runs) -> float:
        """The largest difference (see `largest_gap`) between two models, over all that they give."""
        worst = 0.0
        for number, (left, right) in enumerate(zip(self.run(reference), self.run(model), strict=True)):
            lengths = self.lengths if number == 0 else np.ones_like(self.lengths)
            gaps = [largest_difference(left[0][name], right[0][name], lengths) for name in left[0]]
            gaps += [largest_gap(left[1][name], right[1][name]) for name in left[1]]
            worst = max(worst, *gaps)
        return worst


def draw_cases(model: Model, golden: Sequence[GoldenChunk]) -> Iterator[Case]:
    """Cases of all sizes, their tokens drawn from the golden ones."""
    name = model.signature.inputs[0].name
    known = np.concatenate([chunk.inputs[name] for chunk in golden[1:]], axis=1)
    for batch in BATCHES:
        for places in PLACES:
            random = np.random.default_rng(batch * 1000 + places)
            lengths = random.integers(1, places + 1, batch).astype(np.int32)
            lengths[-1] = places
            sources = synthetic(golden[0].inputs[SOURCE], batch, places, batch * places)
            yield Case(sources, lengths, synthetic(known, batch, STEPS, batch + places))


def _padded(memory: Array, lengths: NDArray[np.int32], places: int) -> Array:
    """The context [batch, places, width] with zeros behind each row's length."""
    padded = np.zeros((len(memory), places, memory.shape[2]), memory.dtype)
    for target, row, length in zip(padded, memory, lengths, strict=True):
        target[:length] = row[:length]
    return padded


def _flat(found: Results, row: int, length: int) -> dict[str, Array]:
    """All tensors of one row, by the number of their run and their name."""
    flat: dict[str, Array] = {}
    for number, (outputs, state) in enumerate(found):
        steps = length if number == 0 else 1
        flat |= {f"{number}/{name}": array[row, :steps] for name, array in outputs.items()}
        flat |= {f"{number}/{name}": array[row] for name, array in state.items()}
    return flat
