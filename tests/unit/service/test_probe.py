"""The probe tells models whose bits depend on the batch, or on the cut, from those whose bits do not."""

import numpy as np
import pytest

from service.bundle import ContextSpec, GoldenChunk, Signature, StateSpec, TensorSpec
from service.probe import probe

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


def assert_probe(model, golden, *, batch_independent, cut_independent):
    found = probe(model, golden)
    assert (found.batch_independent, found.cut_independent) == (batch_independent, cut_independent)
    assert (found.max_difference == 0) == batch_independent


def test_the_largest_difference_that_strangers_make_is_told():
    leaky = RunningSum(lambda batch, steps: batch / 64 if batch in (5, 16) else 0.0)
    assert probe(leaky, GOLDEN).max_difference == 16 / 64


def test_a_sound_model_passes():
    assert_probe(RunningSum(), GOLDEN, batch_independent=True, cut_independent=True)


@pytest.mark.parametrize("batch_size", [2, 5, 16, 33])
def test_a_leak_at_one_batch_size_is_found(batch_size):
    leaky = RunningSum(lambda batch, steps: 1e-3 if batch == batch_size else 0.0)
    assert_probe(leaky, GOLDEN, batch_independent=False, cut_independent=True)


@pytest.mark.parametrize("batch_size", [3, 6, 14, 31])
def test_a_leak_among_single_steps_is_found(batch_size):
    leaky = RunningSum(lambda batch, steps: 1e-3 if (batch, steps) == (batch_size, 1) else 0.0)
    assert_probe(leaky, GOLDEN, batch_independent=False, cut_independent=True)


class LeftOver(RunningSum):
    """Rounds what is left over of eight lanes in another way, which shows in one value of eight; the golden ones are
    whole numbers, in which it never shows.
    """

    def run(self, inputs, lengths, state):
        outputs, after = super().run(inputs, lengths, state)
        flat = outputs["sums"].reshape(-1)
        whole = len(flat) // 8 * 8
        bits = flat[whole:].view(np.uint32)
        bits[bits & 7 == 5] += 1
        return outputs, after


def test_a_kernel_that_takes_what_is_left_over_in_another_way_is_found_in_other_values_than_the_golden_ones():
    assert_probe(LeftOver(), GOLDEN, batch_independent=False, cut_independent=True)


def test_a_model_that_depends_on_the_cut_is_found():
    cut = RunningSum(lambda batch, steps: 1e-3 if batch == 1 and steps == 3 else 0.0)
    assert not probe(cut, GOLDEN).cut_independent


class Decoder:
    """An encoder and a decoder that add up; either may leak the size of its batch."""

    signature = Signature(
        inputs=(TensorSpec(name="tokens", dtype="float32", shape=("batch", "time")),),
        outputs=(TensorSpec(name="sums", dtype="float32", shape=("batch", "time")),),
        state=(StateSpec(name="state_0", next_name="next_state_0", shape=("batch",)),),
        context=ContextSpec(width=1),
    )
    golden = (
        GoldenChunk(
            {"source": np.array([[1, 2], [3, 0]], np.float32)},
            np.array([2, 1], np.int32),
            {"memory": np.zeros((2, 2, 1), np.float32)},
            {"state_0": np.array([1, 2], np.float32)},
        ),
        GoldenChunk(
            {
                "tokens": np.array([[1], [2]], np.float32),
                "memory": np.array([[[1], [2], [5]], [[3], [0], [0]]], np.float32),
                "memory_lengths": np.array([3, 1], np.int32),
            },
            np.array([1, 1], np.int32),
            {"sums": np.zeros((2, 1), np.float32)},
            {"state_0": np.array([1, 2], np.float32)},
        ),
    )

    def __init__(self, leaking=""):
        self.leaking = leaking

    def run(self, inputs, lengths, state):
        part = "source" if "source" in inputs else "tokens"
        leak = np.float32(len(lengths) if self.leaking == part else 0)
        if part == "source":
            return {"memory": inputs["source"][..., None] + leak}, {"state_0": inputs["source"].sum(axis=1)}
        assert inputs["memory"].shape[1] == 3, "the context is not cut to the steps"
        sums = state["state_0"] + inputs["tokens"][:, 0] + inputs["memory"].sum(axis=(1, 2)) + leak
        return {"sums": sums[:, None]}, {"state_0": sums}


@pytest.mark.parametrize("leaking", ["", "source", "tokens"])
def test_encoder_and_decoder_are_both_probed(leaking):
    assert_probe(Decoder(leaking), Decoder.golden, batch_independent=not leaking, cut_independent=True)
