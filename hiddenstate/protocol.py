"""The rules of a stream, free of input and output: config first, messages numbered, each numbered answer taken once.

The blocking and the asynchronous client both speak through it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from google.protobuf.message import Message

from hiddenstate.explanation import StepExplanation, explanation
from hiddenstate.options import SessionOptions
from hiddenstate.results import OpenedSession
from hiddenstate.v1.session_pb2 import Acknowledgement, End

DEFAULT_ADDRESS = "127.0.0.1:50051"
SESSION_ID_KEY = "hiddenstate-session-id"


@dataclass(frozen=True, slots=True)
class Rpc:
    """One RPC of the contract: its full path and its two message types."""

    path: str
    request: type[Message]
    response: type[Message]


@dataclass(slots=True)
class StreamProtocol:
    """One session as its client sees it: what to send next, and what an answer means.

    Not thread-safe in general, but one thread may send while another receives: each side writes its own fields.
    """

    rpc: Rpc
    session_id: str
    opened: OpenedSession | None = None
    received_answer_number: int = 0
    explanations: list[StepExplanation] = field(default_factory=list)
    _sequence_number: int = 0

    @classmethod
    def of(cls, rpc: Rpc, options: SessionOptions) -> StreamProtocol:
        """The client's side of a new session; its name is made up unless the options give one."""
        return cls(rpc, options.get("session_id") or uuid4().hex)

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
        return self.rpc.request(
            **content, sequence_number=self._sequence_number, received_answer_number=self.received_answer_number
        )

    def end(self) -> Any:
        """The last request: a numbered end of the input."""
        return self.message(end=End())

    def acknowledgement(self) -> Any:
        """A request that says only which answers have arrived."""
        return self.rpc.request(acknowledgement=Acknowledgement(), received_answer_number=self.received_answer_number)

    def accept(self, response: Any) -> str | None:
        """The name of the content when it is an answer of the task; None when it was for the session itself."""
        content: str | None = response.WhichOneof("content")
        if content == "opened":
            self.opened = _opened_session(response.opened)
        elif content == "explanation":
            self.explanations.append(explanation(response.explanation))
        return None if content in ("opened", "receipt", "move", "explanation") else content

    def is_new(self, answer_number: int) -> bool:
        """Whether an item is to be taken: an unnumbered one always, a numbered one once."""
        if answer_number == 0:
            return True
        if answer_number <= self.received_answer_number:
            return False
        self.received_answer_number = answer_number
        return True


def _opened_session(opened: Any) -> OpenedSession:
    return OpenedSession(
        session_id=opened.session_id,
        model=opened.model,
        version=opened.version,
        variant=opened.variant,
        seed=opened.seed,
        resume_token=opened.resume_token,
    )
