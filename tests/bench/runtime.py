"""The runtime alone: ONNX Runtime on one graph, state handed from run to run, nothing else.

As a process it answers each line `batch steps seconds` with the steps of one sequence and second that a batch makes,
summed over the batch.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np

from service.bundle import load_bundle
from service.runtime import open_runtime, resolve_device


class RawRuntime:
    """One graph, as `service.runtime` opens it, called directly."""

    def __init__(self, folder: Path, variant: str = "fp32") -> None:
        bundle = load_bundle(folder)
        self.signature = bundle.manifest
        graph = next(chosen.file for name, chosen in bundle.manifest.variants.items() if name == variant)
        self.runtime = open_runtime(folder / graph, resolve_device("cpu"))

    def steps_per_second(self, batch: int, steps: int, seconds: float) -> float:
        """Run for `seconds`, after one run that is not counted."""
        signature, run = self.signature, self.runtime.run
        feeds = {
            tensor.name: np.zeros((batch, steps, *tensor.step_shape), np.dtype(tensor.dtype))
            for tensor in signature.inputs
        }
        feeds |= {signature.lengths: np.full(batch, steps, np.int32)} | signature.initial_state(batch)
        wanted = list(signature.graph_outputs())
        names = [pair.name for pair in signature.state]
        first = len(signature.outputs)
        feeds.update(zip(names, run(wanted, feeds)[first:], strict=True))
        runs, begun = 0, time.perf_counter()
        while (taken := time.perf_counter() - begun) < seconds:
            feeds.update(zip(names, run(wanted, feeds)[first:], strict=True))
            runs += 1
        return runs * batch * steps / taken


def main() -> None:
    """Answer lines from standard input until it ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("variant")
    arguments = parser.parse_args()
    runtime = RawRuntime(arguments.bundle, arguments.variant)
    print("ready", flush=True)
    for line in sys.stdin:
        batch, steps, seconds = line.split()
        print(runtime.steps_per_second(int(batch), int(steps), float(seconds)), flush=True)


if __name__ == "__main__":
    main()
