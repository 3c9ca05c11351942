"""Plain data to bytes and back: what a task remembers of a session, written so that another process goes on with it.

The format is in docs/sessions.md. Only listed records are written, and only their constructors are called: no pickle.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from service.plain.listing import Listing, Part
from service.plain.reader import Reader
from service.plain.writer import Writer

__all__ = ["Part", "Plain"]


class Plain:
    """The encoding of values that may hold these records and parts."""

    def __init__(self, records: Iterable[type], parts: Mapping[type, Part] | None = None) -> None:
        """`records`: dataclasses, named tuples and enums; `parts` by their class. Names must differ."""
        self._listing = Listing(records, parts or {})

    def joined(self, records: Iterable[type]) -> "Plain":
        """The same with further records."""
        parts = {kind: part for kind, (_, part) in self._listing.parts.items()}
        return Plain((*self._listing.records, *records), parts)

    def encode(self, value: Any) -> bytes:
        """The bytes of a value. Raises TypeError for what is not listed."""
        writer = Writer(self._listing)
        writer.value(value)
        return bytes(writer.out)

    def decode(self, data: bytes) -> Any:
        """The value again; its arrays may be written to. Raises ValueError for bytes that are none of ours."""
        reader = Reader(self._listing, data)
        try:
            value = reader.value(0)
        except (LookupError, TypeError, OverflowError) as error:
            raise ValueError(f"not plain data: {error!r}") from error
        if reader.place != len(data):
            raise ValueError(f"not plain data: {len(data) - reader.place} bytes too many")
        return value
