import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from hiddenstate.v1 import model_pb2 as _model_pb2
from hiddenstate.v1 import tensor_pb2 as _tensor_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Durability(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DURABILITY_UNSPECIFIED: _ClassVar[Durability]
    DURABILITY_NONE: _ClassVar[Durability]
    DURABILITY_MEMORY: _ClassVar[Durability]
    DURABILITY_STORED: _ClassVar[Durability]

class Priority(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PRIORITY_UNSPECIFIED: _ClassVar[Priority]
    PRIORITY_LIVE: _ClassVar[Priority]
    PRIORITY_BULK: _ClassVar[Priority]

class SessionState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SESSION_STATE_UNSPECIFIED: _ClassVar[SessionState]
    SESSION_STATE_ATTACHED: _ClassVar[SessionState]
    SESSION_STATE_DETACHED: _ClassVar[SessionState]
    SESSION_STATE_PARKED: _ClassVar[SessionState]
    SESSION_STATE_ENDED: _ClassVar[SessionState]

class MoveReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MOVE_REASON_UNSPECIFIED: _ClassVar[MoveReason]
    MOVE_REASON_DRAIN: _ClassVar[MoveReason]
    MOVE_REASON_CONNECTION_AGE: _ClassVar[MoveReason]
DURABILITY_UNSPECIFIED: Durability
DURABILITY_NONE: Durability
DURABILITY_MEMORY: Durability
DURABILITY_STORED: Durability
PRIORITY_UNSPECIFIED: Priority
PRIORITY_LIVE: Priority
PRIORITY_BULK: Priority
SESSION_STATE_UNSPECIFIED: SessionState
SESSION_STATE_ATTACHED: SessionState
SESSION_STATE_DETACHED: SessionState
SESSION_STATE_PARKED: SessionState
SESSION_STATE_ENDED: SessionState
MOVE_REASON_UNSPECIFIED: MoveReason
MOVE_REASON_DRAIN: MoveReason
MOVE_REASON_CONNECTION_AGE: MoveReason

class SessionConfig(_message.Message):
    __slots__ = ("model", "version", "label", "session_id", "resume_token", "received_answer_number", "durability", "cadence_duration", "priority", "idle_timeout", "initial_state")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_ANSWER_NUMBER_FIELD_NUMBER: _ClassVar[int]
    DURABILITY_FIELD_NUMBER: _ClassVar[int]
    CADENCE_DURATION_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    IDLE_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    INITIAL_STATE_FIELD_NUMBER: _ClassVar[int]
    model: str
    version: int
    label: str
    session_id: str
    resume_token: str
    received_answer_number: int
    durability: Durability
    cadence_duration: _duration_pb2.Duration
    priority: Priority
    idle_timeout: _duration_pb2.Duration
    initial_state: _containers.RepeatedCompositeFieldContainer[_tensor_pb2.Tensor]
    def __init__(self, model: _Optional[str] = ..., version: _Optional[int] = ..., label: _Optional[str] = ..., session_id: _Optional[str] = ..., resume_token: _Optional[str] = ..., received_answer_number: _Optional[int] = ..., durability: _Optional[_Union[Durability, str]] = ..., cadence_duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., priority: _Optional[_Union[Priority, str]] = ..., idle_timeout: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., initial_state: _Optional[_Iterable[_Union[_tensor_pb2.Tensor, _Mapping]]] = ...) -> None: ...

class Opened(_message.Message):
    __slots__ = ("session_id", "resume_token", "model", "version", "next_sequence_number", "next_answer_number", "branch_number", "durability", "idle_timeout", "variant", "kernels_changed", "seed")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    NEXT_SEQUENCE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    NEXT_ANSWER_NUMBER_FIELD_NUMBER: _ClassVar[int]
    BRANCH_NUMBER_FIELD_NUMBER: _ClassVar[int]
    DURABILITY_FIELD_NUMBER: _ClassVar[int]
    IDLE_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    VARIANT_FIELD_NUMBER: _ClassVar[int]
    KERNELS_CHANGED_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    resume_token: str
    model: str
    version: int
    next_sequence_number: int
    next_answer_number: int
    branch_number: int
    durability: Durability
    idle_timeout: _duration_pb2.Duration
    variant: str
    kernels_changed: bool
    seed: int
    def __init__(self, session_id: _Optional[str] = ..., resume_token: _Optional[str] = ..., model: _Optional[str] = ..., version: _Optional[int] = ..., next_sequence_number: _Optional[int] = ..., next_answer_number: _Optional[int] = ..., branch_number: _Optional[int] = ..., durability: _Optional[_Union[Durability, str]] = ..., idle_timeout: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., variant: _Optional[str] = ..., kernels_changed: _Optional[bool] = ..., seed: _Optional[int] = ...) -> None: ...

class End(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Finish(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Acknowledgement(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Receipt(_message.Message):
    __slots__ = ("accepted_sequence_number",)
    ACCEPTED_SEQUENCE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    accepted_sequence_number: int
    def __init__(self, accepted_sequence_number: _Optional[int] = ...) -> None: ...

class Move(_message.Message):
    __slots__ = ("resume_token", "reason", "grace_duration")
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    GRACE_DURATION_FIELD_NUMBER: _ClassVar[int]
    resume_token: str
    reason: MoveReason
    grace_duration: _duration_pb2.Duration
    def __init__(self, resume_token: _Optional[str] = ..., reason: _Optional[_Union[MoveReason, str]] = ..., grace_duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class Session(_message.Message):
    __slots__ = ("session_id", "model", "version", "task", "state", "branch_number", "step_count", "accepted_sequence_number", "durable_sequence_number", "last_answer_number", "received_answer_number", "durability", "priority", "create_time", "last_step_time", "expire_time", "principal", "byte_count")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    BRANCH_NUMBER_FIELD_NUMBER: _ClassVar[int]
    STEP_COUNT_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_SEQUENCE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    DURABLE_SEQUENCE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    LAST_ANSWER_NUMBER_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_ANSWER_NUMBER_FIELD_NUMBER: _ClassVar[int]
    DURABILITY_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    LAST_STEP_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    BYTE_COUNT_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    model: str
    version: int
    task: _model_pb2.Task
    state: SessionState
    branch_number: int
    step_count: int
    accepted_sequence_number: int
    durable_sequence_number: int
    last_answer_number: int
    received_answer_number: int
    durability: Durability
    priority: Priority
    create_time: _timestamp_pb2.Timestamp
    last_step_time: _timestamp_pb2.Timestamp
    expire_time: _timestamp_pb2.Timestamp
    principal: str
    byte_count: int
    def __init__(self, session_id: _Optional[str] = ..., model: _Optional[str] = ..., version: _Optional[int] = ..., task: _Optional[_Union[_model_pb2.Task, str]] = ..., state: _Optional[_Union[SessionState, str]] = ..., branch_number: _Optional[int] = ..., step_count: _Optional[int] = ..., accepted_sequence_number: _Optional[int] = ..., durable_sequence_number: _Optional[int] = ..., last_answer_number: _Optional[int] = ..., received_answer_number: _Optional[int] = ..., durability: _Optional[_Union[Durability, str]] = ..., priority: _Optional[_Union[Priority, str]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_step_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., principal: _Optional[str] = ..., byte_count: _Optional[int] = ...) -> None: ...

class GetSessionRequest(_message.Message):
    __slots__ = ("session_id",)
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    def __init__(self, session_id: _Optional[str] = ...) -> None: ...

class GetSessionResponse(_message.Message):
    __slots__ = ("session",)
    SESSION_FIELD_NUMBER: _ClassVar[int]
    session: Session
    def __init__(self, session: _Optional[_Union[Session, _Mapping]] = ...) -> None: ...

class ListSessionsRequest(_message.Message):
    __slots__ = ("filter", "page_size", "page_token")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    filter: SessionFilter
    page_size: int
    page_token: str
    def __init__(self, filter: _Optional[_Union[SessionFilter, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class SessionFilter(_message.Message):
    __slots__ = ("model", "version", "task", "state", "session_id_prefix", "min_idle_duration")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_PREFIX_FIELD_NUMBER: _ClassVar[int]
    MIN_IDLE_DURATION_FIELD_NUMBER: _ClassVar[int]
    model: str
    version: int
    task: _model_pb2.Task
    state: SessionState
    session_id_prefix: str
    min_idle_duration: _duration_pb2.Duration
    def __init__(self, model: _Optional[str] = ..., version: _Optional[int] = ..., task: _Optional[_Union[_model_pb2.Task, str]] = ..., state: _Optional[_Union[SessionState, str]] = ..., session_id_prefix: _Optional[str] = ..., min_idle_duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class ListSessionsResponse(_message.Message):
    __slots__ = ("sessions", "next_page_token", "total_count")
    SESSIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TOTAL_COUNT_FIELD_NUMBER: _ClassVar[int]
    sessions: _containers.RepeatedCompositeFieldContainer[Session]
    next_page_token: str
    total_count: int
    def __init__(self, sessions: _Optional[_Iterable[_Union[Session, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., total_count: _Optional[int] = ...) -> None: ...

class SnapshotSessionRequest(_message.Message):
    __slots__ = ("session_id",)
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    def __init__(self, session_id: _Optional[str] = ...) -> None: ...

class SnapshotSessionResponse(_message.Message):
    __slots__ = ("snapshot", "session")
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    snapshot: bytes
    session: Session
    def __init__(self, snapshot: _Optional[bytes] = ..., session: _Optional[_Union[Session, _Mapping]] = ...) -> None: ...

class RestoreSessionRequest(_message.Message):
    __slots__ = ("snapshot", "session_id", "seed")
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    snapshot: bytes
    session_id: str
    seed: int
    def __init__(self, snapshot: _Optional[bytes] = ..., session_id: _Optional[str] = ..., seed: _Optional[int] = ...) -> None: ...

class RestoreSessionResponse(_message.Message):
    __slots__ = ("session", "resume_token", "kernels_changed")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    KERNELS_CHANGED_FIELD_NUMBER: _ClassVar[int]
    session: Session
    resume_token: str
    kernels_changed: bool
    def __init__(self, session: _Optional[_Union[Session, _Mapping]] = ..., resume_token: _Optional[str] = ..., kernels_changed: _Optional[bool] = ...) -> None: ...

class ForkSessionRequest(_message.Message):
    __slots__ = ("session_id", "forks")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    FORKS_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    forks: _containers.RepeatedCompositeFieldContainer[Fork]
    def __init__(self, session_id: _Optional[str] = ..., forks: _Optional[_Iterable[_Union[Fork, _Mapping]]] = ...) -> None: ...

class Fork(_message.Message):
    __slots__ = ("session_id", "seed")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    seed: int
    def __init__(self, session_id: _Optional[str] = ..., seed: _Optional[int] = ...) -> None: ...

class ForkSessionResponse(_message.Message):
    __slots__ = ("forks",)
    FORKS_FIELD_NUMBER: _ClassVar[int]
    forks: _containers.RepeatedCompositeFieldContainer[ForkedSession]
    def __init__(self, forks: _Optional[_Iterable[_Union[ForkedSession, _Mapping]]] = ...) -> None: ...

class ForkedSession(_message.Message):
    __slots__ = ("session", "resume_token")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    session: Session
    resume_token: str
    def __init__(self, session: _Optional[_Union[Session, _Mapping]] = ..., resume_token: _Optional[str] = ...) -> None: ...

class CloseSessionRequest(_message.Message):
    __slots__ = ("session_id", "erase")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    ERASE_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    erase: bool
    def __init__(self, session_id: _Optional[str] = ..., erase: _Optional[bool] = ...) -> None: ...

class CloseSessionResponse(_message.Message):
    __slots__ = ("session",)
    SESSION_FIELD_NUMBER: _ClassVar[int]
    session: Session
    def __init__(self, session: _Optional[_Union[Session, _Mapping]] = ...) -> None: ...
