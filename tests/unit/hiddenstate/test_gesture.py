"""What a client says and understands of gestures."""

import numpy as np
import pytest

from hiddenstate.protocol import StreamProtocol
from hiddenstate.tasks.gesture import (
    MAX_PIECE_VALUES,
    RECOGNIZE_GESTURE,
    Gesture,
    GestureEvent,
    GestureScript,
    complete,
    seen,
)
from hiddenstate.v1 import classification_pb2, gesture_pb2


def script(whole=False, **options):
    return GestureScript(StreamProtocol.of(RECOGNIZE_GESTURE, options), options, whole)


def test_options_travel_in_the_config():
    said = script(model="m", frame_rate=30.0, detect_events=True, threshold=0.5, classes=3).begin().config
    assert (said.session.model, said.frame_rate_hertz, said.detect_events) == ("m", 30.0, True)
    assert (said.threshold, said.class_count, said.HasField("interim_results")) == (0.5, 3, False)
    assert not script(whole=True).begin().config.interim_results


def test_a_frame_or_several_are_one_message_and_a_whole_gesture_is_finished():
    (one,) = script().piece([1.0, float("nan")])
    assert one.frames.values[0] == 1.0
    assert np.isnan(one.frames.values[1])
    several, finish = script(whole=True).piece(np.ones((3, 2)))
    assert len(several.frames.values) == 6
    assert finish.WhichOneof("content") == "finish"


def test_a_long_recording_is_sent_in_whole_frames():
    pieces = list(script().piece(np.zeros((MAX_PIECE_VALUES, 3), np.float32)))
    assert len(pieces) == 4
    assert all(len(piece.frames.values) % 3 == 0 for piece in pieces)


def response(**content):
    return gesture_pb2.RecognizeGestureResponse(**content)


def result(number, label="a"):
    odds = [classification_pb2.ClassProbability(label="a", probability=0.75)]
    return gesture_pb2.GestureResult(
        answer_number=number,
        sequence_number=2,
        is_final=number > 0,
        label=label,
        class_probabilities=odds,
        start_frame=4,
        frame_count=6,
    )


def test_results_and_events_are_read_once():
    protocol = script().protocol
    (running,) = seen(protocol, "result", response(result=result(0)))
    assert running == Gesture("a", {"a": 0.75}, 4, 6, False, 2)
    assert running.probability == 0.75
    offset = gesture_pb2.GestureEvent(answer_number=1, kind=2, frame=10, label="a", probability=0.5)
    offset.offset.FromMilliseconds(400)
    assert seen(protocol, "event", response(event=offset)) == [GestureEvent("offset", 10, 0.4, "a", 0.5)]
    assert seen(protocol, "event", response(event=offset)) == []
    assert complete(protocol, "result", response(result=result(0))) == []
    assert [each.label for each in complete(protocol, "result", response(result=result(2)))] == ["a"]
    assert seen(protocol, "receipt", response()) == []


@pytest.mark.parametrize("number", [0, 1])
def test_a_label_without_probability_has_none(number):
    (found,) = seen(script().protocol, "result", response(result=result(number, label="z")))
    assert found.probability == 0.0
