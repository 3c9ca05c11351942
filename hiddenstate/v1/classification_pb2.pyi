from hiddenstate.v1 import session_pb2 as _session_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ClassifyRequest(_message.Message):
    __slots__ = ("config", "end", "acknowledgement", "examples", "sequence_number", "received_answer_number")
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGEMENT_FIELD_NUMBER: _ClassVar[int]
    EXAMPLES_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_ANSWER_NUMBER_FIELD_NUMBER: _ClassVar[int]
    config: ClassifyConfig
    end: _session_pb2.End
    acknowledgement: _session_pb2.Acknowledgement
    examples: Examples
    sequence_number: int
    received_answer_number: int
    def __init__(self, config: _Optional[_Union[ClassifyConfig, _Mapping]] = ..., end: _Optional[_Union[_session_pb2.End, _Mapping]] = ..., acknowledgement: _Optional[_Union[_session_pb2.Acknowledgement, _Mapping]] = ..., examples: _Optional[_Union[Examples, _Mapping]] = ..., sequence_number: _Optional[int] = ..., received_answer_number: _Optional[int] = ...) -> None: ...

class ClassifyResponse(_message.Message):
    __slots__ = ("opened", "receipt", "move", "classifications", "durable_sequence_number")
    OPENED_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    MOVE_FIELD_NUMBER: _ClassVar[int]
    CLASSIFICATIONS_FIELD_NUMBER: _ClassVar[int]
    DURABLE_SEQUENCE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    opened: _session_pb2.Opened
    receipt: _session_pb2.Receipt
    move: _session_pb2.Move
    classifications: Classifications
    durable_sequence_number: int
    def __init__(self, opened: _Optional[_Union[_session_pb2.Opened, _Mapping]] = ..., receipt: _Optional[_Union[_session_pb2.Receipt, _Mapping]] = ..., move: _Optional[_Union[_session_pb2.Move, _Mapping]] = ..., classifications: _Optional[_Union[Classifications, _Mapping]] = ..., durable_sequence_number: _Optional[int] = ...) -> None: ...

class ClassifyConfig(_message.Message):
    __slots__ = ("session", "class_count")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    CLASS_COUNT_FIELD_NUMBER: _ClassVar[int]
    session: _session_pb2.SessionConfig
    class_count: int
    def __init__(self, session: _Optional[_Union[_session_pb2.SessionConfig, _Mapping]] = ..., class_count: _Optional[int] = ...) -> None: ...

class Examples(_message.Message):
    __slots__ = ("features",)
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    features: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, features: _Optional[_Iterable[float]] = ...) -> None: ...

class Classifications(_message.Message):
    __slots__ = ("sequence_number", "classifications")
    SEQUENCE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    CLASSIFICATIONS_FIELD_NUMBER: _ClassVar[int]
    sequence_number: int
    classifications: _containers.RepeatedCompositeFieldContainer[Classification]
    def __init__(self, sequence_number: _Optional[int] = ..., classifications: _Optional[_Iterable[_Union[Classification, _Mapping]]] = ...) -> None: ...

class Classification(_message.Message):
    __slots__ = ("answer_number", "label", "class_probabilities")
    ANSWER_NUMBER_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    CLASS_PROBABILITIES_FIELD_NUMBER: _ClassVar[int]
    answer_number: int
    label: str
    class_probabilities: _containers.RepeatedCompositeFieldContainer[ClassProbability]
    def __init__(self, answer_number: _Optional[int] = ..., label: _Optional[str] = ..., class_probabilities: _Optional[_Iterable[_Union[ClassProbability, _Mapping]]] = ...) -> None: ...

class ClassProbability(_message.Message):
    __slots__ = ("label", "probability")
    LABEL_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    label: str
    probability: float
    def __init__(self, label: _Optional[str] = ..., probability: _Optional[float] = ...) -> None: ...
