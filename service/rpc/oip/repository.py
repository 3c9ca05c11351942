"""The model repository of the protocol: which versions there are, and loading and unloading them."""

from hiddenstate.oip import open_inference_pb2 as oip
from service.catalog import Catalog
from service.errors import Reason, invalid, unserved
from service.loader import Loader

Index = oip.RepositoryIndexResponse.ModelIndex


class Repository:
    """Answers for the one repository of this server."""

    def __init__(self, catalog: Catalog, loader: Loader) -> None:
        self._catalog = catalog
        self._loader = loader

    async def index(self, request: oip.RepositoryIndexRequest) -> oip.RepositoryIndexResponse:
        """Every version: those that serve, were refused, are about to end, or are not loaded."""
        _check_repository(request.repository_name)
        served = {(each.manifest.name, str(each.manifest.version)): ("READY", "") for each in self._catalog.served}
        leaving = {
            (each.manifest.name, str(each.manifest.version)): ("UNLOADING", "") for each in self._catalog.leaving
        }
        refused = {(each.name, each.version): ("UNAVAILABLE", each.error.message) for each in self._catalog.refused}
        on_disk = dict.fromkeys(self._loader.places(), ("UNAVAILABLE", "not loaded"))
        known = on_disk | refused | leaving | served
        return oip.RepositoryIndexResponse(
            models=[
                Index(name=name, version=version, state=state, reason=reason)
                for (name, version), (state, reason) in sorted(known.items(), key=lambda item: _order(item[0]))
                if state == "READY" or not request.ready
            ]
        )

    async def load(self, request: oip.RepositoryModelLoadRequest) -> oip.RepositoryModelLoadResponse:
        """Load all versions of a model that are new or have changed. Raises what is wrong with the first of them."""
        _check_repository(request.repository_name)
        if request.parameters:
            problem = f"{min(request.parameters)}: models are loaded as they lie in the repository"
            raise unserved(Reason.OPTION_NOT_SERVED, problem, "parameters")
        await self._loader.load(_name(request.model_name))
        return oip.RepositoryModelLoadResponse()

    async def unload(self, request: oip.RepositoryModelUnloadRequest) -> oip.RepositoryModelUnloadResponse:
        """Serve a model no more; its live sequences go on to their end."""
        _check_repository(request.repository_name)
        # No model depends on another: `unload_dependents` says nothing here.
        self._loader.unload(_name(request.model_name))
        return oip.RepositoryModelUnloadResponse()


def _check_repository(name: str) -> None:
    if name:
        problem = f"there is no repository {name!r}: this server has one, without a name"
        raise invalid(Reason.OPTION_OUT_OF_RANGE, problem, "repository_name")


def _name(name: str) -> str:
    if not name:
        raise invalid(Reason.MODEL_NAME_MISSING, "name a model: RepositoryIndex lists them", "model_name")
    return name


def _order(place: tuple[str, str]) -> tuple[str, int]:
    return place[0], int(place[1])
