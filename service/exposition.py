"""The metrics of a server over HTTP, for Prometheus."""

import contextlib
from collections import Counter
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, start_http_server

from service.catalog import Catalog
from service.config import Settings
from service.engine import Engine
from service.errors import Code, Reason, ServiceError
from service.facts import Place
from service.keeper import Keeper
from service.metrics import EngineReading, RequestCounters, ServerCollector
from service.session_metrics import SessionCollector, SessionReading


@contextlib.contextmanager
def exposed(settings: Settings, catalog: Catalog, keeper: Keeper, requests: RequestCounters) -> Iterator[str | None]:
    """The Prometheus endpoint, in a thread of its own."""
    if not settings.metrics_listen:
        yield None
        return
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    registry.register(ServerCollector(requests, lambda: readings(catalog), lambda: load_states(catalog)))
    registry.register(SessionCollector(lambda: session_reading(keeper)))
    host, port = settings.metrics_listen.rsplit(":", 1)
    try:
        httpd, thread = start_http_server(int(port), host, registry)
    except OSError as error:
        raise taken(settings.metrics_listen, "metrics_listen") from error
    try:
        yield f"{host}:{httpd.server_port}"
    finally:
        httpd.shutdown()
        httpd.server_close()
        thread.join()


def readings(catalog: Catalog) -> list[EngineReading]:
    """All engines at the moment of a scrape; that of an explain graph has the version `<version>/explain`."""
    return [_reading(engine) for engine in catalog.engines]


def session_reading(keeper: Keeper) -> SessionReading:
    """All sessions at the moment of a scrape."""
    kepts = list(keeper.sessions.values())
    places = Counter({place.name.lower(): 0 for place in Place})
    places.update(Place.of(kept).name.lower() for kept in kepts if not kept.stream.parked)
    places["parked"] = len(keeper.parking.memory) + sum(kept.stream.parked for kept in kepts)
    behind = [kept.stream.accepted - kept.stream.durable for kept in kepts if kept.stored and not kept.stream.finished]
    lag = keeper.lag
    return SessionReading(keeper.revival.counters, places, lag, None if lag is None else max(behind, default=0))


def _reading(engine: Engine) -> EngineReading:
    model, version = engine.name.split("/", 1)
    return EngineReading(model, version, engine.counters, engine.gauges)


def load_states(catalog: Catalog) -> dict[tuple[str, str], str]:
    """Whether each version is ready or refused."""
    refused = {(each.name, each.version): "refused" for each in catalog.refused}
    return refused | {(each.manifest.name, str(each.manifest.version)): "ready" for each in catalog.served}


def taken(address: str, setting: str) -> ServiceError:
    """Another server listens there."""
    flag = f"--{setting.replace('_', '-')}"
    message = f"cannot listen on {address}: is another server there? Give another {flag} (port 0: any free one)"
    return ServiceError(Code.UNAVAILABLE, Reason.SETTING_INVALID, message, field=setting)
