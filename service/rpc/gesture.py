"""Gestures on the wire."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from hiddenstate.v1 import gesture_pb2, session_pb2
from service.bundle import Manifest
from service.tasks.task import Answer, Finish
from service.tasks.watching import Frames, GestureEvent, GestureOptions, Recognized


class GestureCodec:
    """Reads frames, writes results and events."""

    task = "gesture"
    request_type = gesture_pb2.RecognizeGestureRequest

    def options(self, config: gesture_pb2.RecognizeGestureConfig) -> GestureOptions:
        """The options as they are; running results unless the client says no."""
        return GestureOptions(
            frame_rate=config.frame_rate_hertz,
            interim=config.interim_results if config.HasField("interim_results") else True,
            detect=config.detect_events,
            threshold=config.threshold,
            class_count=config.class_count,
        )

    def payload(self, request: gesture_pb2.RecognizeGestureRequest, manifest: Manifest) -> Frames | Finish:
        """Frames, or the end of a gesture."""
        if request.WhichOneof("content") == "finish":
            return Finish()
        return Frames(np.array(request.frames.values, np.float32))

    def opened(self, opened: session_pb2.Opened, options: GestureOptions) -> Any:
        """The first response."""
        return gesture_pb2.RecognizeGestureResponse(opened=opened)

    def responses(self, answers: Sequence[Answer]) -> Iterator[gesture_pb2.RecognizeGestureResponse]:
        """One response for each result and each event."""
        for number, sequence_number, item in answers:
            response = gesture_pb2.RecognizeGestureResponse()
            if isinstance(item, GestureEvent):
                _write_event(response.event, number, sequence_number, item)
            else:
                _write_result(response.result, number, sequence_number, item)
            yield response


def _write_event(message: gesture_pb2.GestureEvent, number: int, sequence_number: int, event: GestureEvent) -> None:
    message.answer_number = number
    message.sequence_number = sequence_number
    message.kind = gesture_pb2.GESTURE_EVENT_KIND_ONSET if event.begins else gesture_pb2.GESTURE_EVENT_KIND_OFFSET
    message.frame = event.frame
    message.offset.FromNanoseconds(round(event.seconds * 1e9))
    message.label = event.label
    message.probability = event.probability


def _write_result(message: gesture_pb2.GestureResult, number: int, sequence_number: int, result: Recognized) -> None:
    message.answer_number = number
    message.sequence_number = sequence_number
    message.is_final = result.final
    message.label = result.ranked[0][0]
    for label, probability in result.ranked:
        message.class_probabilities.add(label=label, probability=probability)
    message.start_frame = result.start_frame
    message.frame_count = result.frame_count
