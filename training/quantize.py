"""The int8 variant: calibrated, rewritten with static scales, and let in only when it is worth it.

Static scales, because a scale taken from the batch at run time would let one session change another's answer.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from service.bundle import GateFigures, GoldenChunk
from service.model import Model
from service.probe import probe
from service.runtime import Device, open_runtime
from training.golden import synthetic
from training.graph.int8 import RUNTIME_DOMAIN, Int8Product
from training.graph.lower import lower
from training.graph.tape import Tape
from training.graph.tidy import tidy
from training.graph.trace import RECURRENT, Traced

Array = NDArray[np.generic]

SPEEDUP_BOUND = 1.5
GATE_ROWS = 64
MIN_HEAD_WEIGHTS = 4096
"""Products outside the recurrent layers stay in float32 below this many weights: they cost next to nothing."""


@dataclass(frozen=True)
class QualityBound:
    """How much int8 may lose: `evaluate` gives the metric of a model, and may be called several times."""

    metric: str
    higher_is_better: bool
    loss: float
    evaluate: Callable[[Model], float]


def calibrate(traced: Traced, sample: Array) -> dict[str, float]:
    """The largest absolute value that each quantised activation takes on `sample` [rows, time, ...], by value name."""
    model = traced.model.clone()
    known = {value.name for value in model.graph.outputs}
    watched = {value.name: value for value in _activations(model) if value.name not in known}
    model.graph.outputs.extend(watched.values())
    names = [value.name or "" for value in _activations(model)]
    with tempfile.TemporaryDirectory() as folder:
        ir.save(model, Path(folder) / "watched.onnx")
        runtime = open_runtime(Path(folder) / "watched.onnx", Device("cpu"))
    largest = dict.fromkeys(names, 0.0)
    for start in range(0, len(sample), GATE_ROWS):
        rows = sample[start : start + GATE_ROWS]
        feeds = {
            traced.signature.inputs[0].name: rows,
            traced.signature.lengths: np.full(len(rows), rows.shape[1], np.int32),
        }
        feeds |= traced.signature.initial_state(len(rows))
        for name, array in zip(names, runtime.run(names, feeds), strict=True):
            largest[name] = max(largest[name], float(np.abs(array).max(initial=0.0)))
    return largest


def _activations(model: ir.Model) -> list[ir.Value]:
    """The left sides of all products that int8 would compute."""
    nodes = [node for node in model.graph if node.op_type in RECURRENT or _is_head(node)]
    lefts = [value for node in nodes if (value := node.inputs[0]) is not None]
    lefts += [node.outputs[0] for node in nodes if _is_relu(node)]
    return list({value.name: value for value in lefts}.values())


def _is_head(node: ir.Node) -> bool:
    right = node.inputs[1].const_value if node.op_type == "MatMul" and node.inputs[1] is not None else None
    return right is not None and len(right.shape) == 2 and right.size >= MIN_HEAD_WEIGHTS


def _is_relu(node: ir.Node) -> bool:
    return node.op_type == "RNN" and "Relu" in node.attributes.get_strings("activations", ())


def quantized_model(traced: Traced, largest: Mapping[str, float], *, heads: bool) -> ir.Model:
    """The graph with its recurrent layers, and with `heads` all other large products, in int8."""
    model = traced.model.clone()
    for node in list(model.graph):
        if heads and _is_head(node):
            _quantize_head(model, node, _limit(largest, node.inputs[0]))
        elif node.op_type in RECURRENT:
            # A tanh lies within -1..1, and every state of an LSTM, a GRU and a plain tanh cell is bounded by one.
            held = _limit(largest, node.outputs[0]) if _is_relu(node) else 1.0
            lower(model, node, Int8Product(_limit(largest, node.inputs[0])), Int8Product(held), halves=True)
    tidy(model)
    model.graph.opset_imports[RUNTIME_DOMAIN] = 1
    return model


def _limit(largest: Mapping[str, float], value: ir.Value | None) -> float:
    return max(largest[value.name or ""], 1e-6) if value is not None else 1.0


def _quantize_head(model: ir.Model, node: ir.Node, limit: float) -> None:
    left, right = node.inputs
    if left is None or right is None or right.const_value is None:
        return
    weights = right.const_value.numpy().astype(np.float32)
    tape = Tape(model, node.name or "head")
    product = Int8Product(limit)(tape, "head", left, weights, np.zeros(weights.shape[1], np.float32))
    product.shape, product.type = node.outputs[0].shape, node.outputs[0].type
    ir.convenience.replace_nodes_and_values(model.graph, node, [node], tape.nodes, node.outputs, [product])


def speedup(
    slow: Model, fast: Model, sample: Array, *, rows: int = GATE_ROWS, steps: int = 1, rounds: int = 60
) -> float:
    """How many times faster `fast` runs `rows` rows of `steps` steps: the median over interleaved rounds."""
    inputs = {slow.signature.inputs[0].name: synthetic(sample, rows, steps, seed=1)}
    lengths = np.full(rows, steps, np.int32)

    def seconds(model: Model, runs: int = 5) -> float:
        state = model.initial_state(rows)
        start = time.perf_counter()
        for _ in range(runs):
            _, state = model.run(inputs, lengths, state)
        return time.perf_counter() - start

    seconds(slow), seconds(fast)
    return float(np.median([seconds(slow) / seconds(fast) for _ in range(rounds)]))


def measure(fp32: Model, int8: Model, golden: Sequence[GoldenChunk], sample: Array, bound: QualityBound) -> GateFigures:
    """All figures of the gate; see `refusal` for the verdict."""
    before, after = bound.evaluate(fp32), bound.evaluate(int8)
    return GateFigures(
        metric=bound.metric,
        quality_loss=before - after if bound.higher_is_better else after - before,
        quality_loss_bound=bound.loss,
        speedup=speedup(fp32, int8, sample),
        speedup_bound=SPEEDUP_BOUND,
        batch_independent=probe(int8, golden).batch_independent,
    )


def refusal(figures: GateFigures) -> str | None:
    """Why int8 is not shipped, with its figures; None when it passes."""
    faults = []
    if figures.quality_loss > figures.quality_loss_bound:
        faults.append(f"it loses {figures.quality_loss:.4g} {figures.metric}, bound {figures.quality_loss_bound:.4g}")
    if figures.speedup < figures.speedup_bound:
        faults.append(f"it is {figures.speedup:.2f} times as fast at {GATE_ROWS} rows, bound {figures.speedup_bound}")
    if not figures.batch_independent:
        faults.append("its bits depend on the batch")
    return "; ".join(faults) or None
