import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from hiddenstate.v1 import session_pb2 as _session_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ForecastTrigger(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FORECAST_TRIGGER_UNSPECIFIED: _ClassVar[ForecastTrigger]
    FORECAST_TRIGGER_EACH_MESSAGE: _ClassVar[ForecastTrigger]
    FORECAST_TRIGGER_ON_DEMAND: _ClassVar[ForecastTrigger]

class Frequency(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FREQUENCY_UNSPECIFIED: _ClassVar[Frequency]
    FREQUENCY_OTHER: _ClassVar[Frequency]
    FREQUENCY_YEARLY: _ClassVar[Frequency]
    FREQUENCY_QUARTERLY: _ClassVar[Frequency]
    FREQUENCY_MONTHLY: _ClassVar[Frequency]
    FREQUENCY_WEEKLY: _ClassVar[Frequency]
    FREQUENCY_DAILY: _ClassVar[Frequency]
    FREQUENCY_HOURLY: _ClassVar[Frequency]
FORECAST_TRIGGER_UNSPECIFIED: ForecastTrigger
FORECAST_TRIGGER_EACH_MESSAGE: ForecastTrigger
FORECAST_TRIGGER_ON_DEMAND: ForecastTrigger
FREQUENCY_UNSPECIFIED: Frequency
FREQUENCY_OTHER: Frequency
FREQUENCY_YEARLY: Frequency
FREQUENCY_QUARTERLY: Frequency
FREQUENCY_MONTHLY: Frequency
FREQUENCY_WEEKLY: Frequency
FREQUENCY_DAILY: Frequency
FREQUENCY_HOURLY: Frequency

class ForecastRequest(_message.Message):
    __slots__ = ("config", "end", "acknowledgement", "observations", "forecast", "finish", "sequence_number", "received_answer_number")
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGEMENT_FIELD_NUMBER: _ClassVar[int]
    OBSERVATIONS_FIELD_NUMBER: _ClassVar[int]
    FORECAST_FIELD_NUMBER: _ClassVar[int]
    FINISH_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_ANSWER_NUMBER_FIELD_NUMBER: _ClassVar[int]
    config: ForecastConfig
    end: _session_pb2.End
    acknowledgement: _session_pb2.Acknowledgement
    observations: Observations
    forecast: ForecastDemand
    finish: _session_pb2.Finish
    sequence_number: int
    received_answer_number: int
    def __init__(self, config: _Optional[_Union[ForecastConfig, _Mapping]] = ..., end: _Optional[_Union[_session_pb2.End, _Mapping]] = ..., acknowledgement: _Optional[_Union[_session_pb2.Acknowledgement, _Mapping]] = ..., observations: _Optional[_Union[Observations, _Mapping]] = ..., forecast: _Optional[_Union[ForecastDemand, _Mapping]] = ..., finish: _Optional[_Union[_session_pb2.Finish, _Mapping]] = ..., sequence_number: _Optional[int] = ..., received_answer_number: _Optional[int] = ...) -> None: ...

class ForecastResponse(_message.Message):
    __slots__ = ("opened", "receipt", "move", "forecast", "durable_sequence_number")
    OPENED_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    MOVE_FIELD_NUMBER: _ClassVar[int]
    FORECAST_FIELD_NUMBER: _ClassVar[int]
    DURABLE_SEQUENCE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    opened: _session_pb2.Opened
    receipt: _session_pb2.Receipt
    move: _session_pb2.Move
    forecast: ForecastResult
    durable_sequence_number: int
    def __init__(self, opened: _Optional[_Union[_session_pb2.Opened, _Mapping]] = ..., receipt: _Optional[_Union[_session_pb2.Receipt, _Mapping]] = ..., move: _Optional[_Union[_session_pb2.Move, _Mapping]] = ..., forecast: _Optional[_Union[ForecastResult, _Mapping]] = ..., durable_sequence_number: _Optional[int] = ...) -> None: ...

class ForecastConfig(_message.Message):
    __slots__ = ("session", "options", "trigger", "frequency", "season_length")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    TRIGGER_FIELD_NUMBER: _ClassVar[int]
    FREQUENCY_FIELD_NUMBER: _ClassVar[int]
    SEASON_LENGTH_FIELD_NUMBER: _ClassVar[int]
    session: _session_pb2.SessionConfig
    options: ForecastOptions
    trigger: ForecastTrigger
    frequency: Frequency
    season_length: int
    def __init__(self, session: _Optional[_Union[_session_pb2.SessionConfig, _Mapping]] = ..., options: _Optional[_Union[ForecastOptions, _Mapping]] = ..., trigger: _Optional[_Union[ForecastTrigger, str]] = ..., frequency: _Optional[_Union[Frequency, str]] = ..., season_length: _Optional[int] = ...) -> None: ...

class ForecastOptions(_message.Message):
    __slots__ = ("horizon_count", "quantile_levels")
    HORIZON_COUNT_FIELD_NUMBER: _ClassVar[int]
    QUANTILE_LEVELS_FIELD_NUMBER: _ClassVar[int]
    horizon_count: int
    quantile_levels: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, horizon_count: _Optional[int] = ..., quantile_levels: _Optional[_Iterable[float]] = ...) -> None: ...

class Observations(_message.Message):
    __slots__ = ("values", "times")
    VALUES_FIELD_NUMBER: _ClassVar[int]
    TIMES_FIELD_NUMBER: _ClassVar[int]
    values: _containers.RepeatedScalarFieldContainer[float]
    times: _containers.RepeatedCompositeFieldContainer[_timestamp_pb2.Timestamp]
    def __init__(self, values: _Optional[_Iterable[float]] = ..., times: _Optional[_Iterable[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]]] = ...) -> None: ...

class ForecastDemand(_message.Message):
    __slots__ = ("options",)
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    options: ForecastOptions
    def __init__(self, options: _Optional[_Union[ForecastOptions, _Mapping]] = ...) -> None: ...

class ForecastResult(_message.Message):
    __slots__ = ("answer_number", "sequence_number", "observation_count", "means", "quantiles", "times")
    ANSWER_NUMBER_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    OBSERVATION_COUNT_FIELD_NUMBER: _ClassVar[int]
    MEANS_FIELD_NUMBER: _ClassVar[int]
    QUANTILES_FIELD_NUMBER: _ClassVar[int]
    TIMES_FIELD_NUMBER: _ClassVar[int]
    answer_number: int
    sequence_number: int
    observation_count: int
    means: _containers.RepeatedScalarFieldContainer[float]
    quantiles: _containers.RepeatedCompositeFieldContainer[Quantile]
    times: _containers.RepeatedCompositeFieldContainer[_timestamp_pb2.Timestamp]
    def __init__(self, answer_number: _Optional[int] = ..., sequence_number: _Optional[int] = ..., observation_count: _Optional[int] = ..., means: _Optional[_Iterable[float]] = ..., quantiles: _Optional[_Iterable[_Union[Quantile, _Mapping]]] = ..., times: _Optional[_Iterable[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]]] = ...) -> None: ...

class Quantile(_message.Message):
    __slots__ = ("level", "values")
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    level: float
    values: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, level: _Optional[float] = ..., values: _Optional[_Iterable[float]] = ...) -> None: ...
