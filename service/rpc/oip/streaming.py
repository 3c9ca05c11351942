"""One ModelStreamInfer: many sequences on one stream; a bad request is answered by an error, and the stream goes on."""

import asyncio
from functools import partial
from typing import Any

import grpc
import structlog

from hiddenstate.oip import open_inference_pb2 as oip
from service.errors import ServiceError, internal
from service.rpc.oip.inference import Answer, OpenInference
from service.rpc.parsing import Unreadable
from service.rpc.streaming import END_OF_STREAM

log = structlog.get_logger()

MAX_UNANSWERED = 4096
"""Requests of one stream that are not answered yet, or whose answers are not read; then its client has to wait."""


class InferenceStream:
    """Reads requests as they come, and writes answers as they are due: in order within a sequence only."""

    def __init__(self, inference: OpenInference, context: "grpc.aio.ServicerContext[Any, Any]") -> None:
        self._inference = inference
        self._context = context
        self._due: list[tuple[str, Answer]] = []
        self._unanswered = 0
        self._changed = asyncio.Event()
        self._has_room = asyncio.Event()

    async def serve(self) -> None:
        """Until the client has sent all and everything is answered; what it started and did not end ends with it."""
        reader = asyncio.create_task(self._read())
        reader.add_done_callback(self._on_end)
        try:
            while self._unanswered or not reader.done():
                await self._changed.wait()
                self._changed.clear()
                due, self._due = self._due, []
                for request_id, answer in due:
                    await self._context.write(_response(request_id, answer))
                self._unanswered -= len(due)
                self._has_room.set()
            reader.result()
        finally:
            reader.cancel()
            self._inference.sequences.leave(self)

    def _on_end(self, _: "asyncio.Task[None]") -> None:
        self._changed.set()

    async def _read(self) -> None:
        while (request := await self._context.read()) is not END_OF_STREAM:
            self._unanswered += 1
            if isinstance(request, Unreadable):
                self._reply("", request.error)
                continue
            try:
                await self._inference.ask(request, self, self, partial(self._reply, request.id))
            except ServiceError as error:
                self._reply(request.id, error)
            except Exception as error:
                log.exception("a request failed")
                self._reply(request.id, internal(error))
            while self._unanswered >= MAX_UNANSWERED:
                self._has_room.clear()
                await self._has_room.wait()

    def _reply(self, request_id: str, answer: Answer) -> None:
        self._due.append((request_id, answer))
        self._changed.set()


def _response(request_id: str, answer: Answer) -> oip.ModelStreamInferResponse:
    response = oip.ModelStreamInferResponse()
    if isinstance(answer, ServiceError):
        response.error_message = f"{answer.reason.value}: {answer.message}"
        response.infer_response.id = request_id
    else:
        answer(response.infer_response)
    return response
