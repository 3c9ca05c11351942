"""The standard health service: it says of each service whether it serves, and follows models that come and go."""

import asyncio
from collections.abc import Callable, Mapping

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

HEALTH: str = health.SERVICE_NAME


class Health:
    """Each service of the contract, and the server as a whole under the empty name."""

    def __init__(self, server: grpc.aio.Server, services: Callable[[], Mapping[str, bool]]) -> None:
        """`services`: whether each one serves now."""
        self._servicer = health.aio.HealthServicer()  # type: ignore[attr-defined]  # unknown to the stubs
        health_pb2_grpc.add_HealthServicer_to_server(self._servicer, server)
        self._services = services
        self._telling: asyncio.Task[None] | None = None

    async def serving(self) -> None:
        """Ready."""
        await self._set("", True)
        await self._tell()

    def changed(self) -> None:
        """Models have come or gone, and a task with them, maybe."""
        self._telling = asyncio.create_task(self._tell())

    async def draining(self) -> None:
        """About to stop: balancers send nobody here any more."""
        await self._servicer.enter_graceful_shutdown()

    async def _tell(self) -> None:
        for name, serves in self._services().items():
            await self._set(name, serves)

    async def _set(self, name: str, serves: bool) -> None:
        status = health_pb2.HealthCheckResponse.SERVING if serves else health_pb2.HealthCheckResponse.NOT_SERVING
        await self._servicer.set(name, status)
