"""Recordings made up from recordings: at another speed, cut a little, seen from elsewhere, by another hand, with noise.

All draw from the generator they are given and change nothing in place.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Random = np.random.Generator

SHORTEST = 5
"""Frames that are left of a recording at least."""
MOST_BENT = 0.45
"""Beyond a half, time would run backwards somewhere."""
_KNOTS = 6


@dataclass(frozen=True)
class Warp:
    """How far a recording may be changed.

    Time: `speed`, the share by which it may be faster or slower; `crop`, the share that may be missing at each end;
    `bend`, how unevenly it may run. Sensors, in spreads of each channel: `gain` (slowly changing), `offset`, `noise`.
    Hands: `rotation` in degrees about each axis, `stretch` along each axis, and in sizes of the hand `shape` (each
    landmark in all frames alike) and `noise`.
    """

    speed: float = 0.2
    crop: float = 0.1
    bend: float = 0.3
    gain: float = 0.1
    offset: float = 0.05
    noise: float = 0.05
    rotation: float = 15.0
    stretch: float = 0.1
    shape: float = 0.04


def warped_time(frames: Floats, how: Warp, random: Random) -> Floats:
    """Frames [n, ...] read at other places of time, with straight lines between them → [m, ...]."""
    last = len(frames) - 1
    count = max(round(len(frames) * random.uniform(1 - how.speed, 1 + how.speed)), min(SHORTEST, len(frames)))
    begin, end = random.uniform(0, how.crop) * last, last - random.uniform(0, how.crop) * last
    even = np.linspace(0, 1, count)
    wave = np.sin(2 * np.pi * even * random.integers(1, 3)) / (2 * np.pi)
    bend = np.clip(how.bend * random.standard_normal(), -MOST_BENT, MOST_BENT)
    places = np.clip(begin + (end - begin) * (even + bend * wave), 0, last)
    before = np.floor(places).astype(np.int64)
    after = np.minimum(before + 1, last)
    share = (places - before).astype(np.float32).reshape(-1, *[1] * (frames.ndim - 1))
    between = frames[before] * (1 - share) + frames[after] * share
    warped: Floats = np.where(share > 0, between, frames[before])
    return warped


def warped_sensors(frames: Floats, spread: Floats, how: Warp, random: Random) -> Floats:
    """Channels [n, channels] with other gains and offsets, and noise; spread [channels]."""
    frames = warped_time(frames, how, random)
    knots = random.normal(1, how.gain, (_KNOTS, frames.shape[1]))
    places = np.linspace(0, _KNOTS - 1, len(frames))
    gains = np.stack([np.interp(places, np.arange(_KNOTS), column) for column in knots.T], axis=1)
    moved = random.normal(0, how.offset, (1, frames.shape[1])) + random.normal(0, how.noise, frames.shape)
    warped: Floats = (frames * gains + moved * spread).astype(np.float32)
    return warped


def warped_hand(hands: Floats, how: Warp, random: Random) -> Floats:
    """Landmarks [n, 21, 3] of a hand of another shape, seen from another side; NaN stays NaN."""
    hands = warped_time(hands, how, random)
    centre = hands[:, :1]
    shaped = hands - centre
    size = np.nanmean(np.linalg.norm(shaped, axis=2)) if not np.isnan(shaped).all() else 1.0
    turn = rotation(np.radians(random.normal(0, how.rotation, 3))) * random.normal(1, how.stretch, 3)
    moved = random.normal(0, how.shape, (1, *hands.shape[1:])) + random.normal(0, how.noise, hands.shape)
    warped: Floats = (shaped @ turn + size * moved + centre).astype(np.float32)
    return warped


def rotation(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """The matrix [3, 3] that turns about x, then y, then z by three angles in radians."""
    (cx, cy, cz), (sx, sy, sz) = np.cos(angles), np.sin(angles)
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    turn: NDArray[np.float64] = about_z @ about_y @ about_x
    return turn
