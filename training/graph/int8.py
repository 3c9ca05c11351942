"""Matrix products in int8 with static scales, so that a row's bits do not depend on the rows beside it.

Activations are uint8 around 128 with one calibrated scale; weights are int8 with one scale for each column.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from training.graph.cells import Floats
from training.graph.tape import Tape

WEIGHT_LIMIT = 64
"""Weights use 7 of 8 bits: x86 kernels without VNNI add two u8 x s8 products in 16 bits, and 2 x 255 x 64 just fits."""

RUNTIME_DOMAIN = "com.microsoft"


@dataclass(frozen=True)
class Int8Product:
    """A product whose left side lies within -limit..limit; values beyond are clipped."""

    limit: float

    def __call__(self, tape: Tape, name: str, left: ir.Value, right: Floats, bias: Floats) -> ir.Value:
        """left [..., k] times right [k, n] plus bias [n]; see `training.graph.cells.Product`."""
        scale, weights = quantized(right)
        step = tape.constant(f"{name}_step", np.float32(self.limit / 127))
        middle = tape.constant(f"{name}_middle", np.uint8(128))
        return tape.one(
            "MatMulIntegerToFloat",  # MatMulInteger, Cast, Mul and Add in one kernel of ONNX Runtime
            tape.one("QuantizeLinear", left, step, middle),
            tape.constant(f"{name}_weight", weights),
            step,
            tape.constant(f"{name}_scale", scale),
            middle,
            None,
            tape.constant(f"{name}_bias", bias) if bias.any() else None,
            domain=RUNTIME_DOMAIN,
        )


def quantized(weights: Floats) -> tuple[Floats, NDArray[np.int8]]:
    """The scale of each column [n] and the int8 weights [k, n]."""
    scale = np.maximum(np.abs(weights).max(0), 1e-12) / WEIGHT_LIMIT
    whole = np.clip(np.rint(weights / scale), -WEIGHT_LIMIT, WEIGHT_LIMIT)
    return scale.astype(np.float32), whole.astype(np.int8)
