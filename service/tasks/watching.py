"""What is said about gestures: frames and options in, what was seen out, and where a session stands."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from service.frontends.activity import ActivityMemory
from service.frontends.frames import Floats
from service.frontends.pose import HandMemory
from service.frontends.sensors import SensorMemory
from service.tasks.scoring import Total


@dataclass(frozen=True, slots=True)
class Frames:
    """The next frames, row-major as they travel."""

    values: Floats


@dataclass(frozen=True, slots=True)
class GestureOptions:
    """`frame_rate` in frames a second, `threshold` a probability: 0 takes the model's. `class_count` 0: all classes."""

    frame_rate: float = 0.0
    interim: bool = True
    detect: bool = False
    threshold: float = 0.0
    class_count: int = 0


class Recognized(NamedTuple):
    """Classes with their probabilities, most likely first, of the `frame_count` frames from `start_frame` on."""

    ranked: tuple[tuple[str, float], ...]
    start_frame: int
    frame_count: int
    final: bool


class GestureEvent(NamedTuple):
    """A gesture begins, or ends with a label; `seconds` from the first frame of the session."""

    begins: bool
    frame: int
    seconds: float
    label: str
    probability: float


class Piece(NamedTuple):
    """Steps of one gesture: its first frame, its frames up to here, and whether it is complete with them."""

    steps: Floats
    start: int
    frame_count: int
    closes: bool


class Mark(NamedTuple):
    """What a chunk stands for: a piece of a gesture, None where nothing happened. `holds`: no message is accepted
    before it is done; `ends_session`: it comes from an `End`.
    """

    piece: Piece | None
    holds: bool
    ends_session: bool


@dataclass(slots=True)
class Watching:
    """The progress of a session: frames so far, the gesture at hand, and pieces of a message that still have to run.

    `begun`: the onset of the gesture at hand was told.
    """

    options: GestureOptions
    memory: Any
    activity: ActivityMemory
    frames: int = 0
    start: int = 0
    frame_count: int = 0
    total: Total = field(default_factory=Total)
    latest: tuple[float, ...] = ()
    begun: bool = False
    queue: list[Mark] = field(default_factory=list)
    busy: bool = False


RECORDS = (
    Watching,
    GestureOptions,
    HandMemory,
    SensorMemory,
    ActivityMemory,
    Total,
    Piece,
    Mark,
    Recognized,
    GestureEvent,
)
