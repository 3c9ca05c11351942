"""The composition root: settings in, a running server out. The one place that wires everything together."""

import asyncio
import contextlib
import gc
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import grpc
import structlog
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, start_http_server

from service.catalog import Catalog, Served, TaskFactory, serve_version
from service.config import Settings
from service.engine import Engine
from service.errors import Code, Reason, ServiceError
from service.keeper import Keeper
from service.kernels import kernels
from service.loader import Loader
from service.metrics import EngineReading, RequestCounters, ServerCollector
from service.repository import Loaded, Loading, Refused, load_repository, load_version
from service.rpc.services import INFERENCE, add_services
from service.scheduler import Limits
from service.signing import Keys
from service.stores.file import FileStore
from service.stores.redis import RedisStore
from service.stores.store import Store, StoreError
from service.tasks.classification import ClassificationTask
from service.tasks.decoding_inference import inference_of
from service.tasks.forecast import Forecasting
from service.tasks.gesture import GestureRecognition
from service.tasks.inference import input_specs
from service.tasks.music import MusicComposition
from service.tasks.sentiment import SentimentAnalysis
from service.tasks.tagging import Tagging
from service.tasks.text_generation import TextGeneration
from service.tasks.transcription import Transcription
from service.tasks.translation import TranslationTask

log = structlog.get_logger()

COLLECT_EVERY = 20_000
"""Objects made, less those freed, between two looks of the collector at the young ones; Python's default is 700."""

EXPIRY_INTERVAL = 1.0
"""Seconds between two looks for sessions that were silent for too long."""


@dataclass(frozen=True)
class Running:
    """A server that serves: the addresses it is bound to, and what it serves."""

    address: str
    metrics_address: str | None
    catalog: Catalog


def task_factories(settings: Settings) -> dict[str, TaskFactory]:
    """The tasks this server can do, by name."""
    return {
        INFERENCE: lambda bundle: inference_of(bundle, max_steps=settings.max_backlog_steps // 2),
        "text_generation": lambda bundle: TextGeneration.from_bundle(bundle, settings.max_text_characters),
        "tagging": Tagging.from_bundle,
        "classification": ClassificationTask.from_bundle,
        "translation": lambda bundle: TranslationTask.from_bundle(bundle, settings.max_text_characters),
        "forecast": Forecasting.from_bundle,
        "gesture": GestureRecognition.from_bundle,
        "music": MusicComposition.from_bundle,
        "transcription": Transcription.from_bundle,
        "sentiment": lambda bundle: SentimentAnalysis.from_bundle(bundle, settings.max_text_characters),
    }


def _loading(settings: Settings) -> Loading:
    return Loading(
        settings.device, settings.allow_fallback, settings.precision, settings.threads, settings.max_batch_rows
    )


def load_catalog(settings: Settings) -> Catalog:
    """Load the repository and make an engine for each version. Must run inside the event loop that will serve."""
    factories = task_factories(settings)
    served: list[Served] = []
    refused: list[Refused] = []
    for version in load_repository(Path(settings.models), _loading(settings)):
        result = _serve_or_refuse(version, factories, settings)
        (refused if isinstance(result, Refused) else served).append(result)  # type: ignore[arg-type]
    return Catalog(served, refused)


def keeper_of(settings: Settings, catalog: Catalog) -> Keeper:
    """What keeps sessions that outlive their streams. Raises SETTING_INVALID."""
    if settings.durability == "stored" and not settings.store:
        raise _wrong_setting("durability", "sessions can only be stored in a store: give one with --store")
    store: Store | None = None
    try:
        if settings.store.startswith(("redis://", "rediss://", "unix://")):
            store = RedisStore(settings.store)
        elif settings.store:
            store = FileStore(Path(settings.store))
    except StoreError as error:
        raise _wrong_setting("store", str(error)) from error
    beside = f"{settings.store}.keys" if isinstance(store, FileStore) else ""
    if isinstance(store, RedisStore) and not settings.signing_keys:
        raise _wrong_setting("signing_keys", "servers that share a store share their keys: name a file of them")
    path = settings.signing_keys or beside
    return Keeper(
        catalog,
        Keys.from_file(Path(path)) if path else Keys.fresh(),
        store,
        kernels=kernels(),
        interval=settings.checkpoint_interval,
        idle_timeout=settings.idle_timeout,
    )


def _wrong_setting(name: str, problem: str) -> ServiceError:
    return ServiceError(Code.INVALID_ARGUMENT, Reason.SETTING_INVALID, f"{name}: {problem}", field=name)


def loader_of(catalog: Catalog, settings: Settings) -> Loader:
    """What changes the catalog while it serves, with the settings it was loaded with."""
    load = partial(load_version, loading=_loading(settings))
    serving = partial(_serve_or_refuse, factories=task_factories(settings), settings=settings)
    return Loader(Path(settings.models), load, serving, catalog)


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Running]:
    """A server, from bound to drained. On leaving it stops admitting, lets open streams finish, and closes."""
    catalog = load_catalog(settings)
    requests = RequestCounters()
    server = grpc.aio.server(
        options=[
            # Two servers on one port would share its connections without a word.
            ("grpc.so_reuseport", 0),
            # Twice the limit: what is a little over gets a reason from us, what is far over is cut by gRPC.
            ("grpc.max_receive_message_length", 2 * settings.max_message_bytes),
        ]
    )
    keeper = keeper_of(settings, catalog)
    loader = loader_of(catalog, settings)
    health = add_services(
        server, catalog, keeper, loader, requests, settings.max_message_bytes, durability=settings.durability
    )
    host, port = settings.listen.rsplit(":", 1)[0], _bind(server, settings.listen)
    with _metrics(settings, catalog, requests) as metrics_address:
        loader.start()
        loops = [asyncio.create_task(_expire(catalog, keeper)), asyncio.create_task(keeper.run())]
        await server.start()
        await health.serving()
        _announce(catalog, f"{host}:{port}", metrics_address)
        try:
            yield Running(f"{host}:{port}", metrics_address, catalog)
        finally:
            await health.draining()
            await _drain(catalog, keeper, settings.drain_timeout)
            await server.stop(grace=1.0)
            await keeper.close()
            for loop in loops:
                loop.cancel()
            await asyncio.gather(*loops, return_exceptions=True)
            await loader.stop()
            log.info("stopped")


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with running(settings):
        # What was made so far stays, and next to all that a tick makes is freed by its count alone: the collector need
        # not look at the former at all, nor at the latter every few messages.
        gc.collect()
        gc.freeze()
        gc.set_threshold(COLLECT_EVERY)
        await stop.wait()
        log.info("stopping", drain_timeout=settings.drain_timeout)


def _serve_or_refuse(
    version: Loaded | Refused, factories: dict[str, TaskFactory], settings: Settings
) -> Served | Refused:
    if isinstance(version, Refused):
        return version
    manifest = version.bundle.manifest
    step_bytes = sum(spec.step_bytes for spec in input_specs(manifest))
    limits = Limits(
        max_sessions=settings.max_sessions,
        max_batch_rows=settings.max_batch_rows,
        max_chunk_steps=min(settings.max_chunk_steps, manifest.limits.max_chunk_steps),
        max_backlog_steps=max(2, min(settings.max_backlog_steps, settings.max_backlog_bytes // step_bytes)),
        idle_timeout=settings.idle_timeout,
        whole_sequence=manifest.whole_sequence,
        max_context_bytes=settings.max_context_bytes,
    )
    try:
        return serve_version(version, factories, INFERENCE, limits)
    except ServiceError as error:
        version.close()
        return Refused(manifest.name, str(manifest.version), error)


def _bind(server: grpc.aio.Server, address: str) -> int:
    try:
        return server.add_insecure_port(address)
    except RuntimeError as error:
        raise _taken(address, "listen") from error


def _taken(address: str, setting: str) -> ServiceError:
    flag = f"--{setting.replace('_', '-')}"
    message = f"cannot listen on {address}: is another server there? Give another {flag} (port 0: any free one)"
    return ServiceError(Code.UNAVAILABLE, Reason.SETTING_INVALID, message, field=setting)


async def _expire(catalog: Catalog, keeper: Keeper) -> None:
    while True:
        await asyncio.sleep(EXPIRY_INTERVAL)
        await keeper.expire()
        for engine in catalog.engines:
            engine.expire()


async def _drain(catalog: Catalog, keeper: Keeper, timeout: float) -> None:
    catalog.draining = True
    for engine in catalog.engines:
        engine.stop_admitting()
    await keeper.drain()
    in_time = await asyncio.gather(*(engine.drained(timeout) for engine in catalog.engines))
    log.info("drained", in_time=all(in_time))


@contextlib.contextmanager
def _metrics(settings: Settings, catalog: Catalog, requests: RequestCounters) -> Iterator[str | None]:
    """The Prometheus endpoint, in a thread of its own."""
    if not settings.metrics_listen:
        yield None
        return
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    registry.register(ServerCollector(requests, lambda: readings(catalog), lambda: load_states(catalog)))
    host, port = settings.metrics_listen.rsplit(":", 1)
    try:
        httpd, thread = start_http_server(int(port), host, registry)
    except OSError as error:
        raise _taken(settings.metrics_listen, "metrics_listen") from error
    try:
        yield f"{host}:{httpd.server_port}"
    finally:
        httpd.shutdown()
        httpd.server_close()
        thread.join()


def readings(catalog: Catalog) -> list[EngineReading]:
    """All engines at the moment of a scrape; that of an explain graph has the version `<version>/explain`."""
    return [_reading(engine) for engine in catalog.engines]


def _reading(engine: Engine) -> EngineReading:
    model, version = engine.name.split("/", 1)
    return EngineReading(model, version, engine.counters, engine.gauges)


def load_states(catalog: Catalog) -> dict[tuple[str, str], str]:
    """Whether each version is ready or refused."""
    refused = {(each.name, each.version): "refused" for each in catalog.refused}
    return refused | {(each.manifest.name, str(each.manifest.version)): "ready" for each in catalog.served}


def _announce(catalog: Catalog, address: str, metrics_address: str | None) -> None:
    for each in catalog.served:
        log.info(
            "model ready",
            model=each.engine.name,
            task=each.manifest.task,
            variant=each.loaded.variant,
            device=str(each.loaded.model.device),
            fallback=each.loaded.model.device.fallback,
        )
    for refused in catalog.refused:
        log.error(
            "model refused",
            model=f"{refused.name}/{refused.version}",
            reason=refused.error.reason.value,
            problem=refused.error.message,
        )
    log.info("serving", address=address, metrics=metrics_address, models=len(catalog.served))
