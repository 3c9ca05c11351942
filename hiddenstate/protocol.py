"""The rules of a stream, free of input and output: config first, messages numbered, each numbered answer taken once.

The blocking and the asynchronous client both speak through it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from google.protobuf.message import Message

from hiddenstate.errors import ServerError
from hiddenstate.explanation import StepExplanation, explanation
from hiddenstate.options import SessionOptions
from hiddenstate.replay import Replay
from hiddenstate.results import OpenedSession, ResumePoint
from hiddenstate.resuming import is_busy, is_lost, moving
from hiddenstate.v1 import session_pb2
from hiddenstate.v1.session_pb2 import Acknowledgement, End

DEFAULT_ADDRESS = "127.0.0.1:50051"
SESSION_ID_KEY = "hiddenstate-session-id"
ACKNOWLEDGE_EVERY = 64
"""Answers that are acknowledged together; a server stops a session of which 1024 are not."""
_SURVIVING = ("memory", "stored")


@dataclass(frozen=True, slots=True)
class Rpc:
    """One RPC of the contract: its full path and its two message types."""

    path: str
    request: type[Message]
    response: type[Message]


@dataclass(slots=True)
class StreamProtocol:
    """One session as its client sees it: what to send next, and what an answer means.

    Not thread-safe in general, but one thread may number messages while another takes items: each side writes its own
    fields. `add`, `next_request`, `accept` and `begin_again` are called one at a time.
    """

    rpc: Rpc
    session_id: str
    opened: OpenedSession | None = None
    received_answer_number: int = 0
    handled_answer_number: int = 0
    explanations: list[StepExplanation] = field(default_factory=list)
    replay: Replay = field(default_factory=Replay)
    attached: bool = False
    moves: ServerError | None = None
    _point: ResumePoint | None = None
    _named: bool = False
    _survives: bool = False
    _token: str = ""
    _config: Any = None
    _config_due: bool = True
    _acknowledged: int = 0
    _sequence_number: int = 0
    _belated: bool = False

    @classmethod
    def of(cls, rpc: Rpc, options: SessionOptions) -> StreamProtocol:
        """The client's side of a session: one that goes on, or a new one; its name is made up unless it is given."""
        point = options.get("resume")
        if isinstance(point, str):
            point = ResumePoint(point)
        name = options.get("session_id") or (point.session_id if point else "")
        protocol = cls(rpc, name or uuid4().hex, _named=bool(name), _survives=options.get("durability") in _SURVIVING)
        if point is not None:
            protocol._point = point
            protocol._token = point.token
            protocol.received_answer_number = protocol._acknowledged = point.received_answer_number
            protocol.handled()
        return protocol

    @property
    def resumes(self) -> bool:
        """Whether the session was there before its next call."""
        return bool(self._token)

    @property
    def reached(self) -> tuple[int, ...]:
        """Numbers that only grow while the session goes on."""
        return (self.received_answer_number, self.replay.durable)

    @property
    def had_all(self) -> bool:
        """Of a stream that has ended: whether its caller went on from behind the last answer of the session."""
        return self._point is not None and self._point.received_answer_number == self.received_answer_number

    @property
    def acknowledgement_due(self) -> bool:
        """Whether the server should be told what has arrived, even if there is nothing else to say."""
        return self.replay.keeping and self.handled_answer_number - self._acknowledged >= ACKNOWLEDGE_EVERY

    @property
    def closes(self) -> bool:
        """Whether the sending side may be closed once all is sent: only where nothing will have to be acknowledged."""
        return self.replay.all_sent and not self._config_due and not self.replay.keeping

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Headers of the call: the session's name, so that a proxy can route by it."""
        return ((SESSION_ID_KEY, self.session_id),)

    def config(self, config: Any) -> Any:
        """The first request. `config.session.session_id` is set here."""
        config.session.session_id = self.session_id
        return self.rpc.request(config=config)

    def message(self, **content: Any) -> Any:
        """The next numbered request, with one content such as `text=SentimentText(...)`."""
        self._sequence_number += 1
        return self.rpc.request(**content, sequence_number=self._sequence_number)

    def end(self) -> Any:
        """The last request: a numbered end of the input."""
        return self.message(end=End())

    def number_on(self) -> None:
        """Number messages from where the session stands: its caller says only what was not said before."""
        assert self.opened is not None
        self._sequence_number = self.opened.next_sequence_number - 1

    def add(self, request: Any) -> None:
        """Something to send: the config, or a numbered message when the buffer is not full."""
        if request.WhichOneof("content") == "config":
            self._config = request
        else:
            self.replay.add(request)

    def next_request(self) -> Any | None:
        """What to send now on the call in use; None when there is nothing."""
        if self._config_due:
            return self._opening() if self._config is not None else None
        if self.resumes and not self.attached:
            return None  # The server will say where to go on.
        request: Any = self.replay.next()
        if request is None and self.acknowledgement_due:
            request = self.rpc.request(acknowledgement=Acknowledgement())
        if request is None:
            return None
        request.received_answer_number = self._acknowledged = self.handled_answer_number
        return request

    def accept(self, response: Any) -> str | None:
        """The name of the content when it is an answer of the task; None when it was for the session itself.

        Raises ServerError when a session that goes on has lost what was safe.
        """
        content: str | None = response.WhichOneof("content")
        self.replay.trim(response.durable_sequence_number)
        if content == "opened":
            self._open(response.opened)
        elif content == "move":
            self._token = response.move.resume_token or self._token
            self.moves = moving(response.move.grace_duration.ToNanoseconds() / 1e9)
        elif content == "explanation":
            self._explain(response.explanation)
        return None if content in ("opened", "receipt", "move", "explanation") else content

    def is_new(self, answer_number: int) -> bool:
        """Whether an item is to be taken: an unnumbered one always, a numbered one once."""
        if answer_number == 0:
            return True
        if answer_number <= self.received_answer_number:
            return False
        self.handled()
        self.received_answer_number = answer_number
        return True

    def handled(self) -> None:
        """The caller asks for more, so it has dealt with what it was given: only now may that be acknowledged.

        What was acknowledged never comes again, not even to a caller that dies over it.
        """
        self.handled_answer_number = self.received_answer_number

    def new(self, items: Iterable[Any]) -> Iterator[Any]:
        """Those that are to be taken of the items of an answer, each marked as received when it is asked for."""
        return (item for item in items if self.is_new(item.answer_number))

    def can_go_on(self, error: ServerError) -> bool:
        """Whether another call may go on after this one has failed so."""
        if self.resumes:
            mine = self._belated and error.reason == "SESSION_TAKEN_OVER"
            return mine or is_lost(error) or is_busy(error, self.attached)
        # Nothing was answered: a session that is to survive is asked for once more.
        return self.opened is None and self._survives and is_lost(error)

    def begin_again(self) -> None:
        """Another call follows: with the token, or from the start where the server has not answered yet."""
        # A server that stood still may carry out a call that was given up, and take the session from the next one.
        self._belated = self.resumes and not self.attached
        self._config_due, self.attached, self.moves = True, False, None
        if not self.resumes:
            self.replay.rewind(1)
            if not self._named:
                # The server may know the name from the call that was lost.
                self.session_id = uuid4().hex

    @property
    def point(self) -> ResumePoint | None:
        """Where the session goes on; None when it cannot be resumed."""
        return ResumePoint(self._token, self.received_answer_number, self.session_id) if self._token else None

    def _opening(self) -> Any:
        self._config_due = False
        if not self.resumes:
            self._config.config.session.session_id = self.session_id
            return self._config
        request: Any = self.rpc.request()
        request.config.session.resume_token = self._token
        request.config.session.received_answer_number = self._acknowledged = self.handled_answer_number
        return request

    def _open(self, opened: session_pb2.Opened) -> None:
        self.opened = _opened_session(opened)
        self.attached, self.session_id = True, opened.session_id or self.session_id
        if self.resumes:
            self.replay.rewind(opened.next_sequence_number)
        self._token = opened.resume_token
        if not self._token:
            self.replay.forget()

    def _explain(self, message: Any) -> None:
        """Steps that a session had to take once more were told before."""
        if not self.explanations or message.step_number > self.explanations[-1].step_number:
            self.explanations.append(explanation(message))


def _opened_session(opened: session_pb2.Opened) -> OpenedSession:
    return OpenedSession(
        session_id=opened.session_id,
        model=opened.model,
        version=opened.version,
        variant=opened.variant,
        seed=opened.seed,
        resume_token=opened.resume_token,
        next_sequence_number=opened.next_sequence_number,
        durability=session_pb2.Durability.Name(opened.durability).removeprefix("DURABILITY_").lower(),
        kernels_changed=opened.kernels_changed,
    )
