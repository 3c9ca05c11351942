"""Tensors on the wire: the same array back, and every malformed one refused with its reason."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from hiddenstate.v1 import tensor_pb2
from service.bundle import TensorSpec
from service.errors import Code, Reason, ServiceError
from service.rpc.tensors import data_type_of, to_array, write_array

DTYPES = ("float32", "float64", "int32", "int64", "uint8", "int8", "bool")
TOKENS = TensorSpec(name="inputs", dtype="int64", shape=("batch", "time"))
SERIES = TensorSpec(name="inputs", dtype="float32", shape=("batch", "time", 3))


def tensor(values: Any, dtype: str = "int64", **changes: Any) -> tensor_pb2.Tensor:
    message = tensor_pb2.Tensor()
    write_array(message, "inputs", np.array(values, dtype))
    for name, value in changes.items():
        if name == "shape":
            del message.shape[:]
            message.shape.extend(value)
        else:
            setattr(message, name, value)
    return message


def reason_of(message: tensor_pb2.Tensor, declared: TensorSpec = TOKENS) -> Reason:
    with pytest.raises(ServiceError) as caught:
        to_array(message, declared)
    assert caught.value.code == Code.INVALID_ARGUMENT
    assert caught.value.violations[0].field == "chunk.inputs[inputs]"
    return caught.value.reason


@given(
    st.sampled_from(DTYPES).flatmap(
        lambda dtype: arrays.arrays(dtype, arrays.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=4))
    )
)
def test_an_array_comes_back_bit_for_bit(array: np.ndarray):
    message = tensor_pb2.Tensor()
    write_array(message, "x", array)
    back = to_array(tensor_pb2.Tensor.FromString(message.SerializeToString()), TOKENS)
    assert (back.dtype, back.shape, back.tobytes()) == (array.dtype, array.shape, array.tobytes())


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_type_has_its_name_and_is_little_endian(dtype: str):
    assert tensor_pb2.DataType.Name(data_type_of(dtype)) == f"DATA_TYPE_{dtype.upper()}"
    big = np.array([1, 0], np.dtype(dtype).newbyteorder(">")).astype(dtype)
    assert tensor(big, dtype).data == np.array([1, 0], np.dtype(dtype).newbyteorder("<")).tobytes()


def test_type_and_shape_may_be_left_out_as_the_model_declares_them():
    assert to_array(tensor([7, 8], data_type=0), TOKENS).tolist() == [7, 8]
    assert to_array(tensor([7], shape=[]), TOKENS).tolist() == [7], "one step"
    one_step = to_array(tensor([0.5, 1.0, 2.0], "float32", data_type=0, shape=[]), SERIES)
    assert (one_step.shape, one_step.dtype) == ((1, 3), np.float32)
    assert reason_of(tensor([7, 8], shape=[])) == Reason.TENSOR_SIZE_MISMATCH, "not one step"


def test_a_type_that_is_none_is_refused():
    assert reason_of(tensor([1], data_type=99)) == Reason.TENSOR_DTYPE_MISMATCH


@pytest.mark.parametrize("shape", [[3], [1], [2, 2], [0]])
def test_bytes_that_do_not_fill_the_shape_are_refused(shape: list[int]):
    assert reason_of(tensor([1, 2], shape=shape)) == Reason.TENSOR_SIZE_MISMATCH


def test_a_byte_too_few_or_too_many_is_refused():
    message = tensor([1, 2])
    for data in (message.data[:-1], message.data + b"\0", b""):
        assert reason_of(tensor([1, 2], data=data)) == Reason.TENSOR_SIZE_MISMATCH


@pytest.mark.parametrize("shape", [[-1], [2, -1], [-1, -2]])
def test_a_negative_size_is_refused(shape: list[int]):
    assert reason_of(tensor([1, 2], shape=shape)) == Reason.TENSOR_SHAPE_MISMATCH


@pytest.mark.parametrize("shape", [[0, 2**63 - 1], [0, 2**62, 2**62], [2, *[1] * 64]])
def test_a_shape_that_no_array_can_have_is_refused(shape: list[int]):
    data = np.zeros(2 if shape[0] else 0, np.int64).tobytes()
    assert reason_of(tensor([1, 2], shape=shape, data=data)) == Reason.TENSOR_SHAPE_MISMATCH


@given(
    st.lists(st.integers(-(2**63), 2**63 - 1), max_size=70),
    st.integers(-(2**31), 2**31 - 1),
    st.binary(max_size=64),
)
def test_any_tensor_is_an_array_or_has_a_reason(shape: list[int], data_type: int, data: bytes):
    message = tensor_pb2.Tensor(shape=shape, data_type=data_type, data=data)  # type: ignore[arg-type]
    try:
        found = to_array(message, TOKENS)
    except ServiceError as error:
        refused = (error.code, error.reason.partition("_")[0])
        assert refused == (Code.INVALID_ARGUMENT, "TENSOR")  # either outcome is right
    else:
        assert found.nbytes == len(data)
