"""Sensor channels to steps: standard scores, the last few frames side by side in each step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from service.frontends.frames import Floats
from service.frontends.scaling import Scaling


@dataclass(slots=True)
class SensorMemory:
    """`past`: scores [n, channels] of frames that later steps still look at."""

    past: Floats
    waiting: int = 0


class SensorFrontend:
    """A step every `stride` frames, made from the last `window` frames; before the first frame lie zeros, the mean."""

    kind = "sensors"
    takes_missing = False

    def __init__(self, scaling: Scaling, window: int = 1, stride: int = 1) -> None:
        if not 1 <= stride <= window:
            raise ValueError(f"a stride of {stride} frames does not fit a window of {window}")
        self.scaling, self.window, self.stride = scaling, window, stride
        self.row_length = len(scaling.mean)

    @classmethod
    def from_parameters(cls, said: Mapping[str, Any]) -> SensorFrontend:
        """What `parameters` said. Raises KeyError, TypeError or ValueError."""
        return cls(Scaling.from_parameters(said), int(said["window"]), int(said["stride"]))

    @property
    def feature_count(self) -> int:
        """Channels times frames of a window."""
        return self.row_length * self.window

    def parameters(self) -> dict[str, Any]:
        """As plain JSON data."""
        return {"window": self.window, "stride": self.stride, **self.scaling.parameters()}

    def begin(self) -> SensorMemory:
        """Zeros for what would lie before the first frame."""
        return SensorMemory(np.zeros((self.window - self.stride, self.row_length), np.float32))

    def encode(self, memory: SensorMemory, frames: Floats) -> Floats:
        """Steps [m, window × channels], the oldest frame first."""
        known = np.concatenate([memory.past, self.scaling.apply(frames)])
        total = memory.waiting + len(frames)
        steps, memory.waiting = divmod(total, self.stride)
        memory.past = known[steps * self.stride :].copy()
        if not steps:
            return np.zeros((0, self.feature_count), np.float32)
        return self._windows(known, steps)

    def flush(self, memory: SensorMemory) -> Floats:
        """The step that ends at the last frame, padded behind it with its own scores; none when nothing waits."""
        if not memory.waiting:
            return np.zeros((0, self.feature_count), np.float32)
        missing = self.stride - memory.waiting
        known = np.concatenate([memory.past, np.repeat(memory.past[-1:], missing, axis=0)])
        memory.past, memory.waiting = known[self.stride :].copy(), 0
        return self._windows(known, 1)

    def liveliness(self, before: Floats | None, frames: Floats) -> Floats:
        """The root mean square over channels of how far each score moved since the frame before."""
        first = frames[:1] if before is None else before[None]
        moved = np.diff(np.concatenate([first, frames]), axis=0) / self.scaling.spread
        rate: Floats = np.sqrt(np.square(moved).mean(axis=1))
        return rate

    def _windows(self, known: Floats, steps: int) -> Floats:
        places = np.arange(steps)[:, None] * self.stride + np.arange(self.window)  # [steps, window]
        windows: Floats = known[places].reshape(steps, -1)
        return windows
