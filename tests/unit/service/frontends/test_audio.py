"""Audio becomes the same steps to the bit, wherever it was cut, and the samples that were recorded."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import Reason, ServiceError
from service.frontends.audio import (
    STEP_SAMPLES,
    AudioFrontend,
    Encoding,
    clipped_steps,
    samples_of,
    steps_of,
)
from tests.strategies import many


def noise(count, seed=5):
    return np.random.default_rng(seed).uniform(-1, 1, count).astype(np.float32)


@many
@given(
    st.sampled_from([8000, 16000]),
    st.integers(0, 2000).flatmap(
        lambda count: st.tuples(st.just(count), st.lists(st.integers(0, count), max_size=12).map(sorted))
    ),
)
def test_steps_do_not_depend_on_cuts(rate, cut):
    count, places = cut
    samples = noise(count)
    frontend = AudioFrontend(rate)
    memory = frontend.begin()
    pieces = [frontend.encode(memory, samples[start:stop]) for start, stop in pairwise([0, *places, count])]
    found = np.concatenate([*pieces, frontend.flush(memory)])
    assert found.tobytes() == steps_of(samples, rate).tobytes()
    assert len(found) == -(-count * 16000 // rate // STEP_SAMPLES)


def test_samples_at_16_khz_are_left_alone_and_the_last_step_is_filled_up():
    samples = noise(500)
    steps = steps_of(samples, 16000)
    assert steps.shape == (2, STEP_SAMPLES)
    assert np.array_equal(steps.ravel()[:500], samples)
    assert not steps.ravel()[500:].any()


@pytest.mark.parametrize("hertz", [0, 100, 1000, 2500, 3300])
def test_a_tone_at_8_khz_is_the_same_tone_at_16_khz_without_delay(hertz):
    phase = 2 * np.pi * hertz * np.arange(4800)
    recorded = (0.5 * np.cos(phase / 8000)).astype(np.float32)
    expected = 0.5 * np.cos(2 * np.pi * hertz * np.arange(9600) / 16000)
    found = steps_of(recorded, 8000).ravel()
    assert np.array_equal(found[::2], recorded)
    middle = slice(100, -100)
    error = np.abs(found[middle] - expected[middle]).max()
    assert 20 * np.log10(error / 0.5 + 1e-12) < -66


def test_what_was_flushed_leaves_nothing_behind():
    frontend = AudioFrontend(8000)
    memory = frontend.begin()
    frontend.encode(memory, noise(100))
    assert len(frontend.flush(memory)) == 1
    assert len(frontend.flush(frontend.begin())) == 0


def test_a_rate_that_is_not_known_is_refused():
    with pytest.raises(ValueError, match="44100 samples per second is none of 8000, 16000"):
        AudioFrontend(44100)


def test_integers_and_floats_are_read_as_they_are():
    assert samples_of(np.array([0, 16384, -32768], "<i2").tobytes(), Encoding.LINEAR16).tolist() == [0, 0.5, -1]
    floats = np.array([0.25, -1.5, 3.0], "<f4")
    assert samples_of(floats.tobytes(), Encoding.FLOAT32).tolist() == [0.25, -1.0, 1.0]


@pytest.mark.parametrize(
    ("encoding", "known"),
    [
        # From the tables of G.711 as they are widely printed, on the scale of 16 bits.
        (Encoding.MULAW, {0x00: -32124, 0x80: 32124, 0x7F: 0, 0xFF: 0, 0xFE: 8, 0x7E: -8, 0xA0: 7932, 0x20: -7932}),
        (Encoding.ALAW, {0x55: -8, 0xD5: 8, 0x2A: -32256, 0xAA: 32256, 0x80: 5504, 0x00: -5504, 0xD4: 24, 0x54: -24}),
    ],
)
def test_bytes_of_the_telephone_are_expanded(encoding, known):
    found = samples_of(bytes(known), encoding) * 32768
    assert found.tolist() == list(known.values())
    every = samples_of(bytes(range(256)), encoding)
    assert np.array_equal(every[:128], -every[128:])


@pytest.mark.parametrize(
    ("data", "encoding", "reason"),
    [
        (b"", Encoding.LINEAR16, Reason.CHUNK_EMPTY),
        (b"abc", Encoding.LINEAR16, Reason.AUDIO_SIZE_MISMATCH),
        (b"abcdef", Encoding.FLOAT32, Reason.AUDIO_SIZE_MISMATCH),
        (np.array([0, np.nan], "<f4").tobytes(), Encoding.FLOAT32, Reason.VALUE_NOT_FINITE),
        (np.array([-np.inf], "<f4").tobytes(), Encoding.FLOAT32, Reason.VALUE_NOT_FINITE),
    ],
)
def test_bytes_that_are_no_samples_have_a_reason(data, encoding, reason):
    with pytest.raises(ServiceError) as caught:
        samples_of(data, encoding)
    assert (caught.value.reason, caught.value.violations[0].field) == (reason, "audio.samples")


@pytest.mark.parametrize("encoding", list(Encoding))
@pytest.mark.parametrize("rate", [8000, 16000])
def test_three_samples_in_a_row_at_the_end_of_the_scale_are_clipped(encoding, rate):
    full = encoding.full_scale
    samples = np.zeros(3 * STEP_SAMPLES, np.float32)
    samples[10:12] = full  # two
    samples[600:603] = -full
    samples[900], samples[901], samples[902] = full, -full, full
    steps = steps_of(samples, rate)
    step = 600 * 16000 // rate // STEP_SAMPLES
    assert clipped_steps(steps, 16000 // rate, full) == [step]
    assert clipped_steps(steps[:0], 1, full) == []
