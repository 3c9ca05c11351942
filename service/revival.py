"""Revival: from a snapshot to a session that goes on, on the model that it was taken of."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from service.catalog import Catalog, Served, Serving
from service.kept import Kept
from service.listing import Listing
from service.session_metrics import SessionCounters
from service.signing import Keys
from service.snapshot import Label, Sealed, check_fits, opened, seal, unseal
from service.stores.store import Write
from service.stream import Standing

MAX_SNAPSHOT_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Found:
    """A snapshot whose model is served here, with all that its session needs to go on; `standing` is this one's own."""

    label: Label
    served: Served
    serving: Serving
    task: Any
    standing: Standing
    kernels_changed: bool
    byte_count: int

    def renamed(self, label: Label, branch_number: int) -> "Found":
        """As a session under another label, or the same one on another branch."""
        session = replace(self.standing.session, session_id=label.session_id)
        standing = self.standing._replace(session=session, branch_number=branch_number)
        return replace(self, label=label, standing=standing)

    def begin(self, epoch: int | None = None) -> Kept:
        """Let it go on, in its engine. Raises what `Engine.resume` raises."""
        stream = self.serving.engine.resume(self.task, self.standing)
        return Kept(self.label, self.serving, stream, self.served, epoch, kernels_changed=self.kernels_changed)


class Revival:
    """Reads snapshots for one server, and writes those of its sessions."""

    def __init__(
        self,
        catalog: Catalog,
        keys: Keys,
        kernels: str,
        max_idle_timeout: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`kernels`: what the bits of this server depend on. `max_idle_timeout`: seconds no session is kept beyond.
        `clock`: seconds since 1970.
        """
        self.clock = clock
        self.counters = SessionCounters()
        self.kernels = kernels
        self.keys = keys
        self._catalog = catalog
        self.max_idle_timeout = max_idle_timeout

    def unsealed(self, data: bytes, max_bytes: int = MAX_SNAPSHOT_BYTES) -> Sealed:
        """Bytes whose signature was checked. Raises what `unseal` raises."""
        return unseal(data, self.keys, max_bytes)

    def found(self, sealed: Sealed) -> Found:
        """What goes on from a snapshot: with its version of the model, or one that takes its sessions over.

        Raises MODEL_…, SNAPSHOT_…_MISMATCH and SNAPSHOT_MALFORMED.
        """
        label = sealed.label
        version = self._catalog.heir(label.model, label.version)
        served = self._catalog.find(label.task, label.model, version)
        serving = served.serving(label.task, explain=label.variant == "explain")
        digest = served.loaded.bundle.digest
        if version != label.version:
            label = label._replace(version=version, digest=digest)
        check_fits(label, task=label.task, digest=digest, specs=serving.engine.states)
        task: Any = serving.tasks[label.task]
        changed = label.kernels != self.kernels or label.variant != serving.variant
        label = label._replace(
            kernels=self.kernels,
            variant=serving.variant,
            idle_timeout=min(label.idle_timeout, self.max_idle_timeout),
        )
        return Found(label, served, serving, task, opened(sealed, task), changed, len(sealed.content))

    def sealed_again(self, found: Found) -> bytes:
        """What was found as signed bytes."""
        return seal(found.label, found.standing, found.task, self.keys)

    def sealed(self, kept: Kept) -> bytes:
        """A session as signed bytes. Its task remembers; no step of it is in flight: between two ticks."""
        began, stream = time.perf_counter(), kept.stream
        label = kept.label._replace(stepped=self.stepped(kept))
        data = seal(label, kept.serving.engine.snapshot(stream), stream.task, self.keys)  # type: ignore[arg-type]
        self.counters.snapshot_seconds.add(time.perf_counter() - began)
        self.counters.snapshot_bytes.add(len(data))
        return data

    def written(self, kept: Kept, epoch: int) -> Write:
        """A session as its owner writes it to a store. As for `sealed`."""
        label = kept.label
        return Write(label.session_id, epoch, self.sealed(kept), label.idle_timeout, self.listing(kept).encode())

    def listing(self, kept: Kept) -> Listing:
        """What a session is listed by. May be asked by another thread."""
        label, learned = kept.label, kept.served.manifest.task
        return Listing(label.created, self.stepped(kept), label.principal, label.model, label.version, learned)

    def stepped(self, kept: Kept) -> float:
        """When a session last ran, in seconds since 1970; 0 for not yet."""
        stream = kept.stream
        if not stream.session.steps_done:
            return 0.0
        return self.clock() - kept.serving.engine.silence(stream)
