"""Gestures: frames in, running class probabilities, events and final results out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from hiddenstate.options import SessionOptions
from hiddenstate.protocol import Rpc, StreamProtocol
from hiddenstate.requests import finish
from hiddenstate.v1 import gesture_pb2
from hiddenstate.wire import session_config

RECOGNIZE_GESTURE = Rpc(
    "/hiddenstate.v1.GestureService/RecognizeGesture",
    gesture_pb2.RecognizeGestureRequest,
    gesture_pb2.RecognizeGestureResponse,
)
MAX_PIECE_VALUES = 65_536
"""Values in one message; larger pieces are sent in several, which makes no difference to any numbered answer."""


class GestureOptions(SessionOptions, total=False):
    """Options of a session that watches.

    model: name; may be left out where one model alone serves the task.
    frame_rate: frames a second, for the times in answers. Default: that of the model card.
    interim_results: running results while frames come in. Default True.
    detect_events: find where gestures begin and end. Default False: a gesture is all that is sent.
    threshold: probability from which on a gesture counts as seen, above 0 to 1. Default: that of the model card.
    classes: tell so many most likely classes. Default: all.
    """

    model: str | None
    frame_rate: float | None
    interim_results: bool | None
    detect_events: bool | None
    threshold: float | None
    classes: int | None


@dataclass(frozen=True, slots=True)
class Gesture:
    """Which gesture it is, so far or finally.

    probabilities: by label, most likely first.
    start_frame: number of its first frame in the session, from 0.
    frame_count: frames that it was made from.
    """

    label: str
    probabilities: Mapping[str, float]
    start_frame: int
    frame_count: int
    is_final: bool
    sequence_number: int

    @property
    def probability(self) -> float:
        """That of the label, 0 to 1."""
        return self.probabilities.get(self.label, 0.0)


@dataclass(frozen=True, slots=True)
class GestureEvent:
    """A gesture begins (`onset`) or ends (`offset`, with its label) at a frame, `seconds` from the first."""

    kind: Literal["onset", "offset"]
    frame: int
    seconds: float
    label: str
    probability: float


@dataclass(frozen=True, slots=True)
class GestureScript:
    """Frames of one gesture, or of an endless row, that come in pieces; when `whole`, pieces that are a gesture each.

    A piece is one frame or several, [values] or [frames, values], NaN where nothing was seen.
    """

    protocol: StreamProtocol
    options: GestureOptions
    whole: bool = False

    def begin(self) -> Any:
        """The config."""
        options = self.options
        return self.protocol.config(
            gesture_pb2.RecognizeGestureConfig(
                session=session_config(options, options.get("model")),
                frame_rate_hertz=options.get("frame_rate") or 0.0,
                interim_results=False if self.whole else options.get("interim_results"),
                detect_events=bool(options.get("detect_events")),
                threshold=options.get("threshold") or 0.0,
                class_count=options.get("classes") or 0,
            )
        )

    def piece(self, frames: ArrayLike) -> Iterator[Any]:
        """The requests for some frames, or for a gesture."""
        table = np.atleast_2d(np.asarray(frames, np.float32))
        most = max(1, MAX_PIECE_VALUES // max(1, table.shape[1]))
        for start in range(0, len(table), most):
            values = table[start : start + most].ravel()
            yield self.protocol.message(frames=gesture_pb2.Frames(values=values))
        if self.whole:
            yield finish(self.protocol)

    def end(self) -> Iterable[Any]:
        """No more input."""
        yield self.protocol.end()


def seen(protocol: StreamProtocol, content: str, response: Any) -> list[Gesture | GestureEvent]:
    """The result or the event in an answer."""
    if content == "event" and protocol.is_new(response.event.answer_number):
        return [_event(response.event)]
    if content == "result" and protocol.is_new(response.result.answer_number):
        return [_gesture(response.result)]
    return []


def complete(protocol: StreamProtocol, content: str, response: Any) -> list[Gesture]:
    """The gesture that an answer completes."""
    return [each for each in seen(protocol, content, response) if isinstance(each, Gesture) and each.is_final]


def _gesture(message: gesture_pb2.GestureResult) -> Gesture:
    return Gesture(
        label=message.label,
        probabilities={each.label: each.probability for each in message.class_probabilities},
        start_frame=message.start_frame,
        frame_count=message.frame_count,
        is_final=message.is_final,
        sequence_number=message.sequence_number,
    )


def _event(message: gesture_pb2.GestureEvent) -> GestureEvent:
    onset = message.kind == gesture_pb2.GESTURE_EVENT_KIND_ONSET
    seconds = message.offset.ToNanoseconds() / 1e9
    return GestureEvent("onset" if onset else "offset", message.frame, seconds, message.label, message.probability)
