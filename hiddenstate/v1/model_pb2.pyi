import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from hiddenstate.v1 import tensor_pb2 as _tensor_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Task(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TASK_UNSPECIFIED: _ClassVar[Task]
    TASK_TRANSLATION: _ClassVar[Task]
    TASK_SENTIMENT: _ClassVar[Task]
    TASK_TEXT_GENERATION: _ClassVar[Task]
    TASK_TRANSCRIPTION: _ClassVar[Task]
    TASK_MUSIC: _ClassVar[Task]
    TASK_GESTURE: _ClassVar[Task]
    TASK_FORECAST: _ClassVar[Task]
    TASK_TAGGING: _ClassVar[Task]
    TASK_CLASSIFICATION: _ClassVar[Task]
    TASK_OTHER: _ClassVar[Task]

class Topology(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TOPOLOGY_UNSPECIFIED: _ClassVar[Topology]
    TOPOLOGY_ONE_TO_ONE: _ClassVar[Topology]
    TOPOLOGY_ONE_TO_MANY: _ClassVar[Topology]
    TOPOLOGY_MANY_TO_ONE: _ClassVar[Topology]
    TOPOLOGY_MANY_TO_MANY: _ClassVar[Topology]

class Cell(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CELL_UNSPECIFIED: _ClassVar[Cell]
    CELL_RNN: _ClassVar[Cell]
    CELL_GRU: _ClassVar[Cell]
    CELL_LSTM: _ClassVar[Cell]
    CELL_MIXED: _ClassVar[Cell]

class ModelState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MODEL_STATE_UNSPECIFIED: _ClassVar[ModelState]
    MODEL_STATE_LOADING: _ClassVar[ModelState]
    MODEL_STATE_READY: _ClassVar[ModelState]
    MODEL_STATE_REFUSED: _ClassVar[ModelState]
    MODEL_STATE_DRAINING: _ClassVar[ModelState]

class BatchIndependenceResult(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    BATCH_INDEPENDENCE_RESULT_UNSPECIFIED: _ClassVar[BatchIndependenceResult]
    BATCH_INDEPENDENCE_RESULT_BITWISE: _ClassVar[BatchIndependenceResult]
    BATCH_INDEPENDENCE_RESULT_WITHIN_TOLERANCE: _ClassVar[BatchIndependenceResult]
TASK_UNSPECIFIED: Task
TASK_TRANSLATION: Task
TASK_SENTIMENT: Task
TASK_TEXT_GENERATION: Task
TASK_TRANSCRIPTION: Task
TASK_MUSIC: Task
TASK_GESTURE: Task
TASK_FORECAST: Task
TASK_TAGGING: Task
TASK_CLASSIFICATION: Task
TASK_OTHER: Task
TOPOLOGY_UNSPECIFIED: Topology
TOPOLOGY_ONE_TO_ONE: Topology
TOPOLOGY_ONE_TO_MANY: Topology
TOPOLOGY_MANY_TO_ONE: Topology
TOPOLOGY_MANY_TO_MANY: Topology
CELL_UNSPECIFIED: Cell
CELL_RNN: Cell
CELL_GRU: Cell
CELL_LSTM: Cell
CELL_MIXED: Cell
MODEL_STATE_UNSPECIFIED: ModelState
MODEL_STATE_LOADING: ModelState
MODEL_STATE_READY: ModelState
MODEL_STATE_REFUSED: ModelState
MODEL_STATE_DRAINING: ModelState
BATCH_INDEPENDENCE_RESULT_UNSPECIFIED: BatchIndependenceResult
BATCH_INDEPENDENCE_RESULT_BITWISE: BatchIndependenceResult
BATCH_INDEPENDENCE_RESULT_WITHIN_TOLERANCE: BatchIndependenceResult

class ListModelsRequest(_message.Message):
    __slots__ = ("task", "state", "page_size", "page_token")
    TASK_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    task: Task
    state: ModelState
    page_size: int
    page_token: str
    def __init__(self, task: _Optional[_Union[Task, str]] = ..., state: _Optional[_Union[ModelState, str]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListModelsResponse(_message.Message):
    __slots__ = ("models", "next_page_token")
    MODELS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[Model]
    next_page_token: str
    def __init__(self, models: _Optional[_Iterable[_Union[Model, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetModelRequest(_message.Message):
    __slots__ = ("name", "version", "label")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: int
    label: str
    def __init__(self, name: _Optional[str] = ..., version: _Optional[int] = ..., label: _Optional[str] = ...) -> None: ...

class GetModelResponse(_message.Message):
    __slots__ = ("model",)
    MODEL_FIELD_NUMBER: _ClassVar[int]
    model: Model
    def __init__(self, model: _Optional[_Union[Model, _Mapping]] = ...) -> None: ...

class Model(_message.Message):
    __slots__ = ("name", "version", "labels", "is_default", "task", "topology", "cell", "description", "state", "problem", "services", "inputs", "outputs", "state_tensors", "state_byte_count", "whole_sequence", "limits", "variants", "active_variant", "device", "batch_independence", "quality", "class_labels", "language_codes", "digest", "data_licences", "ready_time", "load_duration")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    IS_DEFAULT_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    TOPOLOGY_FIELD_NUMBER: _ClassVar[int]
    CELL_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    SERVICES_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    STATE_TENSORS_FIELD_NUMBER: _ClassVar[int]
    STATE_BYTE_COUNT_FIELD_NUMBER: _ClassVar[int]
    WHOLE_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    VARIANTS_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_VARIANT_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    BATCH_INDEPENDENCE_FIELD_NUMBER: _ClassVar[int]
    QUALITY_FIELD_NUMBER: _ClassVar[int]
    CLASS_LABELS_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_CODES_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    DATA_LICENCES_FIELD_NUMBER: _ClassVar[int]
    READY_TIME_FIELD_NUMBER: _ClassVar[int]
    LOAD_DURATION_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: int
    labels: _containers.RepeatedScalarFieldContainer[str]
    is_default: bool
    task: Task
    topology: Topology
    cell: Cell
    description: str
    state: ModelState
    problem: ModelProblem
    services: _containers.RepeatedScalarFieldContainer[str]
    inputs: _containers.RepeatedCompositeFieldContainer[_tensor_pb2.TensorSpec]
    outputs: _containers.RepeatedCompositeFieldContainer[_tensor_pb2.TensorSpec]
    state_tensors: _containers.RepeatedCompositeFieldContainer[_tensor_pb2.TensorSpec]
    state_byte_count: int
    whole_sequence: bool
    limits: ModelLimits
    variants: _containers.RepeatedCompositeFieldContainer[ModelVariant]
    active_variant: str
    device: str
    batch_independence: BatchIndependence
    quality: _containers.RepeatedCompositeFieldContainer[QualityFigure]
    class_labels: _containers.RepeatedScalarFieldContainer[str]
    language_codes: _containers.RepeatedScalarFieldContainer[str]
    digest: str
    data_licences: _containers.RepeatedScalarFieldContainer[str]
    ready_time: _timestamp_pb2.Timestamp
    load_duration: _duration_pb2.Duration
    def __init__(self, name: _Optional[str] = ..., version: _Optional[int] = ..., labels: _Optional[_Iterable[str]] = ..., is_default: _Optional[bool] = ..., task: _Optional[_Union[Task, str]] = ..., topology: _Optional[_Union[Topology, str]] = ..., cell: _Optional[_Union[Cell, str]] = ..., description: _Optional[str] = ..., state: _Optional[_Union[ModelState, str]] = ..., problem: _Optional[_Union[ModelProblem, _Mapping]] = ..., services: _Optional[_Iterable[str]] = ..., inputs: _Optional[_Iterable[_Union[_tensor_pb2.TensorSpec, _Mapping]]] = ..., outputs: _Optional[_Iterable[_Union[_tensor_pb2.TensorSpec, _Mapping]]] = ..., state_tensors: _Optional[_Iterable[_Union[_tensor_pb2.TensorSpec, _Mapping]]] = ..., state_byte_count: _Optional[int] = ..., whole_sequence: _Optional[bool] = ..., limits: _Optional[_Union[ModelLimits, _Mapping]] = ..., variants: _Optional[_Iterable[_Union[ModelVariant, _Mapping]]] = ..., active_variant: _Optional[str] = ..., device: _Optional[str] = ..., batch_independence: _Optional[_Union[BatchIndependence, _Mapping]] = ..., quality: _Optional[_Iterable[_Union[QualityFigure, _Mapping]]] = ..., class_labels: _Optional[_Iterable[str]] = ..., language_codes: _Optional[_Iterable[str]] = ..., digest: _Optional[str] = ..., data_licences: _Optional[_Iterable[str]] = ..., ready_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., load_duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class ModelProblem(_message.Message):
    __slots__ = ("reason", "message")
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    reason: str
    message: str
    def __init__(self, reason: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class ModelLimits(_message.Message):
    __slots__ = ("max_chunk_step_count", "max_message_step_count", "max_sequence_step_count", "max_session_count")
    MAX_CHUNK_STEP_COUNT_FIELD_NUMBER: _ClassVar[int]
    MAX_MESSAGE_STEP_COUNT_FIELD_NUMBER: _ClassVar[int]
    MAX_SEQUENCE_STEP_COUNT_FIELD_NUMBER: _ClassVar[int]
    MAX_SESSION_COUNT_FIELD_NUMBER: _ClassVar[int]
    max_chunk_step_count: int
    max_message_step_count: int
    max_sequence_step_count: int
    max_session_count: int
    def __init__(self, max_chunk_step_count: _Optional[int] = ..., max_message_step_count: _Optional[int] = ..., max_sequence_step_count: _Optional[int] = ..., max_session_count: _Optional[int] = ...) -> None: ...

class ModelVariant(_message.Message):
    __slots__ = ("name", "is_shipped", "withheld_reason", "byte_count")
    NAME_FIELD_NUMBER: _ClassVar[int]
    IS_SHIPPED_FIELD_NUMBER: _ClassVar[int]
    WITHHELD_REASON_FIELD_NUMBER: _ClassVar[int]
    BYTE_COUNT_FIELD_NUMBER: _ClassVar[int]
    name: str
    is_shipped: bool
    withheld_reason: str
    byte_count: int
    def __init__(self, name: _Optional[str] = ..., is_shipped: _Optional[bool] = ..., withheld_reason: _Optional[str] = ..., byte_count: _Optional[int] = ...) -> None: ...

class BatchIndependence(_message.Message):
    __slots__ = ("result", "max_difference")
    RESULT_FIELD_NUMBER: _ClassVar[int]
    MAX_DIFFERENCE_FIELD_NUMBER: _ClassVar[int]
    result: BatchIndependenceResult
    max_difference: float
    def __init__(self, result: _Optional[_Union[BatchIndependenceResult, str]] = ..., max_difference: _Optional[float] = ...) -> None: ...

class QualityFigure(_message.Message):
    __slots__ = ("metric", "value", "higher_is_better", "split", "baseline", "baseline_value", "command")
    METRIC_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    HIGHER_IS_BETTER_FIELD_NUMBER: _ClassVar[int]
    SPLIT_FIELD_NUMBER: _ClassVar[int]
    BASELINE_FIELD_NUMBER: _ClassVar[int]
    BASELINE_VALUE_FIELD_NUMBER: _ClassVar[int]
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    metric: str
    value: float
    higher_is_better: bool
    split: str
    baseline: str
    baseline_value: float
    command: str
    def __init__(self, metric: _Optional[str] = ..., value: _Optional[float] = ..., higher_is_better: _Optional[bool] = ..., split: _Optional[str] = ..., baseline: _Optional[str] = ..., baseline_value: _Optional[float] = ..., command: _Optional[str] = ...) -> None: ...
