"""Every RPC of the contract bound to what serves it; what this version does not serve says so with a reason."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import ModuleType
from typing import Any, TypeAlias

import grpc
import structlog
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha import reflection

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
from service.catalog import Catalog
from service.errors import Reason, ServiceError, internal, unserved
from service.keeper import Keeper
from service.loader import Loader
from service.metrics import RequestCounters
from service.rpc.classification import ClassificationCodec
from service.rpc.codec import Codec
from service.rpc.forecast import ForecastCodec
from service.rpc.gesture import GestureCodec
from service.rpc.health import HEALTH, Health
from service.rpc.inference import InferenceCodec
from service.rpc.models import ModelListing
from service.rpc.music import MusicCodec
from service.rpc.oip.service import SERVICE as OIP
from service.rpc.oip.service import OpenInferenceService
from service.rpc.opening import Opening
from service.rpc.parsing import Unreadable, parser
from service.rpc.principals import principal_of
from service.rpc.sentiment import SentimentCodec
from service.rpc.sessions import SessionCalls
from service.rpc.status import abort
from service.rpc.streaming import Streaming
from service.rpc.tagging import TaggingCodec
from service.rpc.text_generation import TextGenerationCodec
from service.rpc.transcription import TranscriptionCodec
from service.rpc.translation import TranslationCodec

log = structlog.get_logger()

INFERENCE = InferenceCodec.task
"""Name of the task that every model can do."""

CODECS: tuple[type[Codec], ...] = (
    TextGenerationCodec,
    SentimentCodec,
    TaggingCodec,
    ClassificationCodec,
    TranslationCodec,
    ForecastCodec,
    GestureCodec,
    MusicCodec,
    TranscriptionCodec,
    InferenceCodec,
)

_CONTRACT: tuple[ModuleType, ...] = (
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

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
Behaviour = Callable[[Any, Context], Awaitable[Any]]


def add_services(
    server: grpc.aio.Server,
    catalog: Catalog,
    keeper: Keeper,
    loader: Loader,
    requests: RequestCounters,
    max_bytes: int,
    *,
    durability: str = "none",
) -> Health:
    """Bind the whole contract, the Open Inference Protocol, health and reflection.

    `durability`: of sessions that do not say.
    """
    descriptors = [service for module in _CONTRACT for service in module.DESCRIPTOR.services_by_name.values()]
    codecs: dict[str, Codec] = {codec.request_type.DESCRIPTOR.full_name: codec() for codec in CODECS}
    services = {
        codecs[method.input_type.full_name].task: service.full_name
        for service in descriptors
        for method in service.methods
        if method.input_type.full_name in codecs
    }
    behaviours: dict[str, Behaviour] = {
        name: _streaming(Streaming(codec, Opening(codec, catalog, keeper, durability)))
        for name, codec in codecs.items()
    }
    listing = ModelListing(catalog, services)
    behaviours[model_pb2.ListModelsRequest.DESCRIPTOR.full_name] = _unary(listing.list_models)
    behaviours[model_pb2.GetModelRequest.DESCRIPTOR.full_name] = _unary(listing.get_model)
    behaviours |= {name: _of_principal(answer) for name, answer in SessionCalls(keeper, max_bytes).by_request.items()}
    for service in descriptors:
        handlers = {
            method.name: _handler(
                method,
                behaviours.get(method.input_type.full_name) or _unserved(service),
                requests,
                # What is wrong with a snapshot that is too large is said by who reads it.
                2 * max_bytes if method.name == "RestoreSession" else max_bytes,
            )
            for method in service.methods
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service.full_name, handlers),))
    named = OpenInferenceService(catalog, loader).behaviours
    handlers = {method.name: _handler(method, named[method.name], requests, max_bytes) for method in OIP.methods}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(OIP.full_name, handlers),))
    always = {OIP.full_name}
    for module in (model_pb2, session_pb2):
        always |= {service.full_name for service in module.DESCRIPTOR.services_by_name.values()}
    tasks = {name: task for task, name in services.items()}

    def serves() -> dict[str, bool]:
        names = (service.full_name for service in (*descriptors, OIP))
        return {name: name in always or bool(name in tasks and catalog.names(tasks[name])) for name in names}

    reflection.enable_server_reflection((*serves(), HEALTH, reflection.SERVICE_NAME), server)
    found = Health(server, serves)
    catalog.on_change = found.changed
    return found


def _handler(
    method: MethodDescriptor, behaviour: Behaviour, requests: RequestCounters, max_bytes: int
) -> grpc.RpcMethodHandler[Any, Any]:
    name = f"{method.containing_service.full_name}/{method.name}"
    deserialize = parser(GetMessageClass(method.input_type), max_bytes)
    serialize = GetMessageClass(method.output_type).SerializeToString
    make = grpc.stream_stream_rpc_method_handler if method.client_streaming else grpc.unary_unary_rpc_method_handler
    return make(_counted(name, behaviour, requests), deserialize, serialize)


def _counted(name: str, behaviour: Behaviour, requests: RequestCounters) -> Behaviour:
    """Count an RPC by its method and the code it ends with, and end it with its error if it has one."""

    async def counted(request: Any, context: Context) -> Any:
        requests.began(name)
        code = "CANCELLED"
        try:
            result = await behaviour(request, context)
            code = "OK"
            return result
        except ServiceError as error:
            code = error.code.name
            await abort(context, error)
        except grpc.aio.InternalError as error:
            # The client is gone: at times gRPC fails what is written to it before it says so.
            raise asyncio.CancelledError from error
        except Exception as error:
            log.exception("an RPC failed", method=name)
            fault = internal(error)
            code = fault.code.name
            await abort(context, fault)
        finally:
            requests.finished(name, code)

    return counted


def _streaming(streaming: Streaming) -> Behaviour:
    async def serve(_: Any, context: Context) -> None:
        await streaming.serve(context)

    return serve


def _unary(answer: Callable[[Any], Any]) -> Behaviour:
    async def respond(request: Any, _: Context) -> Any:
        if isinstance(request, Unreadable):
            raise request.error
        return answer(request)

    return respond


def _of_principal(answer: Callable[[Any, str], Awaitable[Any]]) -> Behaviour:
    """A method whose answer depends on who asks."""

    async def respond(request: Any, context: Context) -> Any:
        if isinstance(request, Unreadable):
            raise request.error
        return await answer(request, principal_of(context))

    return respond


def _unserved(service: ServiceDescriptor) -> Behaviour:
    message = f"{service.full_name} is not served by this version of the server"

    async def refuse(_: Any, __: Context) -> None:
        raise unserved(Reason.TASK_NOT_SERVED, message)

    return refuse
