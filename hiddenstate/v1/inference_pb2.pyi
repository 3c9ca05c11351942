from hiddenstate.v1 import session_pb2 as _session_pb2
from hiddenstate.v1 import tensor_pb2 as _tensor_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class InferRequest(_message.Message):
    __slots__ = ("config", "end", "acknowledgement", "chunk", "finish", "sequence_number", "received_answer_number")
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGEMENT_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    FINISH_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_ANSWER_NUMBER_FIELD_NUMBER: _ClassVar[int]
    config: InferConfig
    end: _session_pb2.End
    acknowledgement: _session_pb2.Acknowledgement
    chunk: InferChunk
    finish: _session_pb2.Finish
    sequence_number: int
    received_answer_number: int
    def __init__(self, config: _Optional[_Union[InferConfig, _Mapping]] = ..., end: _Optional[_Union[_session_pb2.End, _Mapping]] = ..., acknowledgement: _Optional[_Union[_session_pb2.Acknowledgement, _Mapping]] = ..., chunk: _Optional[_Union[InferChunk, _Mapping]] = ..., finish: _Optional[_Union[_session_pb2.Finish, _Mapping]] = ..., sequence_number: _Optional[int] = ..., received_answer_number: _Optional[int] = ...) -> None: ...

class InferResponse(_message.Message):
    __slots__ = ("opened", "receipt", "move", "outputs", "durable_sequence_number")
    OPENED_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    MOVE_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    DURABLE_SEQUENCE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    opened: _session_pb2.Opened
    receipt: _session_pb2.Receipt
    move: _session_pb2.Move
    outputs: InferOutputs
    durable_sequence_number: int
    def __init__(self, opened: _Optional[_Union[_session_pb2.Opened, _Mapping]] = ..., receipt: _Optional[_Union[_session_pb2.Receipt, _Mapping]] = ..., move: _Optional[_Union[_session_pb2.Move, _Mapping]] = ..., outputs: _Optional[_Union[InferOutputs, _Mapping]] = ..., durable_sequence_number: _Optional[int] = ...) -> None: ...

class InferConfig(_message.Message):
    __slots__ = ("session", "outputs", "last_step_only")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    LAST_STEP_ONLY_FIELD_NUMBER: _ClassVar[int]
    session: _session_pb2.SessionConfig
    outputs: _containers.RepeatedScalarFieldContainer[str]
    last_step_only: bool
    def __init__(self, session: _Optional[_Union[_session_pb2.SessionConfig, _Mapping]] = ..., outputs: _Optional[_Iterable[str]] = ..., last_step_only: _Optional[bool] = ...) -> None: ...

class InferChunk(_message.Message):
    __slots__ = ("inputs",)
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    inputs: _containers.RepeatedCompositeFieldContainer[_tensor_pb2.Tensor]
    def __init__(self, inputs: _Optional[_Iterable[_Union[_tensor_pb2.Tensor, _Mapping]]] = ...) -> None: ...

class InferOutputs(_message.Message):
    __slots__ = ("answer_number", "sequence_number", "outputs", "first_step_number")
    ANSWER_NUMBER_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    FIRST_STEP_NUMBER_FIELD_NUMBER: _ClassVar[int]
    answer_number: int
    sequence_number: int
    outputs: _containers.RepeatedCompositeFieldContainer[_tensor_pb2.Tensor]
    first_step_number: int
    def __init__(self, answer_number: _Optional[int] = ..., sequence_number: _Optional[int] = ..., outputs: _Optional[_Iterable[_Union[_tensor_pb2.Tensor, _Mapping]]] = ..., first_step_number: _Optional[int] = ...) -> None: ...
