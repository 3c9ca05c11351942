"""The graphs of a bundle: fp32 always, int8 when it is worth it, each with golden vectors; and the explain graph."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from service.bundle import ExplainGraph, GoldenChunk, Signature, Variant, write_golden
from service.model import Model, replay
from service.runtime import Device
from training.golden import record
from training.graph.cells import float_product
from training.graph.explain import explained, save_sharing
from training.graph.halves import store_in_halves
from training.graph.lower import lower
from training.graph.tidy import tidy
from training.graph.trace import Network, Traced
from training.quantize import QualityBound, calibrate, measure, quantized_model, refusal
from training.reference import Reference
from training.rounding import LOOSEST, TIMES, bearable, rounding

FP32_TOLERANCE = 1e-5
INT8_TOLERANCE = 5e-2
"""How far a replay may be off (see `largest_gap`). Between its gates int8 computes in whole numbers, so a last bit of a
gate that another CPU rounds otherwise moves a value by a whole level."""

Array = NDArray[np.generic]


@dataclass(frozen=True)
class Built:
    """A variant on disk, loaded, with the golden vectors that it was replayed on."""

    variant: Variant
    model: Model
    golden: tuple[GoldenChunk, ...]

    @property
    def files(self) -> tuple[str, str]:
        """Names of its files."""
        return self.variant.file, self.variant.golden


def build_fp32(folder: Path, traced: Traced, network: Network, sample: Array) -> Built:
    """Write the float32 graph and golden vectors recorded from torch. LSTM and GRU are single nodes; a plain RNN is an
    explicit cell, since the runtime's own is slow and not independent of the batch. The tolerance is the usual one
    where that can be kept, else what the network's own float32 can promise. Raises BundleError on a mismatch.
    """
    graph = traced.model.clone()
    for node in list(graph.graph):
        if node.op_type == "RNN":
            lower(graph, node, float_product, float_product)
    tidy(graph)
    golden = record(Reference(network, traced.signature), sample)
    model = _written(folder / "model.onnx", graph, traced.signature)
    tolerance = FP32_TOLERANCE
    if replay(model, golden, LOOSEST) > tolerance / TIMES:  # so near that another CPU may be beyond it
        tolerance = bearable(tolerance, rounding(network, traced.signature, golden))
    variant = Variant(file="model.onnx", golden="golden.npz", tolerance=tolerance)
    write_golden(folder / variant.golden, golden)
    replay(model, golden, variant.tolerance)
    return Built(variant, model, golden)


def build_int8(folder: Path, traced: Traced, fp32: Built, sample: Array, bound: QualityBound | None) -> Built | str:
    """Write the int8 graph if it passes the gate: with int8 heads if their loss is bearable, else with float heads.

    Returns the reason when none passes. Its golden vectors are its own, recorded from the run that the gate measured.
    """
    if bound is None:
        return "no measure of its quality was given at export"
    largest = calibrate(traced, sample)
    reasons = []
    for heads in (True, False):
        graph = quantized_model(traced, largest, heads=heads)
        model = _written(folder / "model.int8.onnx", graph, traced.signature, folder / fp32.variant.file)
        golden = record(model, sample)
        figures = measure(fp32.model, model, golden, sample, bound)
        reason = refusal(figures)
        if reason is None:
            variant = Variant(file="model.int8.onnx", golden="golden.int8.npz", tolerance=INT8_TOLERANCE, gate=figures)
            write_golden(folder / variant.golden, golden)
            return Built(variant, model, golden)
        model.close()
        reasons.append(f"{'int8 heads' if heads else 'float heads'}: {reason}")
        if figures.quality_loss <= bound.loss:
            break  # float heads cost less quality, and gain nothing else
    (folder / "model.int8.onnx").unlink()
    return "; ".join(reasons)


def build_explain(folder: Path, traced: Traced) -> ExplainGraph | None:
    """Write the graph that also tells what the gates did, its weights shared with the fp32 graph beside it; None when
    the network has no recurrent layer.
    """
    watched = explained(traced)
    if not watched.layers:
        return None
    store_in_halves(watched.model)
    save_sharing(watched.model, folder / "explain.onnx", folder / "model.onnx")
    return ExplainGraph(file="explain.onnx", layers=watched.layers)


def _written(path: Path, graph: ir.Model, signature: Signature, shared: Path | None = None) -> Model:
    """Constants that stand in the file `shared` as well are read from there."""
    store_in_halves(graph)
    if shared is None:
        ir.save(graph, path)
    else:
        save_sharing(graph, path, shared)
    return Model(path, signature, Device("cpu"))
