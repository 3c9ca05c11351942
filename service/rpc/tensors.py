"""Tensors on the wire: little-endian bytes in C order, with a type and a shape."""

from math import prod
from typing import Any

import numpy as np

from hiddenstate.v1 import tensor_pb2
from service.bundle import TensorSpec
from service.errors import Reason, invalid
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
    dtype = _DTYPES.get(tensor.data_type or data_type_of(declared.dtype))
    if dtype is None:
        message = f"tensor {declared.name!r} has the data type {tensor.data_type}, which this server does not know"
        raise invalid(Reason.TENSOR_DTYPE_MISMATCH, message, _field(declared))
    shape = tuple(tensor.shape) or (1, *declared.step_shape)
    if min(shape) < 0:
        message = f"tensor {declared.name!r} has a negative size: {list(shape)}"
        raise invalid(Reason.TENSOR_SHAPE_MISMATCH, message, _field(declared))
    expected = prod(shape) * dtype.itemsize
    if expected != len(tensor.data):
        message = f"tensor {declared.name!r} of shape {list(shape)} is {expected} bytes, {len(tensor.data)} were sent"
        raise invalid(Reason.TENSOR_SIZE_MISMATCH, message, _field(declared))
    try:
        array: Array = np.frombuffer(tensor.data, dtype).reshape(shape)
    except ValueError as error:  # more axes, or longer ones, than an array can have
        message = f"tensor {declared.name!r} has an impossible shape: {error}"
        raise invalid(Reason.TENSOR_SHAPE_MISMATCH, message, _field(declared)) from error
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


def _field(declared: TensorSpec) -> str:
    return f"chunk.inputs[{declared.name}]"
