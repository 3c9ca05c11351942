"""The encoder of a bundle that has one: whole sources in, contexts and the states that decoding begins with out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.bundle import ContextSpec, EncoderGraph, StateSpec
from service.errors import BundleError, Reason
from service.runtime import Device, open_runtime

Array: TypeAlias = NDArray[np.generic]
Arrays: TypeAlias = dict[str, Array]


class Encoder:
    """Reads whole sources of any length."""

    def __init__(
        self,
        graph: Path,
        spec: EncoderGraph,
        context: ContextSpec,
        states: tuple[StateSpec, ...],
        device: Device,
        threads: int = 1,
    ) -> None:
        """`states`: those of the decoder, which this graph gives under their next names."""
        self.spec = spec
        self._context = context.name
        self._states = tuple(state.name for state in states)
        self._wanted = [context.name, *(state.next_name for state in states)]
        runtime = open_runtime(graph, device, threads)
        takes, gives = {i.name for i in runtime.get_inputs()}, {o.name for o in runtime.get_outputs()}
        if takes != {spec.source.name, spec.lengths} or gives != set(self._wanted):
            message = (
                f"{graph}: an encoder from {spec.source.name}, {spec.lengths} to {', '.join(self._wanted)} was said"
            )
            raise BundleError(Reason.BUNDLE_MANIFEST_INVALID, f"{message}, it has {sorted(takes)}, {sorted(gives)}")
        self._run = runtime.run

    def run(self, inputs: Mapping[str, Array], lengths: NDArray[np.int32]) -> tuple[Arrays, Arrays]:
        """Sources [batch, time] of `lengths` [batch] → the context [batch, time, width] (unspecified behind a row's
        length), and the state to begin with, each tensor [batch, ...], by the names that the decoder takes.
        """
        context, *states = self._run(
            self._wanted, {self.spec.source.name: inputs[self.spec.source.name], self.spec.lengths: lengths}
        )
        return {self._context: context}, dict(zip(self._states, states, strict=True))
