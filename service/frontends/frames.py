"""Frames of landmarks or sensor channels to steps: what every such frontend offers, and the file that holds one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.errors import BundleError, Reason, invalid

if TYPE_CHECKING:
    from service.frontends.pose import HandFrontend
    from service.frontends.sensors import SensorFrontend

Floats: TypeAlias = NDArray[np.float32]

MAX_VALUE = 1e9
"""Larger values are no measurement; their squares would leave the range of single precision."""


class FrameFrontend(Protocol):
    """Incremental: whatever the cuts of the frames, the steps joined are the same. All frames are [n, row_length]."""

    kind: str
    row_length: int
    takes_missing: bool

    @property
    def feature_count(self) -> int:
        """Features of a step."""
        ...

    def begin(self) -> Any:
        """What is remembered at the start of a gesture; plain data."""
        ...

    def encode(self, memory: Any, frames: Floats) -> Floats:
        """The steps [m, features] that these frames complete."""
        ...

    def flush(self, memory: Any) -> Floats:
        """The step [0 or 1, features] of frames that were waiting for more."""
        ...

    def liveliness(self, before: Floats | None, frames: Floats) -> Floats:
        """How much happens in each frame, [n], 0 at rest; `before` is the frame [row_length] before the first."""
        ...

    def parameters(self) -> dict[str, Any]:
        """What `from_parameters` makes it from again; plain JSON data."""
        ...


def rows(values: Floats, frontend: FrameFrontend) -> Floats:
    """Values in a row, as they travel, to frames [n, row_length].

    Raises CHUNK_EMPTY, FRAME_SIZE_MISMATCH for values that fill no whole number of frames, and FRAME_NOT_FINITE.
    """
    if not len(values):
        raise invalid(Reason.CHUNK_EMPTY, "there is no frame in this message: send one or more", "frames.values")
    if len(values) % frontend.row_length:
        problem = f"{len(values)} values are no whole number of frames: this model takes {frontend.row_length} a frame"
        raise invalid(Reason.FRAME_SIZE_MISMATCH, problem, "frames.values")
    frames = values.reshape(-1, frontend.row_length)
    good = np.abs(frames) <= MAX_VALUE
    if frontend.takes_missing:
        good |= np.isnan(frames)
    if not good.all():
        row, column = np.argwhere(~good)[0].tolist()
        missing = "a number, or NaN where it was not seen" if frontend.takes_missing else "a number"
        problem = f"value {column} of frame {row} is {frames[row, column]}; it must be {missing}"
        raise invalid(Reason.FRAME_NOT_FINITE, problem, f"frames.values[{row * frontend.row_length + column}]")
    return frames


def frontend_to_bytes(frontend: FrameFrontend) -> bytes:
    """The frontend as a JSON file."""
    return json.dumps({"kind": frontend.kind, **frontend.parameters()}, indent=None).encode() + b"\n"


def frontend_from_file(path: Path) -> HandFrontend | SensorFrontend:
    """Read what `frontend_to_bytes` wrote. Raises BundleError."""
    from service.frontends.pose import HandFrontend
    from service.frontends.sensors import SensorFrontend

    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        kind = said.pop("kind")
        if kind == HandFrontend.kind:
            return HandFrontend.from_parameters(said)
        if kind == SensorFrontend.kind:
            return SensorFrontend.from_parameters(said)
        raise ValueError(f"the kind {kind!r} is unknown")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BundleError(Reason.BUNDLE_DAMAGED, f"{path} is no frontend for frames: {error}") from error
