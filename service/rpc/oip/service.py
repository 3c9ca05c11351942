"""The calls of the Open Inference Protocol, each bound to what answers it."""

from collections.abc import Awaitable, Callable
from typing import Any

from google.protobuf.descriptor import ServiceDescriptor

from hiddenstate.oip import open_inference_pb2 as oip
from service.catalog import Catalog
from service.errors import Reason, invalid
from service.loader import Loader
from service.rpc.oip import models
from service.rpc.oip.inference import OpenInference
from service.rpc.oip.repository import Repository
from service.rpc.oip.statistics import RequestStatistics
from service.rpc.oip.streaming import InferenceStream
from service.rpc.parsing import Unreadable

SERVICE: ServiceDescriptor = oip.DESCRIPTOR.services_by_name["GRPCInferenceService"]


class OpenInferenceService:
    """Answers every call; `behaviours` are what gRPC needs, by the name of the method."""

    def __init__(self, catalog: Catalog, loader: Loader) -> None:
        self._catalog = catalog
        self._statistics = RequestStatistics()
        self._inference = OpenInference(catalog, self._statistics)
        self._repository = Repository(catalog, loader)

    @property
    def behaviours(self) -> dict[str, Callable[[Any, Any], Awaitable[Any]]]:
        """What serves each method."""
        unary: dict[str, Callable[[Any], Awaitable[Any]]] = {
            "ServerLive": self._server_live,
            "ServerReady": self._server_ready,
            "ModelReady": self._model_ready,
            "ServerMetadata": self._server_metadata,
            "ModelMetadata": self._model_metadata,
            "ModelInfer": self._inference.infer,
            "ModelConfig": self._model_config,
            "ModelStatistics": self._model_statistics,
            "RepositoryIndex": self._repository.index,
            "RepositoryModelLoad": self._repository.load,
            "RepositoryModelUnload": self._repository.unload,
        }
        return {name: _readable(answer) for name, answer in unary.items()} | {"ModelStreamInfer": self._stream}

    async def _stream(self, _: Any, context: Any) -> None:
        await InferenceStream(self._inference, context).serve()

    async def _server_live(self, _: oip.ServerLiveRequest) -> oip.ServerLiveResponse:
        return oip.ServerLiveResponse(live=True)

    async def _server_ready(self, _: oip.ServerReadyRequest) -> oip.ServerReadyResponse:
        return oip.ServerReadyResponse(ready=not self._catalog.draining)

    async def _model_ready(self, request: oip.ModelReadyRequest) -> oip.ModelReadyResponse:
        if not request.name:
            raise invalid(Reason.MODEL_NAME_MISSING, "name a model: RepositoryIndex lists them", "name")
        return oip.ModelReadyResponse(ready=models.is_ready(self._catalog, request))

    async def _server_metadata(self, _: oip.ServerMetadataRequest) -> oip.ServerMetadataResponse:
        return models.server_metadata()

    async def _model_metadata(self, request: oip.ModelMetadataRequest) -> oip.ModelMetadataResponse:
        return models.metadata(models.find(self._catalog, request.name, request.version), self._catalog)

    async def _model_config(self, request: oip.ModelConfigRequest) -> oip.ModelConfigResponse:
        served = models.find(self._catalog, request.name, request.version)
        return oip.ModelConfigResponse(config=models.configuration(served))

    async def _model_statistics(self, request: oip.ModelStatisticsRequest) -> oip.ModelStatisticsResponse:
        if not request.name:
            return self._statistics.response(self._catalog.served)
        found = models.find(self._catalog, request.name, request.version)
        if request.version:
            return self._statistics.response([found])
        return self._statistics.response(each for each in self._catalog.served if each.manifest.name == request.name)


def _readable(answer: Callable[[Any], Awaitable[Any]]) -> Callable[[Any, Any], Awaitable[Any]]:
    async def respond(request: Any, _: Any) -> Any:
        if isinstance(request, Unreadable):
            raise request.error
        return await answer(request)

    return respond
