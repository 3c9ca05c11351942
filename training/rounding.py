"""How far a network's float32 is from the exact result: what no two programs that compute it can agree within.

A product rounds by the size of its terms, not by that of its sum. Where a layer takes the difference of large terms
that nearly cancel and standardises it, values of ordinary size hold the rounding of much larger ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from service.bundle import GoldenChunk, Signature
from service.bundle.golden import largest_difference, largest_gap
from training.graph.trace import Network
from training.reference import Reference

TIMES = 4
"""Torch and the runtime each round by themselves, on other CPUs in other orders; so many times what torch is off."""
LOOSEST = 1e-4
"""A network that rounds more than this allows is refused."""

Array = NDArray[np.generic]


def rounding(network: Network, signature: Signature, golden: Sequence[GoldenChunk]) -> float:
    """The largest gap of golden vectors, recorded from torch in float32, to the same network in float64."""
    exact, worst = Reference(network, signature, torch.float64), 0.0
    state: Mapping[str, Array] = exact.initial_state(len(golden[0].lengths))
    for chunk in golden:
        outputs, state = exact.run(chunk.inputs, chunk.lengths, state)
        gaps = [largest_difference(outputs[name], chunk.outputs[name], chunk.lengths) for name in outputs]
        gaps += [largest_gap(state[name], chunk.next_state[name]) for name in state]
        worst = max(worst, *gaps)
    return worst


def bearable(least: float, rounded: float) -> float:
    """The tolerance for a network whose float32 is off by so much: `least`, unless that is below its precision."""
    return max(least, min(TIMES * rounded, LOOSEST))
