"""A loaded model: one graph of a bundle on one device, run as (inputs, lengths, state) → (outputs, next state)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.bundle import Bundle, GoldenChunk, Signature, largest_difference, largest_gap, read_golden
from service.encoder import Encoder
from service.errors import BundleError, Reason
from service.probe import Probe, probe
from service.runtime import Device, open_runtime, resolve_device

Array: TypeAlias = NDArray[np.generic]
Arrays: TypeAlias = dict[str, Array]


class Model:
    """A graph with its signature, ready to run. Made by `load_model`, or directly from a graph that has no bundle yet.

    `device` says where it runs (and why not elsewhere); `probe` what was found about its bits at load, or None. A
    decoder has its `encoder` beside it: a run whose inputs are sources is the encoder's.
    """

    def __init__(
        self,
        graph: Path,
        signature: Signature,
        device: Device,
        *,
        threads: int = 1,
        name: str = "",
        encoder: Encoder | None = None,
    ) -> None:
        self.signature = signature
        self.encoder = encoder
        self.device = device
        self.name = name or graph.stem
        self.probe: Probe | None = None
        self._outputs = tuple(tensor.name for tensor in signature.outputs)
        self._states = tuple(pair.name for pair in signature.state)
        self._wanted = list(signature.graph_outputs())
        self._lengths = signature.lengths
        runtime = open_runtime(graph, device, threads)
        _check_names(graph, signature, {i.name for i in runtime.get_inputs()}, {o.name for o in runtime.get_outputs()})
        self._run = runtime.run

    def run(
        self, inputs: Mapping[str, Array], lengths: NDArray[np.int32], state: Mapping[str, Array]
    ) -> tuple[Arrays, Arrays]:
        """Run one batch: inputs [batch, time, ...], lengths [batch] each in 1..time, state [batch, ...] by name.

        Returns outputs [batch, time, ...] (unspecified behind a row's length) and the next state, named as the state
        was, so that it can be given to the next run as it is. Raises what ONNX Runtime raises.

        The inputs of a decoder include its context [batch, memory, width] and the lengths of that. Where the inputs are
        sources [batch, time], the encoder runs instead: see `Encoder.run`.
        """
        if self.encoder is not None and self.encoder.spec.source.name in inputs:
            return self.encoder.run(inputs, lengths)
        values = self._run(self._wanted, {**inputs, self._lengths: lengths, **state})
        count = len(self._outputs)
        return dict(zip(self._outputs, values, strict=False)), dict(zip(self._states, values[count:], strict=True))

    def initial_state(self, batch: int) -> Arrays:
        """The state of `batch` fresh sessions, each [batch, ...]."""
        return self.signature.initial_state(batch)

    def warm_up(self, batch_sizes: Iterable[int], steps: int = 1) -> None:
        """Run zeros at each batch size, so that the first session does not pay for allocations."""
        for batch in batch_sizes:
            lengths = np.full(batch, steps, np.int32)
            inputs: Arrays = {
                tensor.name: np.zeros((batch, steps, *tensor.step_shape), np.dtype(tensor.dtype))
                for tensor in self.signature.inputs
            }
            if self.encoder is not None and (context := self.signature.context) is not None:
                source = self.encoder.spec.source
                memory, _ = self.run({source.name: np.zeros((batch, steps), np.dtype(source.dtype))}, lengths, {})
                inputs |= {**memory, context.lengths: lengths}
            self.run(inputs, lengths, self.initial_state(batch))

    def close(self) -> None:
        """Free the graph and its memory. A later run raises RuntimeError."""
        self._run = _closed
        self.encoder = None


def load_model(
    bundle: Bundle, variant: str = "fp32", *, device: str = "cpu", allow_fallback: bool = False, threads: int = 1
) -> Model:
    """Load a variant of a bundle, replay its golden vectors and probe its bits.

    Raises BundleError: BUNDLE_UNSUPPORTED when there is no such variant, BUNDLE_DAMAGED when the graph does not load,
    BUNDLE_GOLDEN_MISMATCH when it computes something else than was recorded; ServiceError for the device
    (see `resolve_device`).
    """
    manifest = bundle.manifest
    where = resolve_device(device, allow_fallback=allow_fallback)
    chosen = next((spec for key, spec in manifest.variants.items() if key == variant), None)
    if chosen is None:
        message = f"{manifest.name} {manifest.version} has no variant {variant!r}, only {sorted(manifest.variants)}"
        raise BundleError(Reason.BUNDLE_UNSUPPORTED, message)
    golden = read_golden(bundle.path(chosen.golden))
    name, encoder = f"{manifest.name}/{variant}", _encoder(bundle, where, threads)
    model = Model(bundle.path(chosen.file), manifest, where, threads=threads, name=name, encoder=encoder)
    replay(model, golden, chosen.tolerance)
    model.probe = probe(model, golden)
    return model


def _encoder(bundle: Bundle, device: Device, threads: int) -> Encoder | None:
    """The encoder of a bundle that has one."""
    spec, context = bundle.manifest.encoder, bundle.manifest.context
    if spec is None or context is None:
        return None
    return Encoder(bundle.path(spec.file), spec, context, bundle.manifest.state, device, threads)


def load_explain(
    bundle: Bundle, *, device: str = "cpu", allow_fallback: bool = False, threads: int = 1
) -> Model | None:
    """Load the explain graph of a bundle and replay the golden vectors of fp32 on it; None when there is no such graph.

    Raises what `load_model` raises.
    """
    manifest = bundle.manifest
    if manifest.explain is None:
        return None
    fp32 = manifest.variants["fp32"]
    where = resolve_device(device, allow_fallback=allow_fallback)
    name = f"{manifest.name}/explain"
    model = Model(bundle.path(manifest.explain.file), manifest.watched(), where, threads=threads, name=name)
    replay(model, read_golden(bundle.path(fp32.golden)), fp32.tolerance)
    return model


def replay(model: Model, golden: Iterable[GoldenChunk], tolerance: float) -> float:
    """Run the golden chunks, carrying the state; returns the largest difference of any output or next state.

    Raises BundleError(BUNDLE_GOLDEN_MISMATCH) when it is over the tolerance.
    """
    state: Arrays | None = None
    worst = 0.0
    for number, chunk in enumerate(golden):
        state = state or model.initial_state(len(chunk.lengths))
        outputs, state = _run_golden(model, chunk, state)
        gaps = {name: largest_difference(chunk.outputs[name], outputs[name], chunk.lengths) for name in chunk.outputs}
        gaps |= {name: largest_gap(chunk.next_state[name], state[name]) for name in state}
        name, gap = max(gaps.items(), key=lambda item: item[1])
        if not gap <= tolerance:
            message = f"{model.name}: chunk {number}, {name!r} is off by {gap:.2e}, tolerance {tolerance:.0e}"
            raise BundleError(Reason.BUNDLE_GOLDEN_MISMATCH, f"{message}; export the bundle again")
        worst = max(worst, gap)
    return worst


def _run_golden(model: Model, chunk: GoldenChunk, state: Arrays) -> tuple[Arrays, Arrays]:
    """One golden chunk; what the runtime refuses is a mismatch of the bundle with itself."""
    try:
        return model.run(dict(chunk.inputs), chunk.lengths, state)
    except Exception as error:
        message = f"{model.name}: the golden vectors do not run: {str(error).splitlines()[0]}"
        raise BundleError(Reason.BUNDLE_GOLDEN_MISMATCH, message) from error


def _check_names(graph: Path, signature: Signature, takes: set[str], gives: set[str]) -> None:
    """The graph and the manifest name the same tensors."""
    for said, found in ((signature.graph_inputs(), takes), (signature.graph_outputs(), gives)):
        if set(said) != found:
            message = f"{graph}: the manifest names {sorted(said)}, the graph has {sorted(found)}"
            raise BundleError(Reason.BUNDLE_MANIFEST_INVALID, message)


def _closed(*_: object) -> list[Array]:
    raise RuntimeError("the model is closed")
