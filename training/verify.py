"""Verify a bundle: every variant against its golden vectors and the laws of the bits, fp32 against torch.

Laws: a row among strangers has the bits it has alone; a sequence in chunks has the bits it has whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray

from service.bundle import Bundle, GoldenChunk, largest_difference, largest_gap, read_golden
from service.model import Model, load_explain, load_model, replay
from service.probe import Runs
from training.golden import synthetic
from training.graph.seq2seq import Seq2seq
from training.graph.trace import Network
from training.reference import Reference
from training.rounding import bearable
from training.seq2seq_bundle import Seq2seqReference
from training.seq2seq_verify import SEQ2SEQ_SCOPE, draw_cases

BATCHES, STEPS, CHUNKS = (1, 3, 17), (1, 7, 64), 5
PARITY = 1e-5
"""Bound of fp32 against torch, absolute for values within -1..1, else relative (see `largest_gap`); a network that is
coarser by itself has one of its own (`training.rounding`)."""
SCOPE = (
    f"batches of {', '.join(map(str, BATCHES))}; chunks of up to {', '.join(map(str, STEPS))} steps; "
    f"{CHUNKS} carried chunks"
)

Array = NDArray[np.generic]
Arrays = Mapping[str, Array]


@dataclass(frozen=True)
class Check:
    """One fact: what was compared, on how much, the largest difference found and the bound (0: bit for bit)."""

    variant: str
    fact: str
    scope: str
    difference: float
    bound: float

    @property
    def passed(self) -> bool:
        """Whether the difference is within the bound."""
        return self.difference <= self.bound


@dataclass(frozen=True)
class VerifyReport:
    """All checks of one bundle."""

    name: str
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(check.passed for check in self.checks)


@dataclass(frozen=True)
class _Chunks:
    """Ragged chunks of a batch: each inputs [batch, steps, ...] and lengths [batch]."""

    name: str
    parts: tuple[tuple[Array, NDArray[np.int32]], ...]

    @classmethod
    def draw(cls, model: Runs, sample: Array, batch: int, steps: int) -> _Chunks:
        """CHUNKS chunks with lengths in 1..steps, at least one of them full."""
        random = np.random.default_rng(batch * 1000 + steps)
        parts = []
        for number in range(CHUNKS):
            lengths = random.integers(1, steps + 1, batch).astype(np.int32)
            lengths[number % batch] = steps
            parts.append((synthetic(sample, batch, steps, batch * steps + number), lengths))
        return cls(model.signature.inputs[0].name, tuple(parts))

    def run(self, model: Runs, row: int | None = None) -> list[tuple[Arrays, Arrays]]:
        """(outputs, next state) of every chunk, the state carried; of all rows, or of one row alone, unpadded."""
        results: list[tuple[Arrays, Arrays]] = []
        state: Arrays = model.initial_state(len(self.parts[0][1]) if row is None else 1)
        for inputs, lengths in self.parts:
            if row is None:
                outputs, after = model.run({self.name: inputs}, lengths, state)
            else:
                own = inputs[row : row + 1, : lengths[row]]
                outputs, after = model.run({self.name: own}, lengths[row : row + 1], state)
            results.append((outputs, after))
            state = after
        return results

    def row_of(self, results: Sequence[tuple[Arrays, Arrays]], row: int) -> list[tuple[Arrays, Arrays]]:
        """One row of the results of `run`, without its padding, as if it had run alone."""
        return [
            (
                {name: array[row : row + 1, : lengths[row]] for name, array in outputs.items()},
                {name: array[row : row + 1] for name, array in state.items()},
            )
            for (_, lengths), (outputs, state) in zip(self.parts, results, strict=True)
        ]

    def run_whole(self, model: Runs, row: int) -> tuple[Arrays, Arrays]:
        """One row's chunks joined and run at once."""
        joined = np.concatenate([inputs[row, : lengths[row]] for inputs, lengths in self.parts])[None]
        return model.run({self.name: joined}, np.array([joined.shape[1]], np.int32), model.initial_state(1))


def verify(bundle: Bundle, network: Network | Seq2seq | None = None) -> VerifyReport:
    """Check every variant of a bundle; with the torch `network` it was exported from, also their parity.

    Takes seconds to a minute, by the size of the network. Raises BundleError when a variant does not load at all.
    """
    checks: list[Check] = []
    for variant, spec in bundle.manifest.variants.items():
        model = load_model(bundle, variant)
        golden = read_golden(bundle.path(spec.golden))
        worst = replay(model, golden, spec.tolerance)
        checks.append(Check(variant, "golden vectors", f"{len(golden)} chunks", worst, spec.tolerance))
        if model.encoder is not None:
            checks += _seq2seq(variant, model, golden, cast(Seq2seq | None, network))
        else:
            checks += _single(variant, model, golden, cast(Network | None, network))
        model.close()
    checks += _explain(bundle)
    return VerifyReport(f"{bundle.manifest.name} {bundle.manifest.version}", tuple(checks))


def _single(variant: str, model: Model, golden: Sequence[GoldenChunk], network: Network | None) -> Iterator[Check]:
    """The laws of a graph that stands alone, and its parity."""
    sample = np.concatenate([chunk.inputs[model.signature.inputs[0].name] for chunk in golden], axis=1)
    yield from _laws(variant, model, sample)
    if network is not None and variant == "fp32":
        yield _parity(variant, model, network, sample)


def _seq2seq(variant: str, model: Model, golden: Sequence[GoldenChunk], network: Seq2seq | None) -> Iterator[Check]:
    """The laws of an encoder and its decoder, and their parity."""
    cases = list(draw_cases(model, golden))
    strangers = max(_bits(alone, together) for case in cases for alone, together in case.alone_and_together(model))
    yield Check(variant, "alone = among strangers", SEQ2SEQ_SCOPE, strangers, 0.0)
    if network is not None and variant == "fp32":
        worst = max(case.gap(Seq2seqReference(network, model.signature), model) for case in cases)
        yield Check(variant, "parity with torch", SEQ2SEQ_SCOPE, worst, PARITY)


def _explain(bundle: Bundle) -> Iterator[Check]:
    """The explain graph computes what fp32 does."""
    model = load_explain(bundle)
    if model is None:
        return
    fp32 = bundle.manifest.variants["fp32"]
    golden = read_golden(bundle.path(fp32.golden))
    worst = replay(model, golden, fp32.tolerance)
    yield Check("explain", "golden vectors of fp32", f"{len(golden)} chunks", worst, fp32.tolerance)
    model.close()


def _draws(model: Runs, sample: Array) -> Iterator[_Chunks]:
    for batch in BATCHES:
        for steps in STEPS:
            yield _Chunks.draw(model, sample, batch, steps)


def _laws(variant: str, model: Model, sample: Array) -> Iterator[Check]:
    strangers, cuts = 0.0, 0.0
    for chunks in _draws(model, sample):
        together = chunks.run(model)
        for row in range(len(chunks.parts[0][1])):
            alone = chunks.run(model, row)
            strangers = max(strangers, _bits(_flat(chunks.row_of(together, row)), _flat(alone)))
            if not model.signature.whole_sequence:
                cuts = max(cuts, _bits(_flat(alone), _flat([chunks.run_whole(model, row)])))
    yield Check(variant, "alone = among strangers", SCOPE, strangers, 0.0)
    if not model.signature.whole_sequence:
        yield Check(variant, "whole = in chunks", SCOPE, cuts, 0.0)


def _parity(variant: str, model: Model, network: Network, sample: Array) -> Check:
    """Every output and state of every chunk against torch. Where they are further apart than usual, the bound is what
    torch's own rounding on the same chunks explains.
    """
    reference = Reference(network, model.signature)
    worst, bound = _farthest(model, reference, sample), PARITY
    if worst > bound:
        exact = Reference(network, model.signature, torch.float64)
        bound = bearable(PARITY, _farthest(reference, exact, sample))
    return Check(variant, "parity with torch", SCOPE, worst, bound)


def _farthest(one: Runs, expected: Runs, sample: Array) -> float:
    """The largest gap of one model to another, of all outputs and states of all draws."""
    worst = 0.0
    for chunks in _draws(one, sample):
        pairs = zip(chunks.parts, chunks.run(expected), chunks.run(one), strict=True)
        for (_, lengths), (wanted, wanted_state), (found, state) in pairs:
            gaps = [largest_difference(wanted[name], found[name], lengths) for name in wanted]
            gaps += [largest_gap(wanted_state[name], state[name]) for name in wanted_state]
            worst = max(worst, *gaps)
    return worst


def _flat(results: Sequence[tuple[Arrays, Arrays]]) -> dict[str, Array]:
    """Results of one row: its outputs of all chunks joined, [steps, ...], and its last state."""
    outputs = {name: np.concatenate([found[name][0] for found, _ in results]) for name in results[0][0]}
    return outputs | {name: array[0] for name, array in results[-1][1].items()}


def _bits(expected: Mapping[str, Array], found: Mapping[str, Array]) -> float:
    """The largest difference; never zero where a bit differs."""
    unequal = [name for name in expected if expected[name].tobytes() != found[name].tobytes()]
    tiny = float(np.finfo(np.float32).tiny)
    return max((max(largest_gap(expected[name], found[name]), tiny) for name in unequal), default=0.0)
