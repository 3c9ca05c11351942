from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Gate(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GATE_UNSPECIFIED: _ClassVar[Gate]
    GATE_INPUT: _ClassVar[Gate]
    GATE_FORGET: _ClassVar[Gate]
    GATE_OUTPUT: _ClassVar[Gate]
    GATE_RESET: _ClassVar[Gate]
    GATE_UPDATE: _ClassVar[Gate]
    GATE_CANDIDATE: _ClassVar[Gate]
    GATE_CELL_STATE: _ClassVar[Gate]
    GATE_HIDDEN_STATE: _ClassVar[Gate]
GATE_UNSPECIFIED: Gate
GATE_INPUT: Gate
GATE_FORGET: Gate
GATE_OUTPUT: Gate
GATE_RESET: Gate
GATE_UPDATE: Gate
GATE_CANDIDATE: Gate
GATE_CELL_STATE: Gate
GATE_HIDDEN_STATE: Gate

class Explanation(_message.Message):
    __slots__ = ("sequence_number", "step_number", "input_text", "layers")
    SEQUENCE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    STEP_NUMBER_FIELD_NUMBER: _ClassVar[int]
    INPUT_TEXT_FIELD_NUMBER: _ClassVar[int]
    LAYERS_FIELD_NUMBER: _ClassVar[int]
    sequence_number: int
    step_number: int
    input_text: str
    layers: _containers.RepeatedCompositeFieldContainer[LayerActivations]
    def __init__(self, sequence_number: _Optional[int] = ..., step_number: _Optional[int] = ..., input_text: _Optional[str] = ..., layers: _Optional[_Iterable[_Union[LayerActivations, _Mapping]]] = ...) -> None: ...

class LayerActivations(_message.Message):
    __slots__ = ("name", "activations")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ACTIVATIONS_FIELD_NUMBER: _ClassVar[int]
    name: str
    activations: _containers.RepeatedCompositeFieldContainer[GateActivation]
    def __init__(self, name: _Optional[str] = ..., activations: _Optional[_Iterable[_Union[GateActivation, _Mapping]]] = ...) -> None: ...

class GateActivation(_message.Message):
    __slots__ = ("gate", "values")
    GATE_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    gate: Gate
    values: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, gate: _Optional[_Union[Gate, str]] = ..., values: _Optional[_Iterable[float]] = ...) -> None: ...
