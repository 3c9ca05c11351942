"""Values to bytes."""

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import Any

import numpy as np

from service.plain.listing import DTYPES, FLOAT, LENGTH, NUMBER, Listing, Record, text_of
from service.state import Array


class Writer:
    """Bytes in the making; `known`: kinds of records met so far, by number."""

    def __init__(self, listing: Listing) -> None:
        self._listing = listing
        self._known: dict[type, int] = {}
        self.out = bytearray()

    def value(self, value: Any) -> None:
        """Append a value."""
        write = _WRITERS.get(type(value))
        if write is not None:
            write(self, value)
        elif (record := self._listing.records.get(type(value))) is not None:
            self._record(record, value)
        elif (part := self._listing.parts.get(type(value))) is not None:
            name, (save, _) = part
            self.out += b"p"
            self._text(name)
            self.value(save(value))
        elif isinstance(value, np.generic):
            self._array(np.asarray(value), b"n")
        else:
            raise TypeError(f"{type(value).__module__}.{type(value).__name__} is no plain data, record or part")

    def _record(self, record: Record, value: Any) -> None:
        if isinstance(value, Enum):
            self.out += b"E"
            self._text(record.name)
            self._text(value.name)
            return
        number = self._known.get(record.kind)
        if number is None:
            self._known[record.kind] = len(self._known)
            self.out += record.head
        else:
            self.out += b"r" + LENGTH.pack(number)
        for name in record.fields:
            self.value(getattr(value, name))

    def _number(self, value: int) -> None:
        if -(1 << 63) <= value < 1 << 63:
            self.out += b"i" + NUMBER.pack(value)
        else:
            self._sized(b"I", value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True))

    def _text(self, text: str) -> None:
        self.out += text_of(text)

    def _sized(self, tag: bytes, data: bytes) -> None:
        self.out += tag + LENGTH.pack(len(data))
        self.out += data

    def _sequence(self, values: Iterable[Any], tag: bytes) -> None:
        values = tuple(values)
        self.out += tag + LENGTH.pack(len(values))
        for value in values:
            self.value(value)

    def _mapping(self, values: Mapping[Any, Any]) -> None:
        self.out += b"m" + LENGTH.pack(len(values))
        for key, value in values.items():
            self.value(key)
            self.value(value)

    def _array(self, array: Array, tag: bytes = b"a") -> None:
        dtype = array.dtype.newbyteorder("<")
        if dtype.str not in DTYPES:
            raise TypeError(f"an array of {array.dtype} is no plain data")
        self.out += tag
        self._text(dtype.str)
        self._sequence(array.shape, b"t")
        packed = np.packbits(array) if dtype.kind == "b" else array.astype(dtype, copy=False)
        self._sized(b"", packed.tobytes())


_WRITERS: dict[type, Callable[[Any, Any], None]] = {
    type(None): lambda writer, _: writer.out.extend(b"N"),
    bool: lambda writer, value: writer.out.extend(b"T" if value else b"F"),
    int: lambda writer, value: writer._number(value),
    float: lambda writer, value: writer.out.extend(b"f" + FLOAT.pack(value)),
    str: lambda writer, value: writer._text(value),
    bytes: lambda writer, value: writer._sized(b"b", value),
    list: lambda writer, value: writer._sequence(value, b"l"),
    tuple: lambda writer, value: writer._sequence(value, b"t"),
    dict: lambda writer, value: writer._mapping(value),
    np.ndarray: lambda writer, value: writer._array(value),
}
