"""A bundle on disk: one folder, one manifest, and files whose digests the manifest holds."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from service.bundle.manifest import MANIFEST_FILE, Manifest
from service.errors import BundleError, Reason

_MAX_MANIFEST_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle whose manifest, paths and digests were checked. `digest` is the SHA-256 of the manifest,
    which holds the digests of all other files, so it names the bundle's whole content.
    """

    folder: Path
    manifest: Manifest
    digest: str

    def path(self, name: str) -> Path:
        """Where the listed file `name` lies. Raises BundleError for a name that the manifest does not list."""
        if name not in self.manifest.files:
            raise BundleError(Reason.BUNDLE_PATH_OUTSIDE, f"{name!r} is not a file of bundle {self.folder.name!r}")
        return self.folder / name


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def load_bundle(folder: Path | str) -> Bundle:
    """Read and check a bundle: its manifest, that every file lies inside it, and every digest. Cheap: loads no graph.

    Raises BundleError with BUNDLE_MISSING_FILE, BUNDLE_MANIFEST_INVALID, BUNDLE_PATH_OUTSIDE or BUNDLE_DIGEST_MISMATCH.
    """
    folder = Path(folder)
    raw = _inside(folder, MANIFEST_FILE).read_bytes()
    manifest = _parse(raw, folder)
    for name, digest in manifest.files.items():
        found = sha256_of(_inside(folder, name))
        if found != digest:
            raise BundleError(
                Reason.BUNDLE_DIGEST_MISMATCH,
                f"{folder / name}: SHA-256 is {found[:12]}…, the manifest says {digest[:12]}…; "
                "the file was changed or damaged, copy or export the bundle again",
            )
    return Bundle(folder, manifest, hashlib.sha256(raw).hexdigest())


def _parse(raw: bytes, folder: Path) -> Manifest:
    if len(raw) > _MAX_MANIFEST_BYTES:
        raise BundleError(Reason.BUNDLE_MANIFEST_INVALID, f"{folder / MANIFEST_FILE} is larger than 4 MiB")
    try:
        return Manifest.model_validate_json(raw)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
        text = "; ".join(f"{'.'.join(map(str, fault['loc'])) or 'manifest'}: {fault['msg']}" for fault in faults[:5])
        outside = any("stay inside the bundle" in fault["msg"] for fault in faults)
        reason = Reason.BUNDLE_PATH_OUTSIDE if outside else Reason.BUNDLE_MANIFEST_INVALID
        raise BundleError(reason, f"{folder / MANIFEST_FILE}: {text}") from error


def _inside(folder: Path, name: str) -> Path:
    """The regular file `name` of `folder`; no component below the folder may be a symbolic link."""
    path = folder
    for part in name.split("/"):
        path = path / part
        if path.is_symlink():
            raise BundleError(Reason.BUNDLE_PATH_OUTSIDE, f"{path} is a symbolic link; a bundle holds plain files only")
    if not path.is_file():
        raise BundleError(Reason.BUNDLE_MISSING_FILE, f"{path} is missing; copy or export the bundle again")
    return path
