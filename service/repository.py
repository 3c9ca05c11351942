"""The model repository: the versions on disk, each loaded and checked, or refused with a reason."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from service.bundle import MANIFEST_FILE, Bundle, load_bundle
from service.errors import BundleError, Code, Reason, ServiceError
from service.model import Model, load_explain, load_model

VERSION = re.compile("[1-9][0-9]{0,8}")
"""Nine digits at most: a version is a uint32 in the contract."""


@dataclass(frozen=True)
class Loading:
    """How models are loaded; see `config.Settings`. Batch sizes up to `max_batch_rows` are warmed."""

    device: str = "cpu"
    allow_fallback: bool = False
    precision: Literal["fp32", "int8", "auto"] = "fp32"
    threads: int = 1
    max_batch_rows: int = 256


@dataclass(frozen=True)
class Loaded:
    """One version that is ready: its golden vectors were replayed and every batch size was warmed.

    `explain`: its graph that also tells what the gates do, if it has one.
    """

    bundle: Bundle
    model: Model
    variant: str
    explain: Model | None = None

    def close(self) -> None:
        """Free the graphs."""
        self.model.close()
        if self.explain is not None:
            self.explain.close()


@dataclass(frozen=True)
class Refused:
    """One version that does not serve, and why."""

    name: str
    version: str
    error: ServiceError


def load_repository(root: Path, loading: Loading) -> list[Loaded | Refused]:
    """Load every version below `root` (`<name>/<version>/`), in order of name and version.

    A version that is refused does not keep the others from serving. Raises SETTING_INVALID when `root` holds none,
    and DEVICE_NOT_AVAILABLE when the device is not there for any of them.
    """
    if not root.is_dir():
        message = f"the model repository {root} is no folder: give one with --models, or HIDDENSTATE_MODELS"
        raise ServiceError(Code.INVALID_ARGUMENT, Reason.SETTING_INVALID, message)
    results = [load_version(folder, loading) for folder in version_folders(root)]
    if not results:
        message = f"{root} holds no bundle (<name>/<version>/{MANIFEST_FILE}): export one, or give another --models"
        raise ServiceError(Code.INVALID_ARGUMENT, Reason.SETTING_INVALID, message)
    return results


def version_folders(root: Path) -> Iterator[Path]:
    """Folders `<name>/<version>` whose version is a number from 1 on; all others, hidden ones too, are left out."""
    for model in sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")):
        versions = (path for path in model.iterdir() if VERSION.fullmatch(path.name))
        yield from sorted(versions, key=lambda path: int(path.name))


def load_version(folder: Path, loading: Loading) -> Loaded | Refused:
    """Load one version. A device that is missing is raised: it is a setting, not a fault of the bundle."""
    name, version = folder.parent.name, folder.name
    try:
        bundle = load_bundle(folder)
        _check_place(bundle, name, version)
        variant = _variant(bundle, loading.precision)
        model = load_model(
            bundle, variant, device=loading.device, allow_fallback=loading.allow_fallback, threads=loading.threads
        )
        model.warm_up(_batch_sizes(loading.max_batch_rows))
        explain = load_explain(
            bundle, device=loading.device, allow_fallback=loading.allow_fallback, threads=loading.threads
        )
    except ServiceError as error:
        if error.reason in (Reason.DEVICE_NOT_AVAILABLE, Reason.SETTING_INVALID):
            raise
        return Refused(name, version, error)
    except Exception as error:
        # A bundle may be damaged in ways nobody thought of; the rest of the repository still serves.
        message = f"{folder} cannot be loaded: {type(error).__name__}: {error}"
        return Refused(name, version, BundleError(Reason.BUNDLE_DAMAGED, message))
    return Loaded(bundle, model, variant, explain)


def _check_place(bundle: Bundle, name: str, version: str) -> None:
    said = (bundle.manifest.name, str(bundle.manifest.version))
    if said != (name, version):
        message = f"{bundle.folder} says it is {said[0]} {said[1]}: its folder must be {said[0]}/{said[1]}"
        raise BundleError(Reason.BUNDLE_MANIFEST_INVALID, message)


def _variant(bundle: Bundle, precision: str) -> str:
    if precision == "auto":
        return "int8" if "int8" in bundle.manifest.variants else "fp32"
    return precision


def _batch_sizes(most: int) -> list[int]:
    """1, 2, 4, … and the largest batch."""
    return sorted({1 << power for power in range(most.bit_length())} | {most})
