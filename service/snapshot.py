"""A session as bytes: signed, versioned, and refused with a reason where it does not belong. See docs/sessions.md."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from itertools import pairwise
from struct import Struct
from typing import NamedTuple

from service.context import Context
from service.errors import Code, Reason, ServiceError, invalid
from service.plain import Plain
from service.scheduler import Snapshot
from service.signing import ENCRYPTED, MAC_BYTES, Keys
from service.state import StateSpec
from service.stream import Standing
from service.tasks.task import Remembering

MAGIC, FORMAT = b"HSSN", 1
_HEAD = Struct("<4sHBII")
"""Magic, format, bytes of the key's id, of the label and of the content; behind it these three and the code."""


class Durability(Enum):
    """What a session survives: nothing, the loss of its stream, that of its server."""

    NONE = "none"
    MEMORY = "memory"
    STORED = "stored"


class Label(NamedTuple):
    """Whose snapshot it is, readable without the model.

    `digest`: of the bundle; `schema`: state tensors as (name, shape, dtype); `kernels`: what its bits depend on.
    `idle_timeout`: seconds it is kept without a stream; `created`: seconds since 1970, which also tell a session from
    an earlier one of its name; `principal`: whose it is, empty for an anonymous one; `stepped`: when it last ran, 0 for
    not yet.
    """

    session_id: str
    model: str
    version: int
    digest: str
    variant: str
    task: str
    schema: tuple[tuple[str, tuple[int, ...], str], ...]
    kernels: str
    durability: Durability = Durability.NONE
    bulk: bool = False
    idle_timeout: float = 600.0
    created: float = 0.0
    principal: str = ""
    stepped: float = 0.0


@dataclass(frozen=True)
class Sealed:
    """A snapshot whose signature was checked: its label, and the content that only its task can read."""

    label: Label
    content: bytes


_LABEL = Plain((Label, Durability))


def seal(label: Label, standing: Standing, task: Remembering, keys: Keys) -> bytes:
    """The signed bytes of a session."""
    return _signed(_labelled(label), plain_of(task.plain).encode(standing), keys)


def unseal(data: bytes, keys: Keys, max_bytes: int) -> Sealed:
    """Check the bytes and read their label.

    Raises SNAPSHOT_TOO_LARGE, SNAPSHOT_MALFORMED, SNAPSHOT_FORMAT_UNKNOWN, SNAPSHOT_TRUNCATED, SNAPSHOT_KEY_UNKNOWN or
    SNAPSHOT_TAMPERED.
    """
    if len(data) > max_bytes:
        raise _refused(Reason.SNAPSHOT_TOO_LARGE, f"{len(data)} bytes are over the limit of {max_bytes}")
    if data.startswith(ENCRYPTED):
        raise _refused(Reason.SNAPSHOT_KEY_UNKNOWN, "it is encrypted, and this server has no --encryption-keys")
    if not data.startswith(MAGIC[: len(data)]) or not data:
        raise _refused(Reason.SNAPSHOT_MALFORMED, f"it does not begin with {MAGIC.decode()}: it is no snapshot")
    if len(data) < _HEAD.size:
        raise _refused(Reason.SNAPSHOT_TRUNCATED, f"{len(data)} bytes are not even its head")
    _, version, *sizes = _HEAD.unpack_from(data)
    if version != FORMAT:
        raise _refused(Reason.SNAPSHOT_FORMAT_UNKNOWN, f"its format is {version}, this server reads {FORMAT}")
    expected = _HEAD.size + sum(sizes) + MAC_BYTES
    if len(data) < expected:
        raise _refused(Reason.SNAPSHOT_TRUNCATED, f"{len(data)} of {expected} bytes are there")
    places = [_HEAD.size + sum(sizes[:count]) for count in range(4)]
    key_id, label, content = (data[start:stop] for start, stop in pairwise(places))
    name = key_id.decode("ascii", "replace")
    if not keys.knows(name):
        raise _refused(Reason.SNAPSHOT_KEY_UNKNOWN, f"it was signed with the key {name!r}, which this server lacks")
    if not keys.verify(name, data[: places[3]], data[places[3] :]):
        raise _refused(Reason.SNAPSHOT_TAMPERED, "its signature does not fit: its bytes were changed")
    try:
        return Sealed(_LABEL.decode(label), content)
    except ValueError as error:
        raise _refused(Reason.SNAPSHOT_MALFORMED, str(error)) from error


def check_fits(label: Label, *, task: str, digest: str, specs: Sequence[StateSpec]) -> None:
    """Raise SNAPSHOT_TASK_MISMATCH, SNAPSHOT_STATE_MISMATCH or SNAPSHOT_MODEL_MISMATCH where a session cannot go on."""
    name = f"{label.model} {label.version}"
    if label.task != task:
        raise _unfit(Reason.SNAPSHOT_TASK_MISMATCH, f"it is of the task {label.task}, not of {task}")
    if label.schema != schema_of(specs):
        raise _unfit(Reason.SNAPSHOT_STATE_MISMATCH, f"its state {label.schema} is not that of {name}")
    if label.digest != digest:
        raise _unfit(Reason.SNAPSHOT_MODEL_MISMATCH, f"it is of another {name}, with the digest {label.digest[:12]}…")


def opened(sealed: Sealed, task: Remembering) -> Standing:
    """What stands in a snapshot. Raises SNAPSHOT_MALFORMED for content that this release cannot read."""
    try:
        standing = plain_of(task.plain).decode(sealed.content)
    except ValueError as error:
        raise _refused(Reason.SNAPSHOT_MALFORMED, f"this server cannot read its content: {error}") from error
    if not isinstance(standing, Standing):
        raise _refused(Reason.SNAPSHOT_MALFORMED, "its content is no session")
    return standing


def schema_of(specs: Sequence[StateSpec]) -> tuple[tuple[str, tuple[int, ...], str], ...]:
    """State tensors as a label has them."""
    return tuple((spec.name, tuple(spec.shape), spec.dtype) for spec in specs)


@lru_cache(maxsize=256)
def plain_of(plain: Plain) -> Plain:
    """The encoding of a standing, from that of its task."""
    return plain.joined((Standing, Snapshot, Context))


@lru_cache(maxsize=4096)
def _labelled(label: Label) -> bytes:
    """A session has one label for all of its snapshots."""
    return _LABEL.encode(label)


def _signed(label: bytes, content: bytes, keys: Keys) -> bytes:
    key_id = keys.current.encode("ascii")
    body = _HEAD.pack(MAGIC, FORMAT, len(key_id), len(label), len(content)) + key_id + label + content
    return body + keys.sign(body)[1]


def _refused(reason: Reason, problem: str) -> ServiceError:
    return invalid(reason, f"the snapshot is refused: {problem}", "snapshot")


def _unfit(reason: Reason, problem: str) -> ServiceError:
    message = f"the snapshot does not fit: {problem}"
    return ServiceError(Code.FAILED_PRECONDITION, reason, message, field="snapshot")
