"""Rooms, telephones, noise: what happens to speech before it is heard, made up for a whole batch at once.

Rooms, filters and telephones are one product in the frequency domain. A recording is taken as a circle there, so the
echo of its end is heard at its begin, as if something had been said before.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

RATE = 16_000
ROOMS = 16
"""Rooms that are built once."""
NOISE_SECONDS = 20
"""Of each colour of noise, made once; what is heard begins anywhere in it."""
SLOPES = (0.0, 0.5, 1.0)
"""Colours of noise: how its spectrum falls with the frequency, white to brown."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Conditions:
    """How often what happens (0..1), and how strongly. `loudness`, `signal`: decibels of the peak below full scale, and
    of speech above noise; `tilt`: decibels up or down at each of some frequencies.
    """

    telephone: float = 0.35
    muffled: float = 0.15
    room: float = 0.3
    noise: float = 0.6
    companded: float = 0.1
    clipped: float = 0.03
    tilt: float = 6.0
    loudness: tuple[float, float] = (1.0, 28.0)
    signal: tuple[float, float] = (10.0, 45.0)


class Acoustics:
    """Batches of speech as they may be heard; the same from the same random generator."""

    def __init__(self, conditions: Conditions, samples: int, seed: int) -> None:
        """samples: of every row."""
        random = np.random.default_rng(seed)
        self._conditions, self._samples = conditions, samples
        self._hertz = np.fft.rfftfreq(samples, 1 / RATE)
        self._noise = [_noise(slope, random) for slope in SLOPES]
        self._rooms = torch.fft.rfft(torch.from_numpy(np.stack([_room(samples, random) for _ in range(ROOMS)])))

    def heard(self, rows: Floats, random: np.random.Generator) -> Floats:
        """rows [batch, samples], of any loudness → the same in -1..1, as heard under conditions of its own."""
        conditions, batch = self._conditions, len(rows)
        spectrum = torch.fft.rfft(torch.from_numpy(rows))
        rooms = np.flatnonzero(random.random(batch) < conditions.room)
        spectrum[rooms] *= self._rooms[random.integers(0, ROOMS, len(rooms))]
        spectrum *= torch.from_numpy(np.stack([self._response(random) for _ in range(batch)]))
        sound = torch.fft.irfft(spectrum, n=self._samples)
        sound /= sound.abs().amax(1, keepdim=True).clamp_min(1e-6)
        self._add_noise(sound, random)
        sound *= _amplitude(-random.uniform(*conditions.loudness, (batch, 1)))
        for row in np.flatnonzero(random.random(batch) < conditions.clipped):
            sound[row] *= float(random.uniform(1.5, 6.0)) / sound[row].abs().max().clamp_min(1e-6)
        sound.clamp_(-1.0, 1.0)
        for row in np.flatnonzero(random.random(batch) < conditions.companded):
            sound[row] = _companded(sound[row])
        answer: Floats = (torch.round(sound * 32767) / 32768).numpy()
        return answer

    def _response(self, random: np.random.Generator) -> Floats:
        """How strongly each frequency is heard: a smooth curve, and what a telephone or a bad microphone takes away."""
        conditions = self._conditions
        places = np.geomspace(60, RATE / 2, 9)
        gains = np.cumsum(random.normal(0, conditions.tilt / 3, len(places)))
        lowest, highest = float(random.uniform(20, 120)), RATE / 2 * 1.2
        if random.random() < conditions.telephone:
            lowest, highest = float(random.uniform(80, 320)), float(random.uniform(3200, 3950))
        elif random.random() < conditions.muffled:
            highest = float(random.uniform(3800, 7500))
        curve = np.interp(self._hertz, places, gains - gains.mean())
        curve -= 18.0 * np.clip((lowest - self._hertz) / lowest, 0, 1)
        curve -= 70.0 * np.clip((self._hertz - highest) / (0.06 * highest), 0, 1)
        return _amplitude(curve).numpy()

    def _add_noise(self, sound: Tensor, random: np.random.Generator) -> None:
        """Noise of two colours, so many decibels below the loudness of speech."""
        conditions = self._conditions
        for row in np.flatnonzero(random.random(len(sound)) < conditions.noise):
            mixed = torch.zeros(self._samples)
            for share in (1.0, float(random.random())):
                source = self._noise[random.integers(len(self._noise))]
                first = random.integers(0, len(source) - self._samples)
                mixed += share * source[first : first + self._samples]
            level = sound[row].square().mean().sqrt() * _amplitude(-random.uniform(*conditions.signal, ()))
            sound[row] += mixed * (level / mixed.square().mean().sqrt())


def _amplitude(decibels: NDArray[np.float64] | float) -> Tensor:
    return torch.from_numpy(np.asarray(10.0 ** (np.asarray(decibels) / 20), np.float32))


def _noise(slope: float, random: np.random.Generator) -> Tensor:
    """Noise whose amplitude falls with the frequency to the power of `slope`."""
    spectrum = torch.fft.rfft(torch.from_numpy(random.standard_normal(NOISE_SECONDS * RATE).astype(np.float32)))
    falling = torch.arange(len(spectrum), dtype=torch.float32).clamp_min(NOISE_SECONDS * 20) ** -slope
    noise = torch.fft.irfft(spectrum * falling)
    scaled: Tensor = noise / noise.std()
    return scaled


def _room(samples: int, random: np.random.Generator) -> Floats:
    """What a room answers to a clap: the clap itself, then noise that dies away within 0.1 to 0.7 seconds."""
    seconds = np.arange(samples) / RATE
    echo = random.standard_normal(samples) * np.exp(-6.9 * seconds / random.uniform(0.1, 0.7))
    echo[: int(random.uniform(0.002, 0.02) * RATE)] = 0
    echo *= random.uniform(0.2, 1.0) / np.sqrt((echo**2).sum())
    echo[0] = 1.0
    return echo.astype(np.float32)


def _companded(sound: Tensor) -> Tensor:
    """Through the 8 bits of a telephone line (mu-law)."""
    packed = torch.sign(sound) * torch.log1p(255 * sound.abs()) / np.log(256.0)
    packed = torch.round(packed * 127) / 127
    return torch.sign(packed) * (torch.pow(256.0, packed.abs()) - 1) / 255
