"""A right hand made of numbers, palm to the camera, fingers up: what the demonstration spells with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Landmarks = NDArray[np.float32]
"""[21, 3] as MediaPipe orders them: the wrist, then four of each finger; x to the right, y down, z from the camera."""
Frame = NDArray[np.float32]
"""[126]: the landmarks of the left and of the right hand."""

FINGERS = (((0.24, -0.92), 0.16), ((0.04, -0.98), 0.03), ((-0.15, -0.92), -0.1), ((-0.31, -0.80), -0.22))
"""Where each finger begins, and how far it leans to the side, radians; from the index to the little finger."""
BONES, LENGTHS = (0.42, 0.26, 0.20), (0.92, 1.0, 0.94, 0.76)
BENDS = (1.35, 1.75, 1.0)
"""Of the joints of a finger that is closed, radians."""
THUMB_OUT = ((0.28, -0.22), (0.52, -0.46), (0.76, -0.58), (0.98, -0.68))
THUMB_ACROSS = ((0.26, -0.24), (0.38, -0.50), (0.22, -0.66), (0.02, -0.70))
BONES_OF_HAND = (
    *((place, place + 1) for place in range(20) if place % 4),
    *((0, place) for place in (1, 5, 17)),
    *((place, place + 4) for place in (5, 9, 13)),
)
"""The lines to draw between landmarks."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A hand held still: how far index, middle, ring and little finger are closed (0..1), `spread`, and the thumb."""

    closed: tuple[float, float, float, float]
    thumb: tuple[tuple[float, float], ...] = THUMB_ACROSS
    spread: float = 1.0

    def landmarks(self) -> Landmarks:
        """Its 21 points, the wrist at 0, in units of the palm."""
        points = [np.zeros(3)]
        depth = -0.12 if self.thumb is THUMB_ACROSS else -0.02
        points += [np.array([x, y, depth * place]) for place, (x, y) in enumerate(self.thumb, 1)]
        for (base, lean), length, closed in zip(FINGERS, LENGTHS, self.closed, strict=True):
            points += list(self._finger(base, lean * self.spread, length, closed))
        return np.array(points, np.float32)

    def _finger(
        self, base: tuple[float, float], lean: float, length: float, closed: float
    ) -> Iterator[NDArray[np.float64]]:
        """The points of a finger, from its base to its tip; a joint bends towards the camera."""
        point = np.array([*base, 0.0])
        yield point
        bend = 0.0
        for bone, joint in zip(BONES, BENDS, strict=True):
            bend += joint * closed
            up, forward = np.cos(bend), -np.sin(bend)
            point = point + length * bone * np.array([np.sin(lean) * up, -np.cos(lean) * up, forward])
            yield point


SHAPES = {
    "B": Shape((0, 0, 0, 0), spread=0.2),
    "I": Shape((1, 1, 1, 0)),
    "L": Shape((0, 1, 1, 1), THUMB_OUT),
    "W": Shape((0, 0, 0, 1), spread=2.0),
    "Y": Shape((1, 1, 1, 0), THUMB_OUT, spread=1.6),
}
"""Letters of the one-handed alphabets."""


def spelled(shape: Shape, frames: int, seed: int = 0) -> Iterator[Landmarks]:
    """Frames of a loosely open hand that takes a shape and holds it, trembling a little."""
    relaxed = Shape((0.35, 0.3, 0.3, 0.35), THUMB_OUT).landmarks()
    wanted = shape.landmarks()
    tremble = np.random.default_rng(seed)
    for frame in range(frames):
        share = min(1.0, frame / (frames * 0.35))
        share = share * share * (3 - 2 * share)
        yield (relaxed + (wanted - relaxed) * share + tremble.normal(0, 0.006, relaxed.shape)).astype(np.float32)


def frame_of(hand: Landmarks) -> Frame:
    """The frame of this right hand, the left one not seen."""
    return np.concatenate([np.full(hand.size, np.nan, np.float32), hand.ravel()])
