from hiddenstate.v1 import session_pb2 as _session_pb2
from hiddenstate.v1 import token_pb2 as _token_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MusicalMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MUSICAL_MODE_UNSPECIFIED: _ClassVar[MusicalMode]
    MUSICAL_MODE_MAJOR: _ClassVar[MusicalMode]
    MUSICAL_MODE_MINOR: _ClassVar[MusicalMode]
MUSICAL_MODE_UNSPECIFIED: MusicalMode
MUSICAL_MODE_MAJOR: MusicalMode
MUSICAL_MODE_MINOR: MusicalMode

class ComposeMusicRequest(_message.Message):
    __slots__ = ("config", "end", "acknowledgement", "prime", "melody", "compose", "sequence_number", "received_answer_number")
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGEMENT_FIELD_NUMBER: _ClassVar[int]
    PRIME_FIELD_NUMBER: _ClassVar[int]
    MELODY_FIELD_NUMBER: _ClassVar[int]
    COMPOSE_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_ANSWER_NUMBER_FIELD_NUMBER: _ClassVar[int]
    config: ComposeMusicConfig
    end: _session_pb2.End
    acknowledgement: _session_pb2.Acknowledgement
    prime: Notes
    melody: Notes
    compose: Compose
    sequence_number: int
    received_answer_number: int
    def __init__(self, config: _Optional[_Union[ComposeMusicConfig, _Mapping]] = ..., end: _Optional[_Union[_session_pb2.End, _Mapping]] = ..., acknowledgement: _Optional[_Union[_session_pb2.Acknowledgement, _Mapping]] = ..., prime: _Optional[_Union[Notes, _Mapping]] = ..., melody: _Optional[_Union[Notes, _Mapping]] = ..., compose: _Optional[_Union[Compose, _Mapping]] = ..., sequence_number: _Optional[int] = ..., received_answer_number: _Optional[int] = ...) -> None: ...

class ComposeMusicResponse(_message.Message):
    __slots__ = ("opened", "receipt", "move", "notes", "composition", "durable_sequence_number")
    OPENED_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    MOVE_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    COMPOSITION_FIELD_NUMBER: _ClassVar[int]
    DURABLE_SEQUENCE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    opened: _session_pb2.Opened
    receipt: _session_pb2.Receipt
    move: _session_pb2.Move
    notes: ComposedNotes
    composition: Composition
    durable_sequence_number: int
    def __init__(self, opened: _Optional[_Union[_session_pb2.Opened, _Mapping]] = ..., receipt: _Optional[_Union[_session_pb2.Receipt, _Mapping]] = ..., move: _Optional[_Union[_session_pb2.Move, _Mapping]] = ..., notes: _Optional[_Union[ComposedNotes, _Mapping]] = ..., composition: _Optional[_Union[Composition, _Mapping]] = ..., durable_sequence_number: _Optional[int] = ...) -> None: ...

class ComposeMusicConfig(_message.Message):
    __slots__ = ("session", "options", "seed", "key", "tempo")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    TEMPO_FIELD_NUMBER: _ClassVar[int]
    session: _session_pb2.SessionConfig
    options: ComposeMusicOptions
    seed: int
    key: MusicalKey
    tempo: float
    def __init__(self, session: _Optional[_Union[_session_pb2.SessionConfig, _Mapping]] = ..., options: _Optional[_Union[ComposeMusicOptions, _Mapping]] = ..., seed: _Optional[int] = ..., key: _Optional[_Union[MusicalKey, _Mapping]] = ..., tempo: _Optional[float] = ...) -> None: ...

class ComposeMusicOptions(_message.Message):
    __slots__ = ("quarter_count", "temperature", "top_k", "top_p", "log_probabilities")
    QUARTER_COUNT_FIELD_NUMBER: _ClassVar[int]
    TEMPERATURE_FIELD_NUMBER: _ClassVar[int]
    TOP_K_FIELD_NUMBER: _ClassVar[int]
    TOP_P_FIELD_NUMBER: _ClassVar[int]
    LOG_PROBABILITIES_FIELD_NUMBER: _ClassVar[int]
    quarter_count: float
    temperature: float
    top_k: int
    top_p: float
    log_probabilities: bool
    def __init__(self, quarter_count: _Optional[float] = ..., temperature: _Optional[float] = ..., top_k: _Optional[int] = ..., top_p: _Optional[float] = ..., log_probabilities: _Optional[bool] = ...) -> None: ...

class MusicalKey(_message.Message):
    __slots__ = ("tonic", "mode")
    TONIC_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    tonic: int
    mode: MusicalMode
    def __init__(self, tonic: _Optional[int] = ..., mode: _Optional[_Union[MusicalMode, str]] = ...) -> None: ...

class Notes(_message.Message):
    __slots__ = ("notes",)
    NOTES_FIELD_NUMBER: _ClassVar[int]
    notes: _containers.RepeatedCompositeFieldContainer[Note]
    def __init__(self, notes: _Optional[_Iterable[_Union[Note, _Mapping]]] = ...) -> None: ...

class Note(_message.Message):
    __slots__ = ("voice", "pitch", "start_quarter", "quarter_count", "velocity")
    VOICE_FIELD_NUMBER: _ClassVar[int]
    PITCH_FIELD_NUMBER: _ClassVar[int]
    START_QUARTER_FIELD_NUMBER: _ClassVar[int]
    QUARTER_COUNT_FIELD_NUMBER: _ClassVar[int]
    VELOCITY_FIELD_NUMBER: _ClassVar[int]
    voice: int
    pitch: int
    start_quarter: float
    quarter_count: float
    velocity: int
    def __init__(self, voice: _Optional[int] = ..., pitch: _Optional[int] = ..., start_quarter: _Optional[float] = ..., quarter_count: _Optional[float] = ..., velocity: _Optional[int] = ...) -> None: ...

class Compose(_message.Message):
    __slots__ = ("options", "tempo")
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    TEMPO_FIELD_NUMBER: _ClassVar[int]
    options: ComposeMusicOptions
    tempo: float
    def __init__(self, options: _Optional[_Union[ComposeMusicOptions, _Mapping]] = ..., tempo: _Optional[float] = ...) -> None: ...

class ComposedNotes(_message.Message):
    __slots__ = ("sequence_number", "notes")
    SEQUENCE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    sequence_number: int
    notes: _containers.RepeatedCompositeFieldContainer[ComposedNote]
    def __init__(self, sequence_number: _Optional[int] = ..., notes: _Optional[_Iterable[_Union[ComposedNote, _Mapping]]] = ...) -> None: ...

class ComposedNote(_message.Message):
    __slots__ = ("answer_number", "note", "log_probability")
    ANSWER_NUMBER_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    LOG_PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    answer_number: int
    note: Note
    log_probability: float
    def __init__(self, answer_number: _Optional[int] = ..., note: _Optional[_Union[Note, _Mapping]] = ..., log_probability: _Optional[float] = ...) -> None: ...

class Composition(_message.Message):
    __slots__ = ("answer_number", "sequence_number", "stop_reason", "note_count", "end_quarter", "seed", "tempo")
    ANSWER_NUMBER_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    STOP_REASON_FIELD_NUMBER: _ClassVar[int]
    NOTE_COUNT_FIELD_NUMBER: _ClassVar[int]
    END_QUARTER_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    TEMPO_FIELD_NUMBER: _ClassVar[int]
    answer_number: int
    sequence_number: int
    stop_reason: _token_pb2.StopReason
    note_count: int
    end_quarter: float
    seed: int
    tempo: float
    def __init__(self, answer_number: _Optional[int] = ..., sequence_number: _Optional[int] = ..., stop_reason: _Optional[_Union[_token_pb2.StopReason, str]] = ..., note_count: _Optional[int] = ..., end_quarter: _Optional[float] = ..., seed: _Optional[int] = ..., tempo: _Optional[float] = ...) -> None: ...
