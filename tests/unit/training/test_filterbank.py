"""The filterbank in the graph computes what a Fourier transform does, wherever a stream is cut."""

import numpy as np
import torch

from service.frontends.audio import SAMPLE_RATE
from training.filterbank import BANDS, FLOOR, FRAMES, HIGHEST, HOP, LOWEST, WINDOW, Filterbank


def reference(samples):
    """Logarithms of mel bands [windows, BANDS] of samples [n] behind 240 of silence, by FFTs of one window each."""
    padded = np.concatenate([np.zeros(WINDOW - HOP), samples])
    mel = np.linspace(*(2595 * np.log10(1 + np.array([LOWEST, HIGHEST]) / 700)), BANDS + 2)
    edges = 700 * (10 ** (mel / 2595) - 1)
    hertz = np.fft.rfftfreq(WINDOW, 1 / SAMPLE_RATE)
    window = np.sin(np.pi * (np.arange(WINDOW) + 0.5) / WINDOW) ** 2
    rows = []
    for start in range(0, len(padded) - WINDOW + 1, HOP):
        power = np.abs(np.fft.rfft(padded[start : start + WINDOW] * window)) ** 2
        bands = [np.interp(hertz, edges[band : band + 3], [0, 1, 0]) @ power for band in range(BANDS)]
        rows.append(np.log(np.array(bands) + FLOOR))
    return np.array(rows)


def noise(rows, steps):
    return torch.from_numpy(np.random.default_rng(3).normal(0, 0.1, (rows, steps, 480)).astype(np.float32))


def run(bank, samples, state=None):
    lengths = torch.full((len(samples),), samples.shape[1])
    return bank(samples, lengths, *(state or bank.initial_state(len(samples))))


def test_bands_are_those_of_a_fourier_transform():
    samples = noise(1, 6)
    found, _ = run(Filterbank(), samples)
    expected = reference(samples.numpy().ravel()).reshape(6, FRAMES * BANDS)
    np.testing.assert_allclose(found[0].numpy(), expected, atol=0.02)  # its constants are halves


def test_a_tone_is_loudest_in_its_own_band():
    tone = 0.3 * np.sin(2 * np.pi * 1000 * np.arange(480 * 4) / SAMPLE_RATE)
    found, _ = run(Filterbank(), torch.from_numpy(tone.astype(np.float32)).view(1, 4, 480))
    centres = 700 * np.expm1(np.linspace(np.log1p(LOWEST / 700), np.log1p(HIGHEST / 700), BANDS + 2))[1:-1]
    assert int(found[0, -1, -BANDS:].argmax()) == int(np.abs(centres - 1000).argmin())


def test_a_stream_may_be_cut_anywhere():
    bank, samples = Filterbank(), noise(2, 7)
    whole, last = run(bank, samples)
    state, parts = bank.initial_state(2), []
    for piece in samples.split([1, 4, 2], dim=1):
        found, *state = run(bank, piece, state)
        parts.append(found)
    torch.testing.assert_close(torch.cat(parts, dim=1), whole)
    assert torch.equal(state[0], last)


def test_the_state_is_what_follows_the_last_valid_step():
    bank, samples = Filterbank(), noise(2, 5)
    _, after = bank(samples, torch.tensor([5, 2]), *bank.initial_state(2))
    assert torch.equal(after[1, 0], samples[1, 1, -240:])


def test_what_was_measured_standardises():
    bank, samples = Filterbank(), noise(3, 20)
    bank.measure(samples)
    found = run(bank, samples)[0].reshape(-1, BANDS)
    torch.testing.assert_close(found.mean(0), torch.zeros(BANDS), atol=1e-4, rtol=0)
    torch.testing.assert_close(found.std(0), torch.ones(BANDS), atol=1e-3, rtol=0)


def test_constants_are_not_kept_with_the_weights_and_are_halves():
    bank = Filterbank()
    assert set(bank.state_dict()) == {"mean", "deviation"}
    assert torch.equal(bank.waves, bank.waves.half().float())
