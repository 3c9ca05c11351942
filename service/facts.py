"""What is told of a session: whose it is, where it lives and how far it has come."""

from dataclasses import dataclass
from enum import Enum, auto
from math import prod

import numpy as np

from service.kept import Kept
from service.revival import Found
from service.snapshot import Durability, Label, Sealed, plain_of
from service.stream import Stream
from service.tasks.task import Remembering


class Place(Enum):
    """Where a session lives."""

    ATTACHED = auto()
    DETACHED = auto()
    PARKED = auto()
    ENDED = auto()

    @classmethod
    def of(cls, kept: Kept) -> "Place":
        """Where a session of this server lives."""
        if kept.stream.finished:
            return cls.ENDED
        return cls.ATTACHED if kept.attached else cls.DETACHED


@dataclass(frozen=True, slots=True)
class Facts:
    """Of one session. Times are in seconds since 1970; None where there is none.

    `learned`: the task of the model; `accepted`, `durable`: messages of its client; `last_answer`, `received`: its
    numbered answers; `byte_count`: what it holds.
    """

    label: Label
    learned: str
    place: Place
    branch_number: int
    step_count: int
    accepted: int
    durable: int
    last_answer: int
    received: int
    byte_count: int
    stepped: float | None = None
    expires: float | None = None


def facts_of(where: Kept | Found, now: float) -> Facts:
    """What is told at a time of a session that is here, or in the store alone."""
    return _of_kept(where, now) if isinstance(where, Kept) else _of_found(where)


def facts_of_label(sealed: Sealed) -> Facts:
    """What is told of a session whose model is not served here: that it is there, and whose."""
    label = sealed.label
    return Facts(label, "", Place.PARKED, 0, 0, 0, 0, 0, 0, len(sealed.content), label.stepped or None)


def _of_kept(kept: Kept, now: float) -> Facts:
    stream, label, place = kept.stream, kept.label, Place.of(kept)
    last, idle = stream.next_answer_number - 1, kept.serving.engine.silence(stream)
    expires = None
    if place is Place.DETACHED:
        expires = now - idle + label.idle_timeout
    elif place is Place.ENDED and kept.ended is not None:
        expires = kept.ended + label.idle_timeout
    return Facts(
        label,
        kept.served.manifest.task,
        place,
        stream.branch_number,
        stream.session.steps_done,
        stream.accepted,
        _durable(kept),
        last,
        max(stream.received, last - stream.unread),
        _byte_count(label, stream),
        now - idle if stream.session.steps_done else None,
        expires,
    )


def _of_found(found: Found) -> Facts:
    standing = found.standing
    last = standing.next_answer_number - 1
    return Facts(
        found.label,
        found.served.manifest.task,
        Place.PARKED,
        standing.branch_number,
        standing.session.steps_done,
        standing.accepted,
        standing.accepted,
        last,
        standing.answers[0].number - 1 if standing.answers else last,
        found.byte_count,
        found.label.stepped or None,
    )


def _durable(kept: Kept) -> int:
    if kept.label.durability is Durability.NONE:
        return 0
    return kept.stream.durable if kept.stored else kept.stream.accepted


def _byte_count(label: Label, stream: Stream) -> int:
    """State, context, backlog and answers that are not known to have arrived."""
    session, task = stream.session, stream.task
    answers = [*stream.unreceived, *stream.outbox]
    held = len(plain_of(task.plain).encode(answers)) if answers and isinstance(task, Remembering) else 0
    if stream.finished or stream.parked:
        return held
    rows = 1 + len(session.others)
    held += rows * sum(prod(shape) * np.dtype(dtype).itemsize for _, shape, dtype in label.schema)
    held += session.context.memory.nbytes if session.context else 0
    return held + sum(array.nbytes for chunk in session.chunks for array in chunk.inputs.values())
