"""Samples to the logarithms of mel bands, as part of a network: training and serving hear the same by construction.

Windows of 25 ms under a Hann window begin every 10 ms; their Fourier transform is a product with constant matrices. A
step is 30 ms, three windows; the samples of the step before that its first windows still cover are carried as state.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from service.frontends.audio import SAMPLE_RATE, STEP_SAMPLES
from training.networks import State

WINDOW, HOP = 400, 160
BANDS = 40
LOWEST, HIGHEST = 80.0, 7600.0
"""Hertz."""
FLOOR = 1e-5
"""What is added to the energy of a band: about that of noise 70 dB below full scale."""
FRAMES = STEP_SAMPLES // HOP
"""Windows in a step."""
CARRIED = WINDOW - HOP
"""Samples of earlier steps that the first window of a step covers."""


class Filterbank(nn.Module):
    """Steps of samples → logarithms of bands, standardised by what was measured on the training part."""

    def __init__(self) -> None:
        super().__init__()
        bins = np.arange(1, int(HIGHEST * WINDOW / SAMPLE_RATE) + 1)
        # Rounded to halves, so that a bundle holds them in half the room: what that adds is 66 dB below the signal.
        for name, matrix in (("waves", _waves(bins)), ("bands", _bands(bins))):
            self.register_buffer(name, torch.from_numpy(matrix).half().float(), persistent=False)
        self.register_buffer("mean", torch.zeros(BANDS))
        self.register_buffer("deviation", torch.ones(BANDS))

    @property
    def width(self) -> int:
        """Features of a step."""
        return FRAMES * BANDS

    def initial_state(self, batch: int) -> State:
        """Silence [batch, 1, CARRIED]."""
        return (torch.zeros(batch, 1, CARRIED),)

    def forward(self, samples: Tensor, lengths: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """samples [batch, time, 480], lengths [batch], past [batch, 1, CARRIED] → features [batch, time, width], and
        the samples that the next step needs.
        """
        ends = torch.cat([past, samples[:, :, STEP_SAMPLES - CARRIED :]], dim=1)  # [batch, 1 + time, CARRIED]
        heard = torch.cat([ends[:, : samples.shape[1]], samples], dim=2)  # [batch, time, CARRIED + 480]
        after = ends.gather(1, lengths[:, None, None].expand(-1, 1, CARRIED))
        frames = [self._logarithms(heard[:, :, first * HOP : first * HOP + WINDOW]) for first in range(FRAMES)]
        return torch.cat(frames, dim=2), after

    def measure(self, samples: Tensor) -> None:
        """Take the mean and deviation of every band from these steps [batch, time, 480]."""
        self.get_buffer("mean").zero_()
        self.get_buffer("deviation").fill_(1.0)
        lengths = torch.full((len(samples),), samples.shape[1])
        features, _ = self(samples, lengths, *self.initial_state(len(samples)))
        bands = features.reshape(-1, BANDS)
        self.get_buffer("mean").copy_(bands.mean(0))
        self.get_buffer("deviation").copy_(bands.std(0))

    def _logarithms(self, window: Tensor) -> Tensor:
        """One window of each step [batch, time, WINDOW] → [batch, time, BANDS]."""
        parts = (window @ self.get_buffer("waves")).square()  # real and imaginary, [batch, time, 2 × bins]
        energy = parts @ self.get_buffer("bands")
        levels: Tensor = (torch.log(energy + FLOOR) - self.get_buffer("mean")) / self.get_buffer("deviation")
        return levels


def _waves(bins: NDArray[np.int64]) -> NDArray[np.float32]:
    """The windowed cosines and sines of these bins, [WINDOW, 2 × bins]."""
    places = np.arange(WINDOW)
    angles = 2 * np.pi * places[:, None] * bins / WINDOW
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * (places + 0.5) / WINDOW)
    waves: NDArray[np.float32] = hann[:, None] * np.concatenate([np.cos(angles), np.sin(angles)], axis=1)
    return waves.astype(np.float32)


def _bands(bins: NDArray[np.int64]) -> NDArray[np.float32]:
    """The triangles of the mel bands over real and imaginary parts, [2 × bins, BANDS]."""
    hertz = bins * SAMPLE_RATE / WINDOW
    edges = _hertz(np.linspace(_mel(LOWEST), _mel(HIGHEST), BANDS + 2))
    rising = (hertz[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - hertz[:, None]) / (edges[2:] - edges[1:-1])
    weights = np.maximum(np.minimum(rising, falling), 0.0)
    return np.concatenate([weights, weights]).astype(np.float32)


def band_places(factor: float | NDArray[np.float64]) -> NDArray[np.float64]:
    """Where in the row of bands the frequencies lie that are `factor` times those of each band, [BANDS]."""
    lowest, highest = _mel(LOWEST), _mel(HIGHEST)
    apart = (highest - lowest) / (BANDS + 1)
    hertz = factor * _hertz(np.linspace(lowest, highest, BANDS + 2))[1:-1]
    places: NDArray[np.float64] = (1127.0 * np.log1p(hertz / 700.0) - lowest) / apart - 1
    return places


def _mel(hertz: float) -> float:
    return 1127.0 * math.log1p(hertz / 700.0)


def _hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    return 700.0 * np.expm1(mel / 1127.0)
