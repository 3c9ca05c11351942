"""The task protocol: the engine knows a task by this alone."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, Protocol, TypeVar, runtime_checkable

from service.plain import Part, Plain
from service.session import Chunk, Segment
from service.state import Array


class Progress(Protocol):
    """What a task remembers of one session. `busy`: it takes no further message before it has answered."""

    busy: bool


P = TypeVar("P", bound=Progress)


class Answer(NamedTuple):
    """One item for the client.

    `number` counts the numbered items of a session from 1, given by its steps alone; interim items have 0.
    `sequence_number` is that of the message it answers.
    """

    number: int
    sequence_number: int
    item: Any


class Turn(NamedTuple, Generic[P]):
    """One session's part in a tick: row `row` of the outputs, of which the first `steps` steps are its own."""

    progress: P
    row: int
    steps: int
    segments: tuple[Segment, ...]


class Item(NamedTuple):
    """An item that a task gives in reaction to a tick.

    An interim one is not numbered, and the next one takes its place if it was not sent yet. One that is neither
    interim nor `numbered` is sent once, and lost with its stream.
    """

    sequence_number: int
    value: Any
    interim: bool = False
    numbered: bool = True


class Reaction(NamedTuple):
    """What follows from a turn: items for the client, a chunk the session feeds to itself, and what ends with it.

    `reset` begins a new sequence in the same session; `done` ends the session after these items.
    """

    items: Sequence[Item] = ()
    chunk: Chunk | None = None
    reset: bool = False
    done: bool = False


NOTHING = Reaction()


class Task(Protocol[P]):
    """One task on one model. Stateless itself: all it knows of a session is in its progress."""

    name: str

    def begin(self, options: Any) -> P:
        """The progress of a fresh session. Raises ServiceError when an option does not fit this model."""
        ...

    def accept(self, progress: P, message: Any, sequence_number: int, now: float) -> Chunk:
        """The chunk that a client message stands for. Raises ServiceError for bad input; the session ends then."""
        ...

    def react(self, turns: Sequence[Turn[P]], outputs: Mapping[str, Array], now: float) -> Sequence[Reaction]:
        """What follows for each turn from the outputs [batch, time, ...] of the tick they ran in together.

        There are no outputs for turns without steps. `now` is when the chunks of the reactions arrive.
        """
        ...


@runtime_checkable
class Remembering(Protocol):
    """A task whose sessions can be resumed: all that it remembers, marks and gives is plain data to `plain`.

    A message that it refuses leaves the progress of its session as it was.
    """

    plain: Plain


@runtime_checkable
class Drawing(Protocol):
    """A task whose sessions make random choices."""

    def reseeded(self, progress: Any, options: Any, seed: int) -> Any:
        """Let a session draw from other dice from here on, its options saying so; gives these options."""
        ...


@dataclass(frozen=True, slots=True)
class Finish:
    """The sequence is complete; another one may follow in the same session."""


@dataclass(frozen=True, slots=True)
class End:
    """The client has no more input."""


def plain_of(records: Iterable[type], parts: Mapping[type, Part] | None = None) -> Plain:
    """The encoding of a task, which lists the records and parts of its own."""
    return Plain((Answer, Chunk, End, Finish, *records), parts)
