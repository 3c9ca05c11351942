"""What may be written besides plain values: records, by their names, and parts of a model."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from struct import Struct
from typing import Any, NamedTuple

import numpy as np

NUMBER, FLOAT, LENGTH = Struct("<q"), Struct("<d"), Struct("<I")
DTYPES = frozenset(np.dtype(code).str for code in "?bBhHiIqQefd")


class Part(NamedTuple):
    """How something that belongs to a model becomes plain data, and how it is made again."""

    save: Callable[[Any], Any]
    load: Callable[[Any], Any]


class Record(NamedTuple):
    """A kind of record: its name and the names of its fields; `head` says them where it is the first of its kind."""

    kind: type
    name: str
    fields: tuple[str, ...]
    head: bytes


class Listing:
    """The records and parts that values may hold."""

    def __init__(self, records: Iterable[type], parts: Mapping[type, Part]) -> None:
        self.records = {kind: _record(kind) for kind in records}
        self.parts = {kind: (record_name(kind), part) for kind, part in parts.items()}
        self.kinds = {record.name: record for record in self.records.values()}
        self.loaders = {name: part.load for name, part in self.parts.values()}
        if len(self.kinds) + len(self.loaders) != len(self.records) + len(self.parts):
            raise ValueError("two records of one name")


def record_name(kind: type) -> str:
    """What a record is called in the bytes: the last part of its module, and its own name."""
    return f"{kind.__module__.rpartition('.')[2]}.{kind.__name__}"


def text_of(text: str) -> bytes:
    """Text as a value."""
    data = text.encode("utf-8", "surrogatepass")
    return b"s" + LENGTH.pack(len(data)) + data


def _record(kind: type) -> Record:
    name, names = record_name(kind), _fields_of(kind)
    head = b"R" + text_of(name) + b"t" + LENGTH.pack(len(names)) + b"".join(map(text_of, names))
    return Record(kind, name, names, head)


def _fields_of(kind: type) -> tuple[str, ...]:
    if issubclass(kind, Enum):
        return ()
    if is_dataclass(kind):
        return tuple(each.name for each in fields(kind))
    names: tuple[str, ...] = kind._fields  # type: ignore[attr-defined]  # a named tuple
    return names
