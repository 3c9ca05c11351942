"""One stream of any task: the config first, then numbered messages in and answers out at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import grpc
import structlog

from hiddenstate.v1 import session_pb2
from service.errors import Code, Reason, ServiceError, internal, invalid
from service.rpc.codec import Codec
from service.rpc.opening import Joined, Opening
from service.rpc.parsing import Unreadable
from service.rpc.principals import principal_of
from service.stream import Message, Stream
from service.tasks.task import Answer, End

log = structlog.get_logger()

# The stubs of grpc.aio do not know it.
END_OF_STREAM: Any = grpc.aio.EOF  # type: ignore[attr-defined]
VANISHING = 0.001
"""Seconds between the end of a client's input and the news that it is gone, at most."""
RECEIPT_EVERY = 16
"""Messages without an answer after which their client is told how far they have come."""


class Streaming:
    """Serves the stream of one task, whichever it is."""

    def __init__(self, codec: Codec, opening: Opening) -> None:
        self._codec = codec
        self._opening = opening

    async def serve(self, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        """From the config to the last answer. Raises the ServiceError of the session if it has one."""
        joined = await self._opening.join(_config_of(await context.read()), principal_of(context))
        try:
            opened = self._opening.opened(joined)
            opened.durable_sequence_number = joined.durable
            await context.write(opened)
            reader = asyncio.create_task(self._read(context, joined))
            try:
                await self._write(context, joined, type(opened))
                if reader.done() and (late := reader.result()) is not None:
                    raise late
            finally:
                reader.cancel()
        finally:
            self._opening.leave(joined)

    async def _write(self, context: grpc.aio.ServicerContext[Any, Any], joined: Joined, kind: type[Any]) -> None:
        """Give the client all answers; `kind`: what they travel in."""
        stream = joined.stream
        while (answers := await stream.answers(joined.attachment)) or not stream.finished:
            if joined.kept is None:
                for response in self._codec.responses(answers):
                    await context.write(response)
            else:
                for response in self._resumable(joined, answers, kind):
                    await context.write(response)

    def _resumable(self, joined: Joined, answers: Sequence[Answer], kind: type[Any]) -> list[Any]:
        """The responses of a session that can be resumed, with how far its messages are safe."""
        responses = list(self._codec.responses(answers))
        if (move := self._opening.move(joined)) is not None:
            responses.append(kind(move=move))
        if not responses:
            responses = [kind(receipt=session_pb2.Receipt(accepted_sequence_number=joined.stream.taken))]
        responses[-1].durable_sequence_number = joined.durable
        return responses

    async def _read(self, context: grpc.aio.ServicerContext[Any, Any], joined: Joined) -> ServiceError | None:
        """Hand the client's messages to the session; one that is wrong ends it once all before it is answered.

        Returns what is wrong with a message behind the end, which the session itself does not wait for.
        """
        stream = joined.stream
        inbound = _Inbound(self._codec, joined)
        try:
            while not stream.finished and stream.attachment == joined.attachment:
                request = await context.read()
                if stream.attachment != joined.attachment:
                    return None  # It came too late to acknowledge anything: the answers are somebody else's now.
                if request is END_OF_STREAM:
                    # A client that vanished ends its input, too, just before this RPC is cancelled: wait for that.
                    await asyncio.sleep(VANISHING)
                message = inbound.message(request)
                if message is None:
                    continue
                joined.engine.submit(stream, message)
                if isinstance(message.payload, End):
                    return await self._behind_end(context, inbound)
                stream.unconfirmed += 1
                if joined.kept is not None and stream.unconfirmed >= RECEIPT_EVERY:
                    stream.wake_for_receipt()
                if stream.inbox:
                    await stream.has_room()
        except Exception as error:
            if not isinstance(error, ServiceError):
                # A fault of ours: without a reader the stream would wait for its next message for ever.
                log.exception("reading a stream failed", task=self._codec.task)
                error = internal(error)
            if stream.attachment == joined.attachment:
                joined.engine.submit(stream, error)
        return None

    async def _behind_end(self, context: grpc.aio.ServicerContext[Any, Any], inbound: _Inbound) -> ServiceError | None:
        """Read on until the client closes its side: only acknowledgements and repeated messages may follow an end."""
        while (request := await context.read()) is not END_OF_STREAM:
            try:
                message = inbound.message(request)
            except ServiceError as error:
                return error
            if message is not None:
                return invalid(Reason.MESSAGE_AFTER_END, "a message came after the end: the end is the last one")
        return None


class _Inbound:
    """Messages of one client: numbered, each taken once. The number 0 leaves the numbering to the server."""

    def __init__(self, codec: Codec, joined: Joined) -> None:
        self._codec = codec
        self._manifest = joined.manifest
        self._stream: Stream = joined.stream
        self._resumable = joined.kept is not None
        # Of a session that goes on the input may have ended before: closing this side says nothing.
        self._needs_end = joined.attachment > 1

    def message(self, request: Any) -> Message | None:
        """The message for the task in a request, if it is one that was not taken before. Raises ServiceError."""
        if request is END_OF_STREAM:
            return self._closed()
        if isinstance(request, Unreadable):
            raise request.error
        if self._resumable and request.received_answer_number:
            self._stream.acknowledge(request.received_answer_number)
        kind = request.WhichOneof("content")
        if kind == "acknowledgement":
            return None
        if kind == "config":
            raise invalid(
                Reason.CONFIG_REPEATED, "a second config: only the first message of a stream is one", "config"
            )
        if kind is None:
            raise invalid(Reason.MESSAGE_EMPTY, "a message without content: send data, an end or an acknowledgement")
        if not self._is_next(request.sequence_number):
            return None
        payload = End() if kind == "end" else self._codec.payload(request, self._manifest)
        self._stream.taken += 1
        return Message(self._stream.taken, payload)

    def _is_next(self, number: int) -> bool:
        """Whether a message is the next one, not one taken before. Raises SEQUENCE_NUMBER_INVALID for a gap."""
        if number == 0:
            return True
        self._needs_end = self._resumable
        following = self._stream.taken + 1
        if number > following:
            problem = f"message {number} came where {following} was due: none may be left out"
            raise invalid(Reason.SEQUENCE_NUMBER_INVALID, problem, "sequence_number")
        return number == following

    def _closed(self) -> Message:
        """The client has closed its side: that ends the input, unless it may come back."""
        if self._needs_end:
            message = "the stream ended without a numbered end: resume the session, and send what is left and an end"
            raise ServiceError(Code.FAILED_PRECONDITION, Reason.END_MISSING, message)
        if self._stream.taken == 0:
            raise invalid(Reason.STREAM_EMPTY, "the stream ended before its first message: send data, or an end")
        self._stream.taken += 1
        return Message(self._stream.taken, End())


def _config_of(request: Any) -> Any:
    if request is END_OF_STREAM:
        raise invalid(Reason.STREAM_EMPTY, "the stream is empty: its first message is a config")
    if isinstance(request, Unreadable):
        raise request.error
    if request.WhichOneof("content") != "config":
        raise invalid(Reason.CONFIG_MISSING, "the first message of a stream is its config", "config")
    return request.config
