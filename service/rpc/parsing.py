"""Bytes to messages, with a reason when they are none: gRPC itself would only say INTERNAL."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from google.protobuf import empty_pb2
from google.protobuf.message import DecodeError, Message

from service.errors import Reason, ServiceError, invalid

MAX_PAGE_SIZE = 1000
DEFAULT_PAGE_SIZE = 100


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Stands for a message that could not be parsed, so that the stream can end with the reason."""

    error: ServiceError


def parser(message_type: type[Message], max_bytes: int) -> Callable[[bytes], Any]:
    """A deserializer that gives the message, or an Unreadable."""
    parse = message_type.FromString

    def deserialize(data: bytes) -> Message | Unreadable:
        if len(data) > max_bytes:
            problem = f"a message of {len(data)} bytes is over the limit of {max_bytes}: send smaller chunks"
            return Unreadable(invalid(Reason.MESSAGE_TOO_LARGE, problem))
        try:
            return parse(data)
        except DecodeError:
            return Unreadable(_diagnosis(data, message_type.DESCRIPTOR.full_name))

    return deserialize


def _diagnosis(data: bytes, name: str) -> ServiceError:
    """Bytes that parse as a message of unknown fields are well formed, so it is a string that is at fault."""
    try:
        empty_pb2.Empty.FromString(data)
    except DecodeError:
        return invalid(Reason.MESSAGE_MALFORMED, f"these bytes are no protobuf message ({name} was expected)")
    return invalid(Reason.TEXT_NOT_UTF8, f"a string of this {name} is not UTF-8: encode text as UTF-8")


def page_size(said: int) -> int:
    """How many items a page has. Raises OPTION_OUT_OF_RANGE."""
    size = said or DEFAULT_PAGE_SIZE
    if not 1 <= size <= MAX_PAGE_SIZE:
        raise invalid(Reason.OPTION_OUT_OF_RANGE, f"page_size is {said}, not in 1..{MAX_PAGE_SIZE}", "page_size")
    return size
