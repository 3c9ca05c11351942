"""Generates the Python stubs of `protos/` into the `hiddenstate` package.

python protos/generate.py            write them
python protos/generate.py --check    write nothing; exit 1 and name the files when they are stale
"""

import argparse
import sys
import tempfile
from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc

PROTOS = Path(__file__).resolve().parent
ROOT = PROTOS.parent
PATTERNS = ("*_pb2.py", "*_pb2.pyi", "*_pb2_grpc.py")


class GenerationError(Exception):
    """protoc refused the files; it has said why."""


def generate(target: Path) -> None:
    """Write the stubs of all protos below `target`. Raises GenerationError."""
    sources = sorted(str(path) for path in (PROTOS / "hiddenstate").rglob("*.proto"))
    well_known = files("grpc_tools") / "_proto"
    outputs = [f"--{kind}_out={target}" for kind in ("python", "pyi", "grpc_python")]
    if protoc.main(["protoc", f"-I{PROTOS}", f"-I{well_known}", *outputs, *sources]) != 0:
        raise GenerationError("protoc failed; see its message above")


def stubs(root: Path) -> dict[str, str]:
    """The stubs below `root`: path relative to it to text."""
    package = root / "hiddenstate"
    found = (path for pattern in PATTERNS for path in package.rglob(pattern))
    return {path.relative_to(root).as_posix(): path.read_text() for path in found}


def stale() -> list[str]:
    """Paths of stubs that differ from what the protos give, are missing, or have no proto any more."""
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        fresh = stubs(Path(folder))
    current = stubs(ROOT)
    return sorted(path for path in fresh.keys() | current.keys() if fresh.get(path) != current.get(path))


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(description="Generate the Python stubs of the protos.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when the stubs are stale")
    try:
        if not parser.parse_args(arguments).check:
            generate(ROOT)
            return 0
        paths = stale()
    except GenerationError as error:
        print(error, file=sys.stderr)
        return 1
    if paths:
        print("stale stubs, run `make proto`: " + ", ".join(paths), file=sys.stderr)
    return 1 if paths else 0


if __name__ == "__main__":
    sys.exit(main())
