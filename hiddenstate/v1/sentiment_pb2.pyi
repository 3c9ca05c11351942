from hiddenstate.v1 import classification_pb2 as _classification_pb2
from hiddenstate.v1 import explanation_pb2 as _explanation_pb2
from hiddenstate.v1 import session_pb2 as _session_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AnalyzeSentimentRequest(_message.Message):
    __slots__ = ("config", "end", "acknowledgement", "text", "finish", "sequence_number", "received_answer_number")
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGEMENT_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    FINISH_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_ANSWER_NUMBER_FIELD_NUMBER: _ClassVar[int]
    config: AnalyzeSentimentConfig
    end: _session_pb2.End
    acknowledgement: _session_pb2.Acknowledgement
    text: SentimentText
    finish: _session_pb2.Finish
    sequence_number: int
    received_answer_number: int
    def __init__(self, config: _Optional[_Union[AnalyzeSentimentConfig, _Mapping]] = ..., end: _Optional[_Union[_session_pb2.End, _Mapping]] = ..., acknowledgement: _Optional[_Union[_session_pb2.Acknowledgement, _Mapping]] = ..., text: _Optional[_Union[SentimentText, _Mapping]] = ..., finish: _Optional[_Union[_session_pb2.Finish, _Mapping]] = ..., sequence_number: _Optional[int] = ..., received_answer_number: _Optional[int] = ...) -> None: ...

class AnalyzeSentimentResponse(_message.Message):
    __slots__ = ("opened", "receipt", "move", "result", "explanation", "durable_sequence_number")
    OPENED_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    MOVE_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    EXPLANATION_FIELD_NUMBER: _ClassVar[int]
    DURABLE_SEQUENCE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    opened: _session_pb2.Opened
    receipt: _session_pb2.Receipt
    move: _session_pb2.Move
    result: SentimentResult
    explanation: _explanation_pb2.Explanation
    durable_sequence_number: int
    def __init__(self, opened: _Optional[_Union[_session_pb2.Opened, _Mapping]] = ..., receipt: _Optional[_Union[_session_pb2.Receipt, _Mapping]] = ..., move: _Optional[_Union[_session_pb2.Move, _Mapping]] = ..., result: _Optional[_Union[SentimentResult, _Mapping]] = ..., explanation: _Optional[_Union[_explanation_pb2.Explanation, _Mapping]] = ..., durable_sequence_number: _Optional[int] = ...) -> None: ...

class AnalyzeSentimentConfig(_message.Message):
    __slots__ = ("session", "interim_results", "explain")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    INTERIM_RESULTS_FIELD_NUMBER: _ClassVar[int]
    EXPLAIN_FIELD_NUMBER: _ClassVar[int]
    session: _session_pb2.SessionConfig
    interim_results: bool
    explain: bool
    def __init__(self, session: _Optional[_Union[_session_pb2.SessionConfig, _Mapping]] = ..., interim_results: _Optional[bool] = ..., explain: _Optional[bool] = ...) -> None: ...

class SentimentText(_message.Message):
    __slots__ = ("text",)
    TEXT_FIELD_NUMBER: _ClassVar[int]
    text: str
    def __init__(self, text: _Optional[str] = ...) -> None: ...

class SentimentResult(_message.Message):
    __slots__ = ("answer_number", "sequence_number", "is_final", "score", "label", "class_probabilities", "token_count")
    ANSWER_NUMBER_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    IS_FINAL_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    CLASS_PROBABILITIES_FIELD_NUMBER: _ClassVar[int]
    TOKEN_COUNT_FIELD_NUMBER: _ClassVar[int]
    answer_number: int
    sequence_number: int
    is_final: bool
    score: float
    label: str
    class_probabilities: _containers.RepeatedCompositeFieldContainer[_classification_pb2.ClassProbability]
    token_count: int
    def __init__(self, answer_number: _Optional[int] = ..., sequence_number: _Optional[int] = ..., is_final: _Optional[bool] = ..., score: _Optional[float] = ..., label: _Optional[str] = ..., class_probabilities: _Optional[_Iterable[_Union[_classification_pb2.ClassProbability, _Mapping]]] = ..., token_count: _Optional[int] = ...) -> None: ...
