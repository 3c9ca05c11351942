"""Tensors on the wire: little-endian bytes in C order, with a type and a shape."""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from hiddenstate.v1 import tensor_pb2
from service.bundle import Manifest, TensorSpec
from service.errors import Reason, invalid, unserved
from service.state import Array

_DTYPES: dict[tensor_pb2.DataType, np.dtype[Any]] = {
    tensor_pb2.DATA_TYPE_FLOAT32: np.dtype("<f4"),
    tensor_pb2.DATA_TYPE_FLOAT64: np.dtype("<f8"),
    tensor_pb2.DATA_TYPE_INT32: np.dtype("<i4"),
    tensor_pb2.DATA_TYPE_INT64: np.dtype("<i8"),
    tensor_pb2.DATA_TYPE_UINT8: np.dtype("u1"),
    tensor_pb2.DATA_TYPE_INT8: np.dtype("i1"),
    tensor_pb2.DATA_TYPE_BOOL: np.dtype("?"),
}
_DATA_TYPES = {dtype: data_type for data_type, dtype in _DTYPES.items()}


def to_array(tensor: tensor_pb2.Tensor, declared: TensorSpec) -> Array:
    """The array of a message, a view of its bytes; a type or shape that it leaves out is the one the model declares.

    Raises TENSOR_DTYPE_MISMATCH, TENSOR_SHAPE_MISMATCH or TENSOR_SIZE_MISMATCH.
    """
    field = f"chunk.inputs[{declared.name}]"
    return _array(tensor, declared.name, declared.dtype, (1, *declared.step_shape), field)


def state_of(tensors: Sequence[tensor_pb2.Tensor], manifest: Manifest) -> dict[str, Array]:
    """The state that a session begins with, where it is not that of the model. Raises TENSOR_…, and OPTION_NOT_SERVED
    for a model whose encoder gives the state.
    """
    field = "config.session.initial_state"
    if tensors and manifest.encoder is not None:
        raise unserved(
            Reason.OPTION_NOT_SERVED, "the state of this model comes from its encoder: leave it unset", field
        )
    declared = {state.name: state for state in manifest.state}
    arrays: dict[str, Array] = {}
    for tensor in tensors:
        state = declared.get(tensor.name)
        if state is None or tensor.name in arrays:
            known = f"takes one each of {', '.join(declared)}" if declared else "carries none"
            problem = f"{'two states are' if state else 'there is no state'} named {tensor.name!r}: this model {known}"
            raise invalid(Reason.TENSOR_UNKNOWN, problem, field)
        array = _array(tensor, state.name, state.dtype, state.row_shape, f"{field}[{state.name}]")
        if array.dtype != state.dtype:
            problem = f"state {state.name!r} is {array.dtype}, not {state.dtype}"
            raise invalid(Reason.TENSOR_DTYPE_MISMATCH, problem, f"{field}[{state.name}]")
        if array.shape != state.row_shape:
            problem = f"state {state.name!r} has shape {list(array.shape)}, not {list(state.row_shape)}"
            raise invalid(Reason.TENSOR_SHAPE_MISMATCH, problem, f"{field}[{state.name}]")
        if not np.isfinite(array).all():
            raise invalid(
                Reason.TENSOR_NOT_FINITE, f"state {state.name!r} holds NaN or infinity", f"{field}[{state.name}]"
            )
        arrays[state.name] = array
    return arrays


def _array(tensor: tensor_pb2.Tensor, name: str, declared: str, default: tuple[int, ...], field: str) -> Array:
    dtype = _DTYPES.get(tensor.data_type or data_type_of(declared))
    if dtype is None:
        message = f"tensor {name!r} has the data type {tensor.data_type}, which this server does not know"
        raise invalid(Reason.TENSOR_DTYPE_MISMATCH, message, field)
    shape = tuple(tensor.shape) or default
    if min(shape) < 0:
        message = f"tensor {name!r} has a negative size: {list(shape)}"
        raise invalid(Reason.TENSOR_SHAPE_MISMATCH, message, field)
    expected = prod(shape) * dtype.itemsize
    if expected != len(tensor.data):
        message = f"tensor {name!r} of shape {list(shape)} is {expected} bytes, {len(tensor.data)} were sent"
        raise invalid(Reason.TENSOR_SIZE_MISMATCH, message, field)
    try:
        array: Array = np.frombuffer(tensor.data, dtype).reshape(shape)
    except ValueError as error:  # more axes, or longer ones, than an array can have
        message = f"tensor {name!r} has an impossible shape: {error}"
        raise invalid(Reason.TENSOR_SHAPE_MISMATCH, message, field) from error
    return array


def write_array(tensor: tensor_pb2.Tensor, name: str, array: Array) -> None:
    """Fill a message with an array."""
    tensor.name = name
    tensor.data_type = _DATA_TYPES[array.dtype]
    tensor.shape.extend(array.shape)
    tensor.data = array.tobytes()


def data_type_of(dtype: np.dtype[np.generic] | str) -> tensor_pb2.DataType:
    """The type on the wire."""
    return _DATA_TYPES[np.dtype(dtype)]
