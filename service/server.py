"""The composition root: settings in, a running server out. The one place that wires everything together."""

import asyncio
import gc
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import grpc
import structlog

from hiddenstate.wakeups import read_at_once
from service.catalog import Catalog, Served, TaskFactory, serve_version
from service.config import Settings
from service.errors import ServiceError
from service.exposition import exposed, taken
from service.keeper import LAST_WRITE, Keeper
from service.keeping import keeper_of
from service.loader import Loader
from service.metrics import RequestCounters
from service.repository import Loaded, Loading, Refused, load_repository, load_version
from service.rpc.services import INFERENCE, add_services
from service.scheduler import Limits
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
from service.turns import Turns

log = structlog.get_logger()

COLLECT_EVERY = 20_000
"""Objects made, less those freed, between two looks of the collector at the young ones; Python's default is 700."""

PINGS = (
    # A client may ask so often whether the connection still stands, also while nothing is said on it.
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    # One that is gone without a word, its machine without power, does not hold its sessions for ever.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.http2.ping_timeout_ms", 20_000),
    ("grpc.http2.max_pings_without_data", 0),
)
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
    catalog = Catalog()
    serving = _serving(catalog, settings)
    for version in load_repository(Path(settings.models), _loading(settings)):
        result = serving(version)
        if isinstance(result, Refused):
            catalog.refuse(result)
        else:
            catalog.add(result)
    return catalog


def loader_of(catalog: Catalog, settings: Settings) -> Loader:
    """What changes the catalog while it serves, with the settings it was loaded with."""
    load = partial(load_version, loading=_loading(settings))
    return Loader(Path(settings.models), load, _serving(catalog, settings), catalog)


def _serving(catalog: Catalog, settings: Settings) -> Callable[[Loaded | Refused], Served | Refused]:
    """What makes the engines of a loaded version, which take turns with all others of the catalog."""
    return partial(_serve_or_refuse, factories=task_factories(settings), settings=settings, turns=catalog.turns)


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Running]:
    """A server, from bound to drained. On leaving it stops admitting, lets open streams finish, and closes."""
    catalog = load_catalog(settings)
    requests = RequestCounters()
    with read_at_once():
        server = grpc.aio.server(
            options=[
                # Two servers on one port would share its connections without a word.
                ("grpc.so_reuseport", 0),
                # Twice the limit: what is a little over gets a reason from us, what is far over is cut by gRPC.
                ("grpc.max_receive_message_length", 2 * settings.max_message_bytes),
                *PINGS,
            ]
        )
    keeper = keeper_of(settings, catalog)
    loader = loader_of(catalog, settings)
    health = add_services(
        server, catalog, keeper, loader, requests, settings.max_message_bytes, durability=settings.durability
    )
    host, port = settings.listen.rsplit(":", 1)[0], _bind(server, settings.listen)
    with exposed(settings, catalog, keeper, requests) as metrics_address:
        loader.start()
        loops = [asyncio.create_task(_expire(catalog)), asyncio.create_task(keeper.run())]
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
    version: Loaded | Refused, factories: dict[str, TaskFactory], settings: Settings, turns: Turns
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
        return serve_version(version, factories, INFERENCE, limits, turns)
    except ServiceError as error:
        version.close()
        return Refused(manifest.name, str(manifest.version), error)


def _bind(server: grpc.aio.Server, address: str) -> int:
    try:
        return server.add_insecure_port(address)
    except RuntimeError as error:
        raise taken(address, "listen") from error


async def _expire(catalog: Catalog) -> None:
    while True:
        await asyncio.sleep(EXPIRY_INTERVAL)
        for engine in catalog.engines:
            engine.expire()


async def _drain(catalog: Catalog, keeper: Keeper, timeout: float) -> None:
    catalog.draining = True
    for engine in catalog.engines:
        engine.stop_admitting()
    # Nothing is lost if this takes long: what ends below was written before.
    await keeper.write_last(max(timeout / 4, LAST_WRITE))
    rest = asyncio.gather(*(engine.drained(timeout) for engine in catalog.engines))
    await keeper.drain(timeout / 2)
    in_time = await rest
    log.info("drained", in_time=all(in_time))


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
