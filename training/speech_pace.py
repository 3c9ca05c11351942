"""`python -m training.speech_pace BUNDLE`: how much of a second a second of speech takes, for 1 stream and for 64.

The network runs on 300 ms of all streams at once, then the server's decoder finds the texts; transport is not in it.
The real-time factor is the time that each second of each stream takes.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from service.bundle import load_bundle
from service.frontends.audio import steps_of
from service.model import Model, load_model
from training.data import asterisk
from training.tasks.speech_decoding import decoded
from training.tasks.speech_figures import tokens_in
from training.tasks.speech_learning import Floats

STREAMS = (1, 64)
STEPS = 10
"""Steps of a run: 300 ms."""
SECONDS = 30


def main(folder: str) -> None:
    """Print the factor for each number of streams."""
    bundle = load_bundle(Path(folder))
    model, tokens = load_model(bundle, "fp32"), tokens_in(bundle)
    words: Sequence[str] = bundle.manifest.task_parameters["words"]  # type: ignore[assignment]
    for streams in STREAMS:
        network, search = factor(model, tokens, words, speech(), streams)
        print(f"{streams} streams: {network + search:.4f} (network {network:.4f}, decoder {search:.4f})")


def speech() -> Floats:
    """Half a minute of prompts with pauses [steps, 480]. Raises DataError."""
    clips = [clip.samples for part in asterisk.load().values() for clip in part]
    joined = np.concatenate([part for samples in clips for part in (samples, np.zeros(8_000, np.int16))])
    return steps_of(joined[: SECONDS * 16_000].astype(np.float32) / np.float32(32768), 16_000)


def factor(
    model: Model, tokens: Sequence[str], words: Sequence[str], steps: Floats, streams: int
) -> tuple[float, float]:
    """Seconds of the network, and of the decoder, for each second of one of so many streams."""
    name, state = model.signature.inputs[0].name, model.initial_state(streams)
    lengths = np.full(streams, STEPS, np.int32)
    heard: list[Floats] = []
    began = time.perf_counter()
    for first in range(0, len(steps) - STEPS + 1, STEPS):
        rows = np.tile(steps[first : first + STEPS], (streams, 1, 1))
        outputs, state = model.run({name: rows}, lengths, state)
        heard.append(np.asarray(outputs["logits"], np.float32))
    between = time.perf_counter()
    decoded(list(np.concatenate(heard, axis=1)), tokens, words)
    ended = time.perf_counter()
    seconds = streams * len(heard) * STEPS * 0.03
    return (between - began) / seconds, (ended - between) / seconds


if __name__ == "__main__":
    main(sys.argv[1])
