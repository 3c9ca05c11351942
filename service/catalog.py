"""The catalog: which model versions are served, each by its engine, and which tasks they can do."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from service.bundle import Bundle, Manifest
from service.engine import Engine
from service.errors import Code, Reason, ServiceError, invalid, unserved
from service.model import Model
from service.repository import Loaded, Refused
from service.scheduler import Limits
from service.specs import decoding_of, state_specs
from service.tasks.explaining import Explaining
from service.tasks.inference import input_specs
from service.tasks.task import Task
from service.turns import Turns

TaskFactory = Callable[[Bundle], Task[Any]]
Choice = Callable[[Sequence[Manifest]], Sequence[Manifest]]
"""Narrows the models of a task down by what the client asks for. Raises ServiceError when none suits."""


MAX_EXPLAINED_SESSIONS = 64
"""Of one version at once: their graph is slower, and each of their steps is kilobytes of answers."""


@dataclass(frozen=True)
class Serving:
    """A graph of a version at work: its engine, and `tasks` by the name of the endpoint that uses them."""

    engine: Engine
    tasks: Mapping[str, Task[Any]]
    variant: str


@dataclass(frozen=True, eq=False)
class Served:
    """One version that serves; `explain` is its graph that also tells what the gates do, if it has one."""

    loaded: Loaded
    plain: Serving
    explain: Serving | None = None

    @property
    def engine(self) -> Engine:
        """The engine of all sessions that do not ask for explanations."""
        return self.plain.engine

    @property
    def tasks(self) -> Mapping[str, Task[Any]]:
        """What the version can do, by the name of the endpoint."""
        return self.plain.tasks

    def serving(self, task: str, *, explain: bool) -> Serving:
        """What serves a session. Raises OPTION_NOT_SERVED when it asks for explanations and there are none."""
        if not explain:
            return self.plain
        if self.explain is None or task not in self.explain.tasks:
            problem = f"{self.manifest.name} {self.manifest.version} has no explain graph"
            message = f"{problem}: export it again, or ask without explain"
            raise unserved(Reason.OPTION_NOT_SERVED, message, "config.explain")
        return self.explain

    @property
    def engines(self) -> tuple[Engine, ...]:
        """Those of all its graphs."""
        return tuple(serving.engine for serving in (self.plain, self.explain) if serving is not None)

    @property
    def manifest(self) -> Manifest:
        """What the bundle says of itself."""
        return self.loaded.bundle.manifest


class Catalog:
    """Finds the version a client asks for. `leaving`: versions whose last sessions go on to their end.

    `on_change` is called whenever other versions are served than before. `turns`: those that its engines take.
    """

    def __init__(self, served: Iterable[Served] = (), refused: Iterable[Refused] = ()) -> None:
        self.turns = Turns()
        self.served = tuple(served)
        self.refused = tuple(refused)
        self.leaving: tuple[Served, ...] = ()
        self.draining = False
        self.on_change: Callable[[], object] = lambda: None

    @property
    def engines(self) -> tuple[Engine, ...]:
        """All engines that run."""
        return tuple(engine for each in (*self.served, *self.leaving) for engine in each.engines)

    def named(self, name: str) -> Served | None:
        """The newest version of a model that serves."""
        versions = [served for served in self.served if served.manifest.name == name]
        return max(versions, key=lambda served: served.manifest.version, default=None)

    def version(self, name: str, version: int) -> Served | None:
        """One version, if it serves."""
        place = (name, version)
        return next((each for each in self.served if (each.manifest.name, each.manifest.version) == place), None)

    def heir(self, name: str, version: int) -> int:
        """The version that goes on with sessions of one: itself while it serves, else the latest that takes them over;
        itself where there is none.
        """
        if self.version(name, version) is not None:
            return version
        manifests = [served.manifest for served in self.served if served.manifest.name == name]
        heirs = [manifest.version for manifest in manifests if version in manifest.takes_over]
        return max(heirs, default=version)

    def add(self, served: Served) -> None:
        """Serve one more version; it was refused before, maybe."""
        self.served = (*self.served, served)
        place = (served.manifest.name, str(served.manifest.version))
        self.refused = tuple(each for each in self.refused if (each.name, each.version) != place)
        self.on_change()

    def refuse(self, refused: Refused) -> None:
        """Tell of a version why it does not serve."""
        self.forget(refused)
        self.refused = (*self.refused, refused)

    def forget(self, refused: Refused) -> None:
        """A version that was refused is of no interest any more."""
        place = (refused.name, refused.version)
        self.refused = tuple(each for each in self.refused if (each.name, each.version) != place)

    def remove(self, served: Served) -> None:
        """Offer a version no more; its engines go on until it has `left`."""
        self.served = tuple(each for each in self.served if each is not served)
        self.leaving = (*self.leaving, served)
        self.on_change()

    def left(self, served: Served) -> None:
        """The last session of a version has ended."""
        self.leaving = tuple(each for each in self.leaving if each is not served)

    def find(self, task: str, name: str, version: int, choose: Choice | None = None) -> Served:
        """The version of a model, the newest when `version` is 0; an empty name means the only one for the task, or the
        only one that `choose` leaves of those.

        Raises what `choose` raises, MODEL_NAME_MISSING, MODEL_NOT_FOUND, MODEL_VERSION_NOT_FOUND, MODEL_NOT_READY or
        MODEL_TASK_MISMATCH.
        """
        name = name or self._only_name(task, choose)
        versions = [served for served in self.served if served.manifest.name == name]
        found = [served for served in versions if version in (0, served.manifest.version)]
        if not found:
            raise self._not_found(name, version, versions)
        newest = max(found, key=lambda served: served.manifest.version)
        if task not in newest.tasks:
            purpose = newest.manifest.task if newest.manifest.frontend else "tensors alone (it has no frontend)"
            message = f"model {name!r} is for {purpose}, not for {task}; {self._suggestion(task)}"
            raise invalid(Reason.MODEL_TASK_MISMATCH, message, "config.session.model")
        return newest

    def names(self, task: str) -> list[str]:
        """Names of the models that can do a task."""
        return sorted({served.manifest.name for served in self.served if task in served.tasks})

    def _only_name(self, task: str, choose: Choice | None) -> str:
        names = self.names(task)
        if choose is not None and names:
            manifests = [served.manifest for served in self.served if task in served.tasks]
            names = sorted({manifest.name for manifest in choose(manifests)})
        if len(names) == 1:
            return names[0]
        message = f"which model? {self._suggestion(task)}"
        raise invalid(Reason.MODEL_NAME_MISSING, message, "config.session.model")

    def _suggestion(self, task: str) -> str:
        names = self.names(task)
        return f"for {task} there is {', '.join(names)}" if names else f"no model for {task} is served"

    def _not_found(self, name: str, version: int, versions: Sequence[Served]) -> ServiceError:
        for refused in self.refused:
            if refused.name == name and version in (0, int(refused.version)):
                message = f"model {name!r} version {refused.version} was refused: {refused.error.message}"
                return ServiceError(Code.FAILED_PRECONDITION, Reason.MODEL_NOT_READY, message)
        if versions:
            known = ", ".join(str(served.manifest.version) for served in versions)
            message = f"model {name!r} has no version {version}, only {known}"
            return ServiceError(Code.NOT_FOUND, Reason.MODEL_VERSION_NOT_FOUND, message)
        known = ", ".join(sorted({served.manifest.name for served in self.served})) or "none"
        return ServiceError(Code.NOT_FOUND, Reason.MODEL_NOT_FOUND, f"no model {name!r}; served are: {known}")


def serve_version(
    loaded: Loaded,
    factories: Mapping[str, TaskFactory],
    generic: str,
    limits: Limits,
    turns: Turns,
) -> Served:
    """An engine for a loaded version, with the generic task and, where the bundle has a frontend, its own.

    `turns`: those of all engines of the loop.

    Raises BundleError when the bundle does not fit its task.
    """
    manifest = loaded.bundle.manifest
    names = {generic, manifest.task} if manifest.frontend else {generic}
    tasks = {name: factories[name](loaded.bundle) for name in names & set(factories)}
    plain = Serving(_engine(manifest, str(manifest.version), loaded.model, limits, turns), tasks, loaded.variant)
    if loaded.explain is None or manifest.explain is None:
        return Served(loaded, plain)
    limits = replace(limits, max_sessions=min(limits.max_sessions, MAX_EXPLAINED_SESSIONS))
    layers = manifest.explain.layers
    watching = {name: Explaining(task, layers) for name, task in tasks.items() if name != generic}
    engine = _engine(manifest, f"{manifest.version}/explain", loaded.explain, limits, turns)
    return Served(loaded, plain, Serving(engine, watching, "explain"))


def _engine(manifest: Manifest, version: str, model: Model, limits: Limits, turns: Turns) -> Engine:
    return Engine(
        f"{manifest.name}/{version}",
        model,
        inputs=input_specs(manifest),
        states=state_specs(manifest),
        decoding=decoding_of(manifest),
        limits=limits,
        on_device=model.device.kind != "cpu",
        turns=turns,
    )
