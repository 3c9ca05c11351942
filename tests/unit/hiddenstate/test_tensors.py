"""Arrays survive the way to the wire and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from hiddenstate.tensors import DTYPES, to_array, to_tensor


@given(
    st.sampled_from(sorted(map(str, DTYPES.values()))).flatmap(
        lambda name: nps.arrays(name, nps.array_shapes(min_side=0))
    )
)
def test_any_array_comes_back_as_it_was(array):
    back = to_array(to_tensor("x", array))
    assert back.dtype == array.dtype
    assert back.tobytes() == array.tobytes()
    assert back.shape == array.shape


def test_big_endian_and_strided_arrays_are_sent_as_little_endian_rows():
    array = np.arange(6, dtype=">f4").reshape(2, 3).T
    np.testing.assert_array_equal(to_array(to_tensor("x", array)), array)
    assert to_tensor("x", array).data == np.array([0, 3, 1, 4, 2, 5], "<f4").tobytes()


def test_an_element_type_without_a_place_in_the_protocol_is_refused_by_name():
    with pytest.raises(TypeError, match="complex128"):
        to_tensor("x", np.zeros(2, complex))
