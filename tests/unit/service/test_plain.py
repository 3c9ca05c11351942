from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.plain import Part, Plain


class Colour(Enum):
    RED = 1


class Pair(NamedTuple):
    left: Any
    right: Any = 0


@dataclass(frozen=True, slots=True)
class Point:
    x: Any
    y: Any = 1


class Held:
    def __init__(self, text: str) -> None:
        self.text = text


PLAIN = Plain((Colour, Pair, Point), {Held: Part(lambda held: held.text, Held)})
FLAT = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(),
    st.binary(),
    st.just(Colour.RED),
)
VALUES = st.recursive(
    FLAT,
    lambda inner: st.one_of(
        st.lists(inner),
        st.lists(inner).map(tuple),
        st.dictionaries(st.text(), inner),
        st.builds(Pair, inner, inner),
        st.builds(Point, inner, inner),
    ),
    max_leaves=20,
)


def typed(value: Any) -> str:
    """A value with the types of all its parts."""
    return repr(value)


@given(VALUES)
def test_what_is_read_is_what_was_written_types_and_all(value):
    again = PLAIN.decode(PLAIN.encode(value))
    assert again == value
    assert typed(again) == typed(value)


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint8", "int64", "float16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0), (2, 5)])
def test_an_array_keeps_its_type_shape_and_bits_and_may_be_written_to(dtype, shape):
    array = np.random.default_rng(1).normal(size=shape).astype(dtype)
    again = PLAIN.decode(PLAIN.encode(array))
    assert (again.dtype, again.shape, again.tobytes()) == (array.dtype, array.shape, array.tobytes())
    again[...] = 1


def test_the_bits_of_not_a_number_and_of_scalars_are_kept():
    scalar = PLAIN.decode(PLAIN.encode(np.float32(0.1)))
    assert type(scalar) is np.float32
    nan = np.array([0x7FF8000000000123], np.int64).view(np.float64)
    assert PLAIN.decode(PLAIN.encode(nan)).tobytes() == nan.tobytes()


def test_a_view_of_an_array_is_written_without_the_rest():
    array = np.arange(1000)[::2][:3]
    assert len(PLAIN.encode(array)) < 100
    assert PLAIN.decode(PLAIN.encode(array)).tolist() == [0, 2, 4]


def test_a_part_is_made_again_from_what_it_held():
    assert PLAIN.decode(PLAIN.encode([Held("é")]))[0].text == "é"


def test_a_field_that_came_later_takes_its_default():
    older = _class("Point", ("x",))
    assert PLAIN.decode(Plain([older]).encode(older(5))) == Point(5, 1)


@pytest.mark.parametrize("fields", [("x", "y", "z"), ("y",)])
def test_a_field_that_is_unknown_or_missing_is_refused(fields):
    other = _class("Point", fields)
    with pytest.raises(ValueError, match=r"not known here|not plain data"):
        PLAIN.decode(Plain([other]).encode(other(*fields)))


def test_a_record_that_is_not_listed_is_neither_written_nor_read():
    with pytest.raises(TypeError, match="no plain data"):
        Plain(()).encode(Point(1))
    with pytest.raises(ValueError, match="not plain data"):
        Plain(()).decode(PLAIN.encode(Point(1)))


@given(st.binary(max_size=200), st.data())
def test_bytes_that_are_none_of_ours_are_refused_with_one_error(noise, data):
    whole = PLAIN.encode([Pair(1, "two"), np.arange(3), {"k": Point(2.0)}, Colour.RED])
    place = data.draw(st.integers(0, len(whole)))
    for damaged in (noise, whole[:place], whole[:place] + noise, whole[:place] + noise + whole[place + len(noise) :]):
        with suppress(ValueError):
            PLAIN.decode(damaged)


def _class(name: str, fields: tuple[str, ...]) -> Any:
    made = NamedTuple(name, [(field, Any) for field in fields])  # type: ignore[misc]
    made.__module__ = __name__
    return made
