"""Where gestures begin and end in an endless row of frames: what happens rises above one level, falls below another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from service.frontends.frames import Floats, FrameFrontend

LEAST_LEVEL, LEAST_REST = 1e-6, 5
ENDING_SHARE, KEPT_WHOLE = 0.2, 0.98


class Stretch(NamedTuple):
    """Consecutive frames [n, row_length] of one gesture, which began with frame `start` of the session."""

    frames: Floats
    start: int
    ends: bool


@dataclass(slots=True)
class ActivityMemory:
    """`held`: quiet frames [n, row_length] that belong to the gesture if it goes on; `seen`: frames so far."""

    held: Floats
    before: Floats | None = None
    start: int = 0
    seen: int = 0
    active: bool = False


@dataclass(frozen=True)
class Activity:
    """A gesture begins with a frame of liveliness `begins` or more, and ends after `rest_frames` frames below `ends`.

    The two levels differ (hysteresis), so that what hovers about one of them is not cut to pieces.
    """

    begins: float
    ends: float
    rest_frames: int

    def __post_init__(self) -> None:
        if not 0 < self.ends <= self.begins or self.rest_frames < 1:
            raise ValueError("activity needs 0 < ends <= begins and rest_frames from 1")

    @classmethod
    def fitted(cls, levels: Sequence[Floats]) -> Activity:
        """From the liveliness [n] of every frame of some gestures, so that hardly one of them is cut in two: it begins
        at two fifths of what is usual and ends below one fifth, longer than nearly all rests within gestures.
        """
        usual = float(np.median(np.concatenate(levels)))
        ends = max(ENDING_SHARE * usual, LEAST_LEVEL)
        rests = [_longest_rest(each >= ends) for each in levels]
        return cls(2 * ends, ends, max(int(np.quantile(rests, KEPT_WHOLE)) + 1, LEAST_REST))

    @classmethod
    def from_parameters(cls, said: Mapping[str, Any]) -> Activity:
        """What `parameters` said. Raises KeyError, TypeError or ValueError."""
        return cls(float(said["begins"]), float(said["ends"]), int(said["rest_frames"]))

    def parameters(self) -> dict[str, Any]:
        """As plain JSON data."""
        return {"begins": self.begins, "ends": self.ends, "rest_frames": self.rest_frames}

    def begin(self, frontend: FrameFrontend) -> ActivityMemory:
        """At rest."""
        return ActivityMemory(np.zeros((0, frontend.row_length), np.float32))

    def cut(self, memory: ActivityMemory, frontend: FrameFrontend, frames: Floats) -> list[Stretch]:
        """The parts of these frames that belong to gestures; the rest before and after is left out.

        Whatever the cuts of the frames, joining the stretches of each gesture gives the same.
        """
        levels = frontend.liveliness(memory.before, frames).tolist()
        known, offset = np.concatenate([memory.held, frames]), len(memory.held)
        stretches: list[Stretch] = []
        first = last = 0  # the part of `known` that belongs to the gesture at hand
        for place, level in enumerate(levels, offset):
            if memory.active and level >= self.ends:
                last = place + 1
            elif memory.active and place + 1 - last >= self.rest_frames:
                stretches.append(Stretch(known[first:last], memory.start, ends=True))
                memory.active = False
            elif not memory.active and level >= self.begins:
                memory.active, memory.start = True, memory.seen + place - offset
                first, last = place, place + 1
        if memory.active and last > first:
            stretches.append(Stretch(known[first:last], memory.start, ends=False))
        memory.held = known[last:].copy() if memory.active else known[:0].copy()
        memory.seen += len(frames)
        memory.before = frames[-1].copy()
        return stretches

    def stop(self, memory: ActivityMemory) -> None:
        """The gesture at hand, if there is one, is over."""
        memory.active, memory.held = False, memory.held[:0]


def _longest_rest(lively: NDArray[np.bool_]) -> int:
    """The most frames in a row that are not lively, between two that are."""
    places = np.flatnonzero(lively)
    return int(np.diff(places).max(initial=1)) - 1
