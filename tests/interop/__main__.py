"""Run clients that others have written against `hiddenstate serve`: `make interop`.

Each is installed into a folder of its own below the user's cache, and runs as a process of its own. Ends with 1 when
one of them fails, with 2 when one can not be had.
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.interop.cases import CASES, Case, repository
from tests.interop.tools import ClientError, MissingToolError, Tool
from tests.processes import served

HEADINGS = ("client", "version", "what was run", "result", "seconds")


@dataclass(frozen=True)
class Outcome:
    """How a case ended; `code` is 0, or what it makes the whole run end with."""

    case: Case
    code: int
    result: str
    seconds: float

    def cells(self) -> tuple[str, ...]:
        """A row of the table."""
        word = ("passed", "FAILED", "MISSING")[self.code]
        return (self.case.tool.name, self.case.tool.version, self.case.what, f"{word}: {self.result}",
                f"{self.seconds:.1f}")  # fmt: skip


def install(tools: list[Tool]) -> dict[Tool, str]:
    """Bring the clients here; returns what is missing, and why."""
    missing = {}
    for tool in tools:
        began = time.monotonic()
        try:
            tool.ensure()
        except MissingToolError as error:
            missing[tool] = str(error)
        took = time.monotonic() - began
        if took > 0.5 or tool in missing:
            print(f"{tool.name} {tool.version}: {missing.get(tool, f'installed in {took:.0f} s')}", flush=True)
    return missing


def outcome(case: Case, address: str) -> Outcome:
    """Run a case."""
    began = time.monotonic()
    try:
        code, result = 0, case.run(case.tool, address)
    except (ClientError, MissingToolError) as error:
        code, result = 1 if isinstance(error, ClientError) else 2, str(error)
    return Outcome(case, code, result, time.monotonic() - began)


def table(outcomes: list[Outcome]) -> str:
    """All outcomes in columns."""
    rows = [HEADINGS, *(each.cells() for each in outcomes)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(lines)


def main() -> int:
    """Install, serve, run, tell."""
    missing = install(list(dict.fromkeys(case.tool for case in CASES)))
    with tempfile.TemporaryDirectory() as folder:
        models = repository(Path(folder) / "models")
        (home := Path(folder) / "home").mkdir()
        with served(home, models=models) as process:
            outcomes = [
                Outcome(case, 2, missing[case.tool], 0.0) if case.tool in missing else outcome(case, process.address)
                for case in CASES
            ]
            alive = process.popen.poll() is None
    print(table(outcomes))
    passed = sum(each.code == 0 for each in outcomes)
    print(f"{passed} of {len(outcomes)} passed{'' if alive else '; the server did not live to the end'}")
    return max(1 if not alive else 0, *(each.code for each in outcomes))


if __name__ == "__main__":
    sys.exit(main())
