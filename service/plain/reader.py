"""Bytes to values."""

from typing import Any

import numpy as np

from service.plain.listing import DTYPES, FLOAT, LENGTH, NUMBER, Listing, Record
from service.state import Array

MAX_DEPTH = 64
"""Values within values; more is no progress of ours."""


class Reader:
    """Bytes being read from `place` on."""

    def __init__(self, listing: Listing, data: bytes) -> None:
        self._listing = listing
        self._data = data
        self._known: list[tuple[Record, tuple[str, ...]]] = []
        self.place = 0

    def value(self, depth: int) -> Any:
        """The next value."""
        if depth > MAX_DEPTH:
            raise ValueError("not plain data: too deep")
        match self._take(1):
            case b"N" | b"T" | b"F" as tag:
                return {b"N": None, b"T": True, b"F": False}[tag]
            case b"i":
                return NUMBER.unpack(self._take(8))[0]
            case b"I":
                return int.from_bytes(self._sized(), "little", signed=True)
            case b"f":
                return FLOAT.unpack(self._take(8))[0]
            case b"s":
                return self._sized().decode("utf-8", "surrogatepass")
            case b"b":
                return self._sized()
            case b"l":
                return [self.value(depth + 1) for _ in range(self._count())]
            case b"t":
                return tuple([self.value(depth + 1) for _ in range(self._count())])
            case b"m":
                return {self.value(depth + 1): self.value(depth + 1) for _ in range(self._count())}
            case b"a":
                return self._array(depth)
            case b"n":
                return self._array(depth)[()]
            case tag:
                return self._listed(tag, depth)

    def _listed(self, tag: bytes, depth: int) -> Any:
        """A record, an enum's member or a part."""
        match tag:
            case b"R":
                record, names = self._listing.kinds[self.value(depth)], self.value(depth)
                if not set(names) <= set(record.fields):
                    raise ValueError(f"{record.name} has fields that are not known here: {names}")
                self._known.append((record, names))
                return self._record(record, names, depth)
            case b"r":
                return self._record(*self._known[self._count()], depth)
            case b"E":
                kind: Any = self._listing.kinds[self.value(depth)].kind
                return kind[self.value(depth)]
            case b"p":
                return self._listing.loaders[self.value(depth)](self.value(depth + 1))
        raise ValueError(f"not plain data: tag {tag!r}")

    def _record(self, record: Record, names: tuple[str, ...], depth: int) -> Any:
        return record.kind(**{name: self.value(depth + 1) for name in names})

    def _array(self, depth: int) -> Array:
        dtype, shape, data = self.value(depth), self.value(depth), self._sized()
        if dtype not in DTYPES:
            raise ValueError(f"not plain data: an array of {dtype!r}")
        count = int(np.prod(shape, dtype=np.int64))
        if np.dtype(dtype).kind == "b":
            if count > 8 * len(data):
                raise ValueError("not plain data: an array is cut short")
            return np.unpackbits(np.frombuffer(data, np.uint8), count=count).astype(np.bool_).reshape(shape)
        return np.frombuffer(data, dtype).reshape(shape).copy()

    def _sized(self) -> bytes:
        return self._take(self._count())

    def _count(self) -> int:
        count: int = LENGTH.unpack(self._take(4))[0]
        if count > len(self._data):
            raise ValueError("not plain data: cut short")
        return count

    def _take(self, count: int) -> bytes:
        stop = self.place + count
        if stop > len(self._data):
            raise ValueError("not plain data: cut short")
        taken, self.place = self._data[self.place : stop], stop
        return taken
