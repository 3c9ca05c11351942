import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from hiddenstate.v1 import classification_pb2 as _classification_pb2
from hiddenstate.v1 import session_pb2 as _session_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GestureEventKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GESTURE_EVENT_KIND_UNSPECIFIED: _ClassVar[GestureEventKind]
    GESTURE_EVENT_KIND_ONSET: _ClassVar[GestureEventKind]
    GESTURE_EVENT_KIND_OFFSET: _ClassVar[GestureEventKind]
GESTURE_EVENT_KIND_UNSPECIFIED: GestureEventKind
GESTURE_EVENT_KIND_ONSET: GestureEventKind
GESTURE_EVENT_KIND_OFFSET: GestureEventKind

class RecognizeGestureRequest(_message.Message):
    __slots__ = ("config", "end", "acknowledgement", "frames", "finish", "sequence_number", "received_answer_number")
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGEMENT_FIELD_NUMBER: _ClassVar[int]
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    FINISH_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_ANSWER_NUMBER_FIELD_NUMBER: _ClassVar[int]
    config: RecognizeGestureConfig
    end: _session_pb2.End
    acknowledgement: _session_pb2.Acknowledgement
    frames: Frames
    finish: _session_pb2.Finish
    sequence_number: int
    received_answer_number: int
    def __init__(self, config: _Optional[_Union[RecognizeGestureConfig, _Mapping]] = ..., end: _Optional[_Union[_session_pb2.End, _Mapping]] = ..., acknowledgement: _Optional[_Union[_session_pb2.Acknowledgement, _Mapping]] = ..., frames: _Optional[_Union[Frames, _Mapping]] = ..., finish: _Optional[_Union[_session_pb2.Finish, _Mapping]] = ..., sequence_number: _Optional[int] = ..., received_answer_number: _Optional[int] = ...) -> None: ...

class RecognizeGestureResponse(_message.Message):
    __slots__ = ("opened", "receipt", "move", "result", "event", "durable_sequence_number")
    OPENED_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    MOVE_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    DURABLE_SEQUENCE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    opened: _session_pb2.Opened
    receipt: _session_pb2.Receipt
    move: _session_pb2.Move
    result: GestureResult
    event: GestureEvent
    durable_sequence_number: int
    def __init__(self, opened: _Optional[_Union[_session_pb2.Opened, _Mapping]] = ..., receipt: _Optional[_Union[_session_pb2.Receipt, _Mapping]] = ..., move: _Optional[_Union[_session_pb2.Move, _Mapping]] = ..., result: _Optional[_Union[GestureResult, _Mapping]] = ..., event: _Optional[_Union[GestureEvent, _Mapping]] = ..., durable_sequence_number: _Optional[int] = ...) -> None: ...

class RecognizeGestureConfig(_message.Message):
    __slots__ = ("session", "frame_rate_hertz", "interim_results", "detect_events", "threshold", "class_count")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    FRAME_RATE_HERTZ_FIELD_NUMBER: _ClassVar[int]
    INTERIM_RESULTS_FIELD_NUMBER: _ClassVar[int]
    DETECT_EVENTS_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    CLASS_COUNT_FIELD_NUMBER: _ClassVar[int]
    session: _session_pb2.SessionConfig
    frame_rate_hertz: float
    interim_results: bool
    detect_events: bool
    threshold: float
    class_count: int
    def __init__(self, session: _Optional[_Union[_session_pb2.SessionConfig, _Mapping]] = ..., frame_rate_hertz: _Optional[float] = ..., interim_results: _Optional[bool] = ..., detect_events: _Optional[bool] = ..., threshold: _Optional[float] = ..., class_count: _Optional[int] = ...) -> None: ...

class Frames(_message.Message):
    __slots__ = ("values",)
    VALUES_FIELD_NUMBER: _ClassVar[int]
    values: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, values: _Optional[_Iterable[float]] = ...) -> None: ...

class GestureResult(_message.Message):
    __slots__ = ("answer_number", "sequence_number", "is_final", "label", "class_probabilities", "start_frame", "frame_count")
    ANSWER_NUMBER_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    IS_FINAL_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    CLASS_PROBABILITIES_FIELD_NUMBER: _ClassVar[int]
    START_FRAME_FIELD_NUMBER: _ClassVar[int]
    FRAME_COUNT_FIELD_NUMBER: _ClassVar[int]
    answer_number: int
    sequence_number: int
    is_final: bool
    label: str
    class_probabilities: _containers.RepeatedCompositeFieldContainer[_classification_pb2.ClassProbability]
    start_frame: int
    frame_count: int
    def __init__(self, answer_number: _Optional[int] = ..., sequence_number: _Optional[int] = ..., is_final: _Optional[bool] = ..., label: _Optional[str] = ..., class_probabilities: _Optional[_Iterable[_Union[_classification_pb2.ClassProbability, _Mapping]]] = ..., start_frame: _Optional[int] = ..., frame_count: _Optional[int] = ...) -> None: ...

class GestureEvent(_message.Message):
    __slots__ = ("answer_number", "sequence_number", "kind", "frame", "offset", "label", "probability")
    ANSWER_NUMBER_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    FRAME_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    answer_number: int
    sequence_number: int
    kind: GestureEventKind
    frame: int
    offset: _duration_pb2.Duration
    label: str
    probability: float
    def __init__(self, answer_number: _Optional[int] = ..., sequence_number: _Optional[int] = ..., kind: _Optional[_Union[GestureEventKind, str]] = ..., frame: _Optional[int] = ..., offset: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., label: _Optional[str] = ..., probability: _Optional[float] = ...) -> None: ...
