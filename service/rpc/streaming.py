"""One stream of any task: the config first, then numbered messages in and answers out at the same time."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, runtime_checkable

import grpc
import structlog
from google.protobuf import duration_pb2

from hiddenstate.v1 import session_pb2
from service.bundle import Manifest
from service.catalog import Catalog, Serving
from service.engine import Engine
from service.errors import Code, Reason, ServiceError, internal, invalid, unserved
from service.rpc.parsing import Unreadable
from service.stream import Message, Stream
from service.tasks.task import Answer, End

log = structlog.get_logger()

# The stubs of grpc.aio do not know it.
END_OF_STREAM: Any = grpc.aio.EOF  # type: ignore[attr-defined]
SESSION_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
VANISHING = 0.001
"""Seconds between the end of a client's input and the news that it is gone, at most."""
MAX_CADENCE = 60.0
BULK_PATIENCE = 1.0
"""Seconds a chunk of a bulk session may wait before it is as urgent as a live one."""


class Codec(Protocol):
    """How one task's messages are read and written; the task itself knows no protobuf."""

    task: str
    request_type: Any

    def options(self, config: Any) -> Any:
        """The task's options in a config. Raises ServiceError for what is out of range or not served."""
        ...

    def payload(self, request: Any, manifest: Manifest) -> Any:
        """The task's message in a request that is neither config, end nor acknowledgement, for the model at hand."""
        ...

    def opened(self, opened: session_pb2.Opened, options: Any) -> Any:
        """The first response."""
        ...

    def responses(self, answers: Sequence[Answer]) -> Iterable[Any]:
        """Responses for answers, in order; as few as the contract allows."""
        ...


@runtime_checkable
class Choosing(Protocol):
    """A codec whose config may say which model is meant without naming it."""

    def choose(self, config: Any, manifests: Sequence[Manifest]) -> Sequence[Manifest]:
        """The models that a config may mean. Raises ServiceError when it can mean none."""
        ...


@dataclass(slots=True)
class _Numbers:
    """Checks the numbers of the client's messages; 0 leaves the numbering to the server."""

    following: int = 1

    def take(self, number: int) -> int | None:
        """The number of a message, or None for one that was taken before."""
        if number > self.following:
            problem = f"message {number} came where {self.following} was due: none may be left out"
            raise invalid(Reason.SEQUENCE_NUMBER_INVALID, problem, "sequence_number")
        if 0 < number < self.following:
            return None
        self.following += 1
        return self.following - 1


class Streaming:
    """Serves the stream of one task, whichever it is."""

    def __init__(self, codec: Codec, catalog: Catalog) -> None:
        self._codec = codec
        self._catalog = catalog

    async def serve(self, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        """From the config to the last answer. Raises the ServiceError of the session if it has one."""
        serving, manifest, stream, opened = self._open(await context.read())
        try:
            await context.write(opened)
            reader = asyncio.create_task(self._read(context, serving.engine, manifest, stream))
            try:
                while answers := await stream.answers():
                    for response in self._codec.responses(answers):
                        await context.write(response)
                if reader.done() and (late := reader.result()) is not None:
                    raise late
            finally:
                reader.cancel()
        finally:
            # Without effect unless the client left before its session ended.
            serving.engine.close(stream)

    def _open(self, request: Any) -> tuple[Serving, Manifest, Stream, Any]:
        config = _config_of(request)
        session = config.session
        _check_session(session)
        choose = partial(self._codec.choose, config) if isinstance(self._codec, Choosing) else None
        served = self._catalog.find(self._codec.task, session.model, session.version, choose)
        serving = served.serving(self._codec.task, explain=getattr(config, "explain", False))
        options = self._codec.options(config)
        session_id = session.session_id or secrets.token_hex(16)
        stream = serving.engine.open(serving.tasks[self._codec.task], options, session_id, _patience(session))
        opened = session_pb2.Opened(
            session_id=session_id,
            model=served.manifest.name,
            version=served.manifest.version,
            next_sequence_number=1,
            next_answer_number=1,
            durability=session_pb2.DURABILITY_NONE,
            variant=serving.variant,
        )
        return serving, served.manifest, stream, self._codec.opened(opened, options)

    async def _read(
        self, context: grpc.aio.ServicerContext[Any, Any], engine: Engine, manifest: Manifest, stream: Stream
    ) -> ServiceError | None:
        """Hand the client's messages to the session; one that is wrong ends it once all before it is answered.

        Returns what is wrong with a message behind the end, which the session itself does not wait for.
        """
        numbers = _Numbers()
        try:
            while not stream.finished:
                request = await context.read()
                if request is END_OF_STREAM:
                    # A client that vanished ends its input, too, just before this RPC is cancelled: wait for that.
                    await asyncio.sleep(VANISHING)
                message = self._message(request, numbers, manifest)
                if message is None:
                    continue
                engine.submit(stream, message)
                if isinstance(message.payload, End):
                    return await self._behind_end(context, numbers, manifest)
                if stream.inbox:
                    await stream.has_room()
        except Exception as error:
            if not isinstance(error, ServiceError):
                # A fault of ours: without a reader the stream would wait for its next message for ever.
                log.exception("reading a stream failed", task=self._codec.task)
                error = internal(error)
            engine.submit(stream, error)
        return None

    async def _behind_end(
        self, context: grpc.aio.ServicerContext[Any, Any], numbers: _Numbers, manifest: Manifest
    ) -> ServiceError | None:
        """Read on until the client closes its side: only acknowledgements and repeated messages may follow an end."""
        while (request := await context.read()) is not END_OF_STREAM:
            try:
                message = self._message(request, numbers, manifest)
            except ServiceError as error:
                return error
            if message is not None:
                return invalid(Reason.MESSAGE_AFTER_END, "a message came after the end: the end is the last one")
        return None

    def _message(self, request: Any, numbers: _Numbers, manifest: Manifest) -> Message | None:
        if request is END_OF_STREAM:
            if numbers.following == 1:
                raise invalid(Reason.STREAM_EMPTY, "the stream ended before its first message: send data, or an end")
            return Message(numbers.following, End())
        if isinstance(request, Unreadable):
            raise request.error
        kind = request.WhichOneof("content")
        if kind == "acknowledgement":
            return None
        if kind == "config":
            raise invalid(
                Reason.CONFIG_REPEATED, "a second config: only the first message of a stream is one", "config"
            )
        if kind is None:
            raise invalid(Reason.MESSAGE_EMPTY, "a message without content: send data, an end or an acknowledgement")
        number = numbers.take(request.sequence_number)
        if number is None:
            return None
        return Message(number, End() if kind == "end" else self._codec.payload(request, manifest))


def _config_of(request: Any) -> Any:
    if request is END_OF_STREAM:
        raise invalid(Reason.STREAM_EMPTY, "the stream is empty: its first message is a config")
    if isinstance(request, Unreadable):
        raise request.error
    if request.WhichOneof("content") != "config":
        raise invalid(Reason.CONFIG_MISSING, "the first message of a stream is its config", "config")
    return request.config


def _check_session(session: session_pb2.SessionConfig) -> None:
    """Refuse what is out of range, and say of each field that is not served yet that it is not."""
    if session.session_id and not SESSION_ID.fullmatch(session.session_id):
        problem = "a session id is 1 to 128 of the characters A-Z a-z 0-9 . _ -"
        raise invalid(Reason.SESSION_ID_INVALID, problem, "config.session.session_id")
    for name in ("resume_token", "received_answer_number"):
        if getattr(session, name):
            problem = f"sessions cannot be resumed on this server: open a new one, without {name}"
            raise unserved(Reason.RESUME_NOT_SERVED, problem, f"config.session.{name}")
    if session.durability not in (session_pb2.DURABILITY_UNSPECIFIED, session_pb2.DURABILITY_NONE):
        problem = "sessions of this server end with their stream: leave the durability unset, or DURABILITY_NONE"
        raise unserved(Reason.DURABILITY_NOT_SERVED, problem, "config.session.durability")
    if session.priority not in session_pb2.Priority.values():
        problem = f"priority {session.priority} is none that this server knows"
        raise invalid(Reason.OPTION_OUT_OF_RANGE, problem, "config.session.priority")
    for field in ("label", "idle_timeout", "initial_state"):
        if session.HasField(field) if field != "initial_state" else session.initial_state:
            raise unserved(
                Reason.OPTION_NOT_SERVED, f"{field} is not served yet: leave it unset", f"config.session.{field}"
            )


def _patience(session: session_pb2.SessionConfig) -> float | None:
    """Seconds a chunk may wait: the cadence if one is declared; None for the server's default."""
    if not session.HasField("cadence_duration"):
        return BULK_PATIENCE if session.priority == session_pb2.PRIORITY_BULK else None
    return _seconds(session.cadence_duration)


def _seconds(cadence: duration_pb2.Duration) -> float:
    seconds: float = cadence.ToNanoseconds() / 1e9
    if not 0 < seconds <= MAX_CADENCE:
        problem = f"a cadence of {seconds:g} s is not above 0 and up to {MAX_CADENCE:g} s"
        raise ServiceError(
            Code.INVALID_ARGUMENT, Reason.OPTION_OUT_OF_RANGE, problem, field="config.session.cadence_duration"
        )
    return seconds
