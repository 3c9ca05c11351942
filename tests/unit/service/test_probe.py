"""The probe tells models whose bits depend on the batch, or on the cut, from those whose bits do not."""

import numpy as np
import pytest

from service.bundle import GoldenChunk, Signature, StateSpec, TensorSpec
from service.probe import Probe, probe

SIGNATURE = Signature(
    inputs=(TensorSpec(name="inputs", dtype="float32", shape=("batch", "time")),),
    outputs=(TensorSpec(name="sums", dtype="float32", shape=("batch", "time")),),
    state=(StateSpec(name="state_0", next_name="next_state_0", shape=("batch",)),),
)
GOLDEN = (
    GoldenChunk(
        {"inputs": np.arange(9, dtype=np.float32).reshape(3, 3)},
        np.array([3, 1, 2], np.int32),
        {"sums": np.zeros((3, 3), np.float32)},
        {"state_0": np.array([1, 2, 3], np.float32)},
    ),
)


class RunningSum:
    """Adds up the steps of each row; `leak` moves every answer by a function of the batch's sizes."""

    signature = SIGNATURE

    def __init__(self, leak=lambda batch, steps: 0.0):
        self.leak = leak

    def run(self, inputs, lengths, state):
        steps = inputs["inputs"]
        sums = state["state_0"][:, None] + np.cumsum(steps, axis=1, dtype=np.float32)
        sums = (sums + np.float32(self.leak(*steps.shape))).astype(np.float32)
        return {"sums": sums}, {"state_0": sums[np.arange(len(lengths)), lengths - 1]}

    def initial_state(self, batch):
        return self.signature.initial_state(batch)


def test_a_sound_model_passes():
    assert probe(RunningSum(), GOLDEN) == Probe(batch_independent=True, cut_independent=True)


@pytest.mark.parametrize("batch_size", [2, 5, 16, 33])
def test_a_leak_at_one_batch_size_is_found(batch_size):
    leaky = RunningSum(lambda batch, steps: 1e-3 if batch == batch_size else 0.0)
    assert probe(leaky, GOLDEN) == Probe(batch_independent=False, cut_independent=True)


def test_a_model_that_depends_on_the_cut_is_found():
    cut = RunningSum(lambda batch, steps: 1e-3 if batch == 1 and steps == 3 else 0.0)
    assert not probe(cut, GOLDEN).cut_independent
