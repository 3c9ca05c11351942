"""Runs every static check, each to its end, and shows the output of those that fail."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Check:
    """One command; `shown` prints its output even when it passes."""

    name: str
    command: tuple[str, ...]
    shown: bool = False


CHECKS = (
    Check("lint", ("ruff", "check", "--quiet", ".")),
    Check("format", ("ruff", "format", "--quiet", "--diff", ".")),
    Check("import contracts", ("lint-imports", "--no-cache")),
    Check("protocol lint", ("buf", "lint")),
    Check("protocol format", ("buf", "format", "--diff", "--exit-code")),
    Check("protocol compatible", ("buf", "breaking", "--against", "protos/baseline.binpb")),
    Check("stubs up to date", ("python", "protos/generate.py", "--check")),
    Check("types", ("mypy",)),
    Check("sizes", ("python", "tests/checks/sizes.py"), shown=True),
)


def passes(check: Check) -> bool:
    """Run one check and print its line, and its output where that is wanted."""
    started = time.monotonic()
    program, *arguments = check.command
    result = subprocess.run(
        [str(BIN / program), *arguments],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    passed = result.returncode == 0
    print(f"{'passed' if passed else 'FAILED'}  {check.name:20} {time.monotonic() - started:6.1f} s", flush=True)
    if check.shown or not passed:
        print(result.stdout.rstrip(), flush=True)
    return passed


def main() -> int:
    """Run all checks; 1 when one fails."""
    failed = [check.name for check in CHECKS if not passes(check)]
    print(
        f"{len(CHECKS) - len(failed)} of {len(CHECKS)} checks passed"
        + (f"; failed: {', '.join(failed)}" if failed else "")
    )
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
