"""Hand landmarks to steps: the shape of one hand, wherever it is, however large, and whichever hand it is.

A frame holds the 21 landmarks of the left and then of the right hand as MediaPipe orders them (wrist first, then four
from base to tip for each finger from the thumb on), x, y and z each; x grows to the right of the picture. NaN: not
seen. All three in one unit: MediaPipe tells z, like x, in widths of the picture, and y in heights of it.
https://ai.google.dev/edge/mediapipe/solutions/vision/hand_landmarker
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.frontends.frames import Floats
from service.frontends.scaling import Scaling

LANDMARKS = 21
TIPS = np.array([4, 8, 12, 16, 20])
FINGERS = np.array([[0, *range(first, first + 4)] for first in (1, 5, 9, 13, 17)])
"""Landmarks of each finger [5, 5], from the wrist to the tip."""
_THUMB, _BASES = 4, np.array([5, 6, 9, 10, 13, 14, 17, 18])
_KNUCKLES, _JOINTS = np.array([5, 9, 13, 17]), np.array([6, 10, 14, 18])
_PAIRS = np.array([(a, b) for a in range(5) for b in range(a)])
_TINY = 1e-6
NO_HAND, LEFT, RIGHT = -1, 0, 1
FEATURES = 3 * 20 + 3 * 20 + 10 + 5 + 8 + 15 + 3 + 3 * 4 * 3 + 2 + 10
"""Features of a hand; a last one, whether it was seen, is added to them."""


@dataclass(slots=True)
class HandMemory:
    """Which hand is followed, and its landmarks [21, 3] in the frame before; None when it was not seen."""

    hand: int = NO_HAND
    before: Floats | None = None


class HandFrontend:
    """Follows one hand: the one that is seen, the right one where both begin; until it is lost and the other seen."""

    kind = "hands"
    takes_missing = True
    row_length = 2 * LANDMARKS * 3

    def __init__(self, scaling: Scaling) -> None:
        if len(scaling.mean) != FEATURES:
            raise ValueError(f"the scaling has {len(scaling.mean)} features, hands have {FEATURES}")
        self.scaling = scaling

    @classmethod
    def from_parameters(cls, said: Mapping[str, Any]) -> HandFrontend:
        """What `parameters` said. Raises KeyError, TypeError or ValueError."""
        return cls(Scaling.from_parameters(said))

    @property
    def feature_count(self) -> int:
        """Features of the hand, and whether it was seen."""
        return FEATURES + 1

    def parameters(self) -> dict[str, Any]:
        """As plain JSON data."""
        return self.scaling.parameters()

    def begin(self) -> HandMemory:
        """No hand yet."""
        return HandMemory()

    def encode(self, memory: HandMemory, frames: Floats) -> Floats:
        """One step for each frame; all scores are 0 where no hand was seen."""
        return self.scores(followed_hand(memory, frames), memory)

    def flush(self, memory: HandMemory) -> Floats:
        """Nothing waits."""
        return np.zeros((0, self.feature_count), np.float32)

    def liveliness(self, before: Floats | None, frames: Floats) -> Floats:
        """1 while a hand is seen: a letter may be held still."""
        return np.asarray(_seen(frames).any(axis=1), np.float32)

    def scores(self, hands: Floats, memory: HandMemory) -> Floats:
        """Steps [n, features] of the landmarks [n, 21, 3] of the hand that is followed."""
        scores = self.scaling.apply(hand_features(hands, memory.before))
        memory.before = None if np.isnan(hands[-1, 0, 0]) else hands[-1].copy()
        return np.concatenate([scores, ~np.isnan(hands[:, :1, 0])], axis=1, dtype=np.float32)


def _seen(frames: Floats) -> NDArray[np.bool_]:
    """Whether the [left, right] hand was seen in each frame, [n, 2]: all of its landmarks."""
    return np.logical_not(np.isnan(frames.reshape(len(frames), 2, -1)).any(axis=2))


def followed_hand(memory: HandMemory, frames: Floats) -> Floats:
    """The landmarks [n, 21, 3] of the hand that is followed, a left one mirrored; NaN where it was not seen."""
    hands = frames.reshape(-1, 2, LANDMARKS, 3)
    chosen = np.full((len(frames), LANDMARKS, 3), np.nan, np.float32)
    for place, seen in enumerate(_seen(frames).tolist()):
        if memory.hand == NO_HAND or not seen[memory.hand]:
            memory.hand = RIGHT if seen[RIGHT] else LEFT if seen[LEFT] else memory.hand
        if memory.hand != NO_HAND and seen[memory.hand]:
            chosen[place] = hands[place, memory.hand] * ((-1, 1, 1) if memory.hand == LEFT else (1, 1, 1))
    return chosen


def hand_features(hands: Floats, before: Floats | None = None) -> Floats:
    """What the shape and motion of a hand [n, 21, 3] say, [n, FEATURES]; NaN where it was not seen.

    Landmarks from the wrist in units of the hand's size; directions of its bones; distances between the finger tips,
    from tips to wrist and from the thumb to the fingers; cosines of the bends; where the palm looks; how fingers lie to
    each other, seen from the palm; and how far wrist and tips moved since the frame before, `before` [21, 3] the first.
    """
    shaped = hands - hands[:, :1]
    size = np.linalg.norm(shaped, axis=2).mean(axis=1)[:, None, None] + _TINY  # [n, 1, 1]
    shaped = shaped / size
    bones = _directions(np.diff(shaped[:, FINGERS], axis=2))  # [n, finger, 4, 3]
    tips = shaped[:, TIPS]
    palm = _directions(np.cross(shaped[:, 5], shaped[:, 17]))
    first = np.full((1, LANDMARKS, 3), np.nan, np.float32) if before is None else before[None]
    moved = np.diff(np.concatenate([first, hands]), axis=0)[:, :, :2] / size
    moved = np.where(np.isnan(moved) & ~np.isnan(hands[:, :, :2]), 0.0, moved)  # where it was just found, it stands
    parts = (
        shaped[:, 1:],
        bones,
        np.linalg.norm(tips[:, _PAIRS[:, 0]] - tips[:, _PAIRS[:, 1]], axis=2),
        np.linalg.norm(tips, axis=2),
        np.linalg.norm(shaped[:, [_THUMB]] - shaped[:, _BASES], axis=2),
        (bones[:, :, :-1] * bones[:, :, 1:]).sum(axis=3),
        palm,
        _beside_each_other(shaped),
        moved[:, 0],
        moved[:, TIPS],
    )
    return np.concatenate([part.reshape(len(hands), -1) for part in parts], axis=1, dtype=np.float32)


def _beside_each_other(shaped: Floats) -> Floats:
    """How fingers lie to each other [n, 12, 3], across, along and out of the palm, in sizes of the palm: from tip to
    tip, between the directions of neighbours, and from the joints of the four fingers to the tip of the thumb.

    These have signs, which distances have not: fingers that are crossed, side by side or apart differ in them, from
    wherever the hand is seen.
    """
    along = _directions(shaped[:, 9])
    out = _directions(np.cross(shaped[:, 5], shaped[:, 17]))
    axes = np.stack([np.cross(along, out), along, out], axis=1)  # [n, axis, 3]
    size = np.linalg.norm(shaped[:, _KNUCKLES], axis=2).mean(axis=1)[:, None, None] + _TINY
    own = (shaped[:, :, None] * axes[:, None]).sum(axis=3) / size  # [n, 21, axis]
    pointing = _directions(np.diff(own[:, FINGERS[:, 1:]], axis=2)).mean(axis=2)  # [n, finger, 3], beyond the base
    between = np.diff(own[:, TIPS], axis=1), np.diff(pointing, axis=1), own[:, [_THUMB]] - own[:, _JOINTS]
    return np.concatenate(between, axis=1)


def _directions(vectors: Floats) -> Floats:
    """Vectors of length 1."""
    scaled: Floats = vectors / (np.linalg.norm(vectors, axis=-1, keepdims=True) + _TINY)
    return scaled


def column_names() -> tuple[str, ...]:
    """What the values of a frame are called: `left_0_x` to `right_20_z`."""
    return tuple(f"{hand}_{mark}_{axis}" for hand in ("left", "right") for mark in range(LANDMARKS) for axis in "xyz")
