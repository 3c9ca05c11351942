"""Real calls to a server: requests as messages, as JSON or as bytes, and the answers with the status that ends them."""

import asyncio
import base64
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import numpy as np
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pool import Default
from google.protobuf.json_format import ParseDict
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from hiddenstate.oip import open_inference_pb2
from hiddenstate.v1 import (
    classification_pb2,
    forecast_pb2,
    gesture_pb2,
    inference_pb2,
    model_pb2,
    music_pb2,
    sentiment_pb2,
    session_pb2,
    tagging_pb2,
    text_generation_pb2,
    transcription_pb2,
    translation_pb2,
)
from service.config import Settings
from service.server import Running, running
from tests.repositories import REPOSITORY

_CONTRACT = (
    classification_pb2,
    forecast_pb2,
    gesture_pb2,
    inference_pb2,
    model_pb2,
    music_pb2,
    sentiment_pb2,
    session_pb2,
    tagging_pb2,
    text_generation_pb2,
    transcription_pb2,
    translation_pb2,
)
SERVICES = tuple(service.full_name for module in _CONTRACT for service in module.DESCRIPTOR.services_by_name.values())
"""Full names of all services of the contract."""
METHODS: dict[str, MethodDescriptor] = {
    method.name: method for name in SERVICES for method in Default().FindServiceByName(name).methods
}
"""Every method of the contract by its own name, which is unique."""
OPEN_METHODS: dict[str, MethodDescriptor] = {
    method.name: method for method in open_inference_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"].methods
}
"""Those of the Open Inference Protocol, which share no name with the contract's."""
STREAMS = tuple(name for name, method in METHODS.items() if method.client_streaming)
SERVED_STREAMS = (
    "GenerateText",
    "AnalyzeSentiment",
    "TagTokens",
    "Classify",
    "Translate",
    "Forecast",
    "RecognizeGesture",
    "ComposeMusic",
    "Transcribe",
    "Infer",
)

END_OF_STREAM: Any = grpc.aio.EOF  # type: ignore[attr-defined]  # unknown to the stubs
PATIENCE = 5.0
"""Seconds after which a call counts as hung."""


@dataclass(frozen=True)
class Call:
    """A call that has ended: what was answered, and the status with its details; empty where there are none."""

    answers: Sequence[Any]
    code: str
    message: str = ""
    reason: str = ""
    domain: str = ""
    field: str = ""
    retry_seconds: float | None = None

    @property
    def numbers(self) -> list[int]:
        """The answer numbers, in order; interim results have none."""
        return [number for answer in self.answers for number in numbers_of(answer) if number]


def numbers_of(answer: Any) -> list[int]:
    """The answer numbers in one response; 0 for an interim result."""
    kind = answer.WhichOneof("content") if "content" in answer.DESCRIPTOR.oneofs_by_name else None
    if kind == "tokens":
        return [token.answer_number for token in answer.tokens.tokens]
    if kind == "tags":
        return [tag.answer_number for tag in answer.tags.tags]
    if kind == "classifications":
        return [each.answer_number for each in answer.classifications.classifications]
    if kind == "notes":
        return [note.answer_number for note in answer.notes.notes]
    if kind in (
        "completion",
        "composition",
        "result",
        "event",
        "sentence",
        "translation",
        "forecast",
        "outputs",
        "transcript",
    ):
        return [getattr(answer, kind).answer_number]
    return []


def described(method: str) -> MethodDescriptor:
    """A method of either protocol."""
    return METHODS.get(method) or OPEN_METHODS[method]


def path_of(method: str) -> str:
    """The path of a method, as gRPC wants it."""
    descriptor = described(method)
    return f"/{descriptor.containing_service.full_name}/{descriptor.name}"


def request_of(method: str, content: Any) -> bytes:
    """A request as bytes: from a message, from bytes, from hexadecimal {"raw": …}, or from JSON (see `expanded`)."""
    if isinstance(content, bytes):
        return content
    if isinstance(content, Mapping):
        if "raw" in content:
            return bytes.fromhex(expanded(content["raw"]))
        content = ParseDict(expanded(content), GetMessageClass(described(method).input_type)())
    serialized: bytes = content.SerializeToString()
    return serialized


def expanded(content: Any) -> Any:
    """JSON of a message in which two short forms stand for something long.

    {"repeat": [text, count]} is a long text, or a long list with {"as": "list"} beside it. {"array": [...], "dtype":
    "int64"} is a tensor: its type, shape and bytes, each of which the other keys of the mapping may replace.
    """
    if isinstance(content, list):
        return [expanded(item) for item in content]
    if not isinstance(content, Mapping):
        return content
    if "repeat" in content:
        item, count = content["repeat"]
        return [item] * count if content.get("as") == "list" else item * count
    said = {key: expanded(value) for key, value in content.items() if key not in ("array", "dtype")}
    return tensor_json(expanded(content["array"]), content["dtype"]) | said if "array" in content else said


def tensor_json(values: Any, dtype: str) -> dict[str, Any]:
    """A tensor as the JSON of its message."""
    array = np.array(values, dtype)
    data = base64.b64encode(array.tobytes()).decode()
    return {"dataType": f"DATA_TYPE_{dtype.upper()}", "shape": list(array.shape), "data": data}


@dataclass(frozen=True)
class Target:
    """A server to call: streams on `channel`; `blocking` for calls that are to see how they end.

    A stream of grpc.aio that is still being written when the server ends it may report an error of its own instead of
    the server's (grpc/grpc#36066); the blocking API reports the server's.
    """

    address: str
    channel: grpc.aio.Channel
    blocking: grpc.Channel

    def stream(self, method: str, timeout: float | None = PATIENCE) -> Any:
        """A stream that takes bytes and gives messages."""
        answer = GetMessageClass(described(method).output_type)
        return self.channel.stream_stream(path_of(method), response_deserializer=answer.FromString)(timeout=timeout)

    async def call(self, method: str, requests: Iterable[Any], *, timeout: float = PATIENCE) -> Call:
        """Send all requests, close the sending side, and read to the end."""
        sent = [request_of(method, request) for request in requests]
        return await asyncio.to_thread(self._call, method, sent, timeout)

    def _call(self, method: str, sent: Sequence[bytes], timeout: float) -> Call:
        answers: list[Any] = []
        answer = GetMessageClass(described(method).output_type)
        try:
            if described(method).client_streaming:
                make = self.blocking.stream_stream(path_of(method), response_deserializer=answer.FromString)
                for each in make(iter(sent), timeout=timeout):
                    answers.append(each)
            else:
                unary = self.blocking.unary_unary(path_of(method), response_deserializer=answer.FromString)
                answers.append(unary(sent[0], timeout=timeout))
        except grpc.RpcError as error:
            return ended(answers, error)
        return Call(answers, "OK")


async def rest(stream: Any) -> AsyncIterator[Any]:
    """What is still to be read of a stream, to its end."""
    while (response := await stream.read()) is not END_OF_STREAM:
        yield response


@asynccontextmanager
async def target_at(address: str) -> AsyncIterator[Target]:
    """A server that runs already."""
    async with grpc.aio.insecure_channel(address) as channel:
        with grpc.insecure_channel(address) as blocking:
            yield Target(address, channel, blocking)


def ended(answers: Sequence[Any], error: Any) -> Call:
    """A call that ended with an error, its details unpacked."""
    facts: dict[str, Any] = {"code": error.code().name, "message": error.details() or ""}
    status = rpc_status.from_call(error)
    for packed in status.details if status else ():
        info, bad, retry = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
        if packed.Unpack(info):
            facts |= {"reason": info.reason, "domain": info.domain}
        elif packed.Unpack(bad):
            facts["field"] = ",".join(violation.field for violation in bad.field_violations)
        elif packed.Unpack(retry):
            facts["retry_seconds"] = retry.retry_delay.ToNanoseconds() / 1e9
    return Call(answers, **facts)


@asynccontextmanager
async def serving(**settings: Any) -> AsyncIterator[tuple[Running, Target]]:
    """A server of the tiny repository in this process, on a free port."""
    said: dict[str, Any] = {
        "listen": "127.0.0.1:0",
        "metrics_listen": "",
        "models": REPOSITORY,
        "drain_timeout": 0.0,
    } | settings
    # The clients leave last, so that they can see how the server stops.
    async with AsyncExitStack() as clients, running(Settings(**said)) as server:
        yield server, await clients.enter_async_context(target_at(server.address))
