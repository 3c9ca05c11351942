from hiddenstate.v1 import session_pb2 as _session_pb2
from hiddenstate.v1 import token_pb2 as _token_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TranslateRequest(_message.Message):
    __slots__ = ("config", "end", "acknowledgement", "text", "finish", "sequence_number", "received_answer_number")
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGEMENT_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    FINISH_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_ANSWER_NUMBER_FIELD_NUMBER: _ClassVar[int]
    config: TranslateConfig
    end: _session_pb2.End
    acknowledgement: _session_pb2.Acknowledgement
    text: SourceText
    finish: _session_pb2.Finish
    sequence_number: int
    received_answer_number: int
    def __init__(self, config: _Optional[_Union[TranslateConfig, _Mapping]] = ..., end: _Optional[_Union[_session_pb2.End, _Mapping]] = ..., acknowledgement: _Optional[_Union[_session_pb2.Acknowledgement, _Mapping]] = ..., text: _Optional[_Union[SourceText, _Mapping]] = ..., finish: _Optional[_Union[_session_pb2.Finish, _Mapping]] = ..., sequence_number: _Optional[int] = ..., received_answer_number: _Optional[int] = ...) -> None: ...

class TranslateResponse(_message.Message):
    __slots__ = ("opened", "receipt", "move", "tokens", "translation", "durable_sequence_number")
    OPENED_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    MOVE_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    TRANSLATION_FIELD_NUMBER: _ClassVar[int]
    DURABLE_SEQUENCE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    opened: _session_pb2.Opened
    receipt: _session_pb2.Receipt
    move: _session_pb2.Move
    tokens: _token_pb2.Tokens
    translation: Translation
    durable_sequence_number: int
    def __init__(self, opened: _Optional[_Union[_session_pb2.Opened, _Mapping]] = ..., receipt: _Optional[_Union[_session_pb2.Receipt, _Mapping]] = ..., move: _Optional[_Union[_session_pb2.Move, _Mapping]] = ..., tokens: _Optional[_Union[_token_pb2.Tokens, _Mapping]] = ..., translation: _Optional[_Union[Translation, _Mapping]] = ..., durable_sequence_number: _Optional[int] = ...) -> None: ...

class TranslateConfig(_message.Message):
    __slots__ = ("session", "source_language_code", "target_language_code", "options")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    SOURCE_LANGUAGE_CODE_FIELD_NUMBER: _ClassVar[int]
    TARGET_LANGUAGE_CODE_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    session: _session_pb2.SessionConfig
    source_language_code: str
    target_language_code: str
    options: TranslateOptions
    def __init__(self, session: _Optional[_Union[_session_pb2.SessionConfig, _Mapping]] = ..., source_language_code: _Optional[str] = ..., target_language_code: _Optional[str] = ..., options: _Optional[_Union[TranslateOptions, _Mapping]] = ...) -> None: ...

class TranslateOptions(_message.Message):
    __slots__ = ("beam_count", "hypothesis_count", "length_penalty", "max_token_count", "attention", "log_probabilities", "alternative_count")
    BEAM_COUNT_FIELD_NUMBER: _ClassVar[int]
    HYPOTHESIS_COUNT_FIELD_NUMBER: _ClassVar[int]
    LENGTH_PENALTY_FIELD_NUMBER: _ClassVar[int]
    MAX_TOKEN_COUNT_FIELD_NUMBER: _ClassVar[int]
    ATTENTION_FIELD_NUMBER: _ClassVar[int]
    LOG_PROBABILITIES_FIELD_NUMBER: _ClassVar[int]
    ALTERNATIVE_COUNT_FIELD_NUMBER: _ClassVar[int]
    beam_count: int
    hypothesis_count: int
    length_penalty: float
    max_token_count: int
    attention: bool
    log_probabilities: bool
    alternative_count: int
    def __init__(self, beam_count: _Optional[int] = ..., hypothesis_count: _Optional[int] = ..., length_penalty: _Optional[float] = ..., max_token_count: _Optional[int] = ..., attention: _Optional[bool] = ..., log_probabilities: _Optional[bool] = ..., alternative_count: _Optional[int] = ...) -> None: ...

class SourceText(_message.Message):
    __slots__ = ("text",)
    TEXT_FIELD_NUMBER: _ClassVar[int]
    text: str
    def __init__(self, text: _Optional[str] = ...) -> None: ...

class Translation(_message.Message):
    __slots__ = ("answer_number", "sequence_number", "hypotheses", "source_tokens")
    ANSWER_NUMBER_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    HYPOTHESES_FIELD_NUMBER: _ClassVar[int]
    SOURCE_TOKENS_FIELD_NUMBER: _ClassVar[int]
    answer_number: int
    sequence_number: int
    hypotheses: _containers.RepeatedCompositeFieldContainer[Hypothesis]
    source_tokens: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, answer_number: _Optional[int] = ..., sequence_number: _Optional[int] = ..., hypotheses: _Optional[_Iterable[_Union[Hypothesis, _Mapping]]] = ..., source_tokens: _Optional[_Iterable[str]] = ...) -> None: ...

class Hypothesis(_message.Message):
    __slots__ = ("text", "score", "target_tokens", "attention", "stop_reason")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    TARGET_TOKENS_FIELD_NUMBER: _ClassVar[int]
    ATTENTION_FIELD_NUMBER: _ClassVar[int]
    STOP_REASON_FIELD_NUMBER: _ClassVar[int]
    text: str
    score: float
    target_tokens: _containers.RepeatedScalarFieldContainer[str]
    attention: _containers.RepeatedCompositeFieldContainer[AttentionRow]
    stop_reason: _token_pb2.StopReason
    def __init__(self, text: _Optional[str] = ..., score: _Optional[float] = ..., target_tokens: _Optional[_Iterable[str]] = ..., attention: _Optional[_Iterable[_Union[AttentionRow, _Mapping]]] = ..., stop_reason: _Optional[_Union[_token_pb2.StopReason, str]] = ...) -> None: ...

class AttentionRow(_message.Message):
    __slots__ = ("weights",)
    WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    weights: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, weights: _Optional[_Iterable[float]] = ...) -> None: ...
