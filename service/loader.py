"""Loads and unloads models while others serve: what is new is swapped in once it is ready, what goes may finish."""

import asyncio
import hashlib
import math
from collections.abc import Callable
from pathlib import Path

import structlog

from service.bundle import MANIFEST_FILE
from service.catalog import Catalog, Served
from service.errors import Code, Reason, ServiceError
from service.memory import give_back
from service.repository import Loaded, Refused, version_folders

log = structlog.get_logger()

Load = Callable[[Path], Loaded | Refused]
Serve = Callable[[Loaded], Served | Refused]


class Loader:
    """The one that changes a catalog and runs the engines in it. All methods belong to the event loop that serves."""

    def __init__(self, root: Path, load: Load, serve: Serve, catalog: Catalog) -> None:
        """`load` makes a version ready, in a thread; `serve` gives it an engine."""
        self._root = root
        self._load = load
        self._serve = serve
        self._catalog = catalog
        self._loops: dict[Served, list[asyncio.Task[None]]] = {}
        self._departures: set[asyncio.Task[None]] = set()
        self._one_at_a_time = asyncio.Lock()

    def start(self) -> None:
        """Run the engines of all that the catalog serves."""
        for served in self._catalog.served:
            self._run(served)

    async def stop(self) -> None:
        """End all engines, which have drained, and free their models."""
        for departure in self._departures:
            departure.cancel()
        await asyncio.gather(*self._departures, return_exceptions=True)
        for served in list(self._loops):
            await self._free(served)

    def places(self) -> list[tuple[str, str]]:
        """Name and version of all that lies in the repository."""
        return [(folder.parent.name, folder.name) for folder in version_folders(self._root)]

    async def load(self, name: str) -> None:
        """Load the versions of a model that are new or have changed, each complete before it takes over.

        Raises MODEL_NOT_FOUND when none lies in the repository, and the error of the first version that is refused;
        the version that it was to replace serves on then.
        """
        async with self._one_at_a_time:
            folders = [folder for folder in version_folders(self._root) if folder.parent.name == name]
            if not folders:
                message = f"the repository holds no model {name!r}"
                raise ServiceError(Code.NOT_FOUND, Reason.MODEL_NOT_FOUND, message)
            refused = [each for each in [await self._load_one(folder) for folder in folders] if each]
        if refused:
            raise refused[0].error

    def unload(self, name: str) -> None:
        """Serve a model no more: no new sequence, and the live ones go on to their end. Raises MODEL_NOT_FOUND."""
        going = [served for served in self._catalog.served if served.manifest.name == name]
        refused = [each for each in self._catalog.refused if each.name == name]
        if not going and not refused:
            message = f"no model {name!r} is loaded"
            raise ServiceError(Code.NOT_FOUND, Reason.MODEL_NOT_FOUND, message)
        for each in refused:
            self._catalog.forget(each)
        for served in going:
            self._retire(served)

    async def _load_one(self, folder: Path) -> Refused | None:
        """Load one version, if it is not the one that serves already; returns it if it is refused."""
        name, version = folder.parent.name, folder.name
        current = self._catalog.version(name, int(version))
        if current is not None and await asyncio.to_thread(_digest, folder) == current.loaded.bundle.digest:
            return None
        loaded = await asyncio.to_thread(self._load, folder)
        result = loaded if isinstance(loaded, Refused) else self._serve(loaded)
        if isinstance(result, Refused):
            log.error("model refused", model=f"{name}/{version}", problem=result.error.message)
            if current is None:
                self._catalog.refuse(result)
            return result
        if current is not None:
            self._retire(current)
        self._catalog.add(result)
        self._run(result)
        log.info("model ready", model=result.engine.name, variant=result.loaded.variant)
        return None

    def _run(self, served: Served) -> None:
        self._loops[served] = [asyncio.create_task(engine.run()) for engine in served.engines]

    def _retire(self, served: Served) -> None:
        self._catalog.remove(served)
        for engine in served.engines:
            engine.stop_admitting()
        departure = asyncio.create_task(self._depart(served))
        self._departures.add(departure)
        departure.add_done_callback(self._departures.discard)

    async def _depart(self, served: Served) -> None:
        """Wait for the last sequence, which ends or falls silent, and free the model."""
        await asyncio.gather(*(engine.drained(math.inf) for engine in served.engines))
        await self._free(served)
        give_back()
        log.info("model unloaded", model=served.engine.name)

    async def _free(self, served: Served) -> None:
        loops = self._loops.pop(served)
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
        served.loaded.close()
        self._catalog.left(served)


def _digest(folder: Path) -> str:
    """That of the manifest, which holds those of all files; empty where there is none."""
    path = folder / MANIFEST_FILE
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
