from hiddenstate.v1 import explanation_pb2 as _explanation_pb2
from hiddenstate.v1 import session_pb2 as _session_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TagTokensRequest(_message.Message):
    __slots__ = ("config", "end", "acknowledgement", "words", "finish", "sequence_number", "received_answer_number")
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGEMENT_FIELD_NUMBER: _ClassVar[int]
    WORDS_FIELD_NUMBER: _ClassVar[int]
    FINISH_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_ANSWER_NUMBER_FIELD_NUMBER: _ClassVar[int]
    config: TagTokensConfig
    end: _session_pb2.End
    acknowledgement: _session_pb2.Acknowledgement
    words: Words
    finish: _session_pb2.Finish
    sequence_number: int
    received_answer_number: int
    def __init__(self, config: _Optional[_Union[TagTokensConfig, _Mapping]] = ..., end: _Optional[_Union[_session_pb2.End, _Mapping]] = ..., acknowledgement: _Optional[_Union[_session_pb2.Acknowledgement, _Mapping]] = ..., words: _Optional[_Union[Words, _Mapping]] = ..., finish: _Optional[_Union[_session_pb2.Finish, _Mapping]] = ..., sequence_number: _Optional[int] = ..., received_answer_number: _Optional[int] = ...) -> None: ...

class TagTokensResponse(_message.Message):
    __slots__ = ("opened", "receipt", "move", "tags", "sentence", "explanation", "durable_sequence_number")
    OPENED_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    MOVE_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    SENTENCE_FIELD_NUMBER: _ClassVar[int]
    EXPLANATION_FIELD_NUMBER: _ClassVar[int]
    DURABLE_SEQUENCE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    opened: _session_pb2.Opened
    receipt: _session_pb2.Receipt
    move: _session_pb2.Move
    tags: Tags
    sentence: TaggedSentence
    explanation: _explanation_pb2.Explanation
    durable_sequence_number: int
    def __init__(self, opened: _Optional[_Union[_session_pb2.Opened, _Mapping]] = ..., receipt: _Optional[_Union[_session_pb2.Receipt, _Mapping]] = ..., move: _Optional[_Union[_session_pb2.Move, _Mapping]] = ..., tags: _Optional[_Union[Tags, _Mapping]] = ..., sentence: _Optional[_Union[TaggedSentence, _Mapping]] = ..., explanation: _Optional[_Union[_explanation_pb2.Explanation, _Mapping]] = ..., durable_sequence_number: _Optional[int] = ...) -> None: ...

class TagTokensConfig(_message.Message):
    __slots__ = ("session", "look_ahead_count", "alternative_count", "explain")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    LOOK_AHEAD_COUNT_FIELD_NUMBER: _ClassVar[int]
    ALTERNATIVE_COUNT_FIELD_NUMBER: _ClassVar[int]
    EXPLAIN_FIELD_NUMBER: _ClassVar[int]
    session: _session_pb2.SessionConfig
    look_ahead_count: int
    alternative_count: int
    explain: bool
    def __init__(self, session: _Optional[_Union[_session_pb2.SessionConfig, _Mapping]] = ..., look_ahead_count: _Optional[int] = ..., alternative_count: _Optional[int] = ..., explain: _Optional[bool] = ...) -> None: ...

class Words(_message.Message):
    __slots__ = ("words",)
    WORDS_FIELD_NUMBER: _ClassVar[int]
    words: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, words: _Optional[_Iterable[str]] = ...) -> None: ...

class Tags(_message.Message):
    __slots__ = ("tags",)
    TAGS_FIELD_NUMBER: _ClassVar[int]
    tags: _containers.RepeatedCompositeFieldContainer[Tag]
    def __init__(self, tags: _Optional[_Iterable[_Union[Tag, _Mapping]]] = ...) -> None: ...

class Tag(_message.Message):
    __slots__ = ("answer_number", "sequence_number", "word_number", "word", "label", "probability", "alternatives")
    ANSWER_NUMBER_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    WORD_NUMBER_FIELD_NUMBER: _ClassVar[int]
    WORD_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    ALTERNATIVES_FIELD_NUMBER: _ClassVar[int]
    answer_number: int
    sequence_number: int
    word_number: int
    word: str
    label: str
    probability: float
    alternatives: _containers.RepeatedCompositeFieldContainer[TagAlternative]
    def __init__(self, answer_number: _Optional[int] = ..., sequence_number: _Optional[int] = ..., word_number: _Optional[int] = ..., word: _Optional[str] = ..., label: _Optional[str] = ..., probability: _Optional[float] = ..., alternatives: _Optional[_Iterable[_Union[TagAlternative, _Mapping]]] = ...) -> None: ...

class TagAlternative(_message.Message):
    __slots__ = ("label", "probability")
    LABEL_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    label: str
    probability: float
    def __init__(self, label: _Optional[str] = ..., probability: _Optional[float] = ...) -> None: ...

class TaggedSentence(_message.Message):
    __slots__ = ("answer_number", "sequence_number", "word_count", "entities")
    ANSWER_NUMBER_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    WORD_COUNT_FIELD_NUMBER: _ClassVar[int]
    ENTITIES_FIELD_NUMBER: _ClassVar[int]
    answer_number: int
    sequence_number: int
    word_count: int
    entities: _containers.RepeatedCompositeFieldContainer[EntitySpan]
    def __init__(self, answer_number: _Optional[int] = ..., sequence_number: _Optional[int] = ..., word_count: _Optional[int] = ..., entities: _Optional[_Iterable[_Union[EntitySpan, _Mapping]]] = ...) -> None: ...

class EntitySpan(_message.Message):
    __slots__ = ("label", "start_word", "word_count", "text", "probability")
    LABEL_FIELD_NUMBER: _ClassVar[int]
    START_WORD_FIELD_NUMBER: _ClassVar[int]
    WORD_COUNT_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    label: str
    start_word: int
    word_count: int
    text: str
    probability: float
    def __init__(self, label: _Optional[str] = ..., start_word: _Optional[int] = ..., word_count: _Optional[int] = ..., text: _Optional[str] = ..., probability: _Optional[float] = ...) -> None: ...
