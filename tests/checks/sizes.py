"""Lists modules and functions that grew past their limit, and fails on those past the hard one without a reason.

Limits and reasons stand in pyproject.toml under [tool.sizes]; paths are relative to the repository.
"""

from __future__ import annotations

import ast
import statistics
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

SOURCES = ("hiddenstate", "service", "training")
GENERATED = ("hiddenstate/v1", "hiddenstate/oip")


@dataclass(frozen=True)
class Size:
    """Lines of one module (`path`) or of one function (`path:qualified.name`)."""

    name: str
    lines: int


@dataclass(frozen=True)
class Limit:
    """Above `listed` lines a thing is reported, above `refused` it needs a written reason."""

    listed: int
    refused: int


def functions_of(tree: ast.AST, prefix: str) -> Iterator[Size]:
    """Every function of a syntax tree, inner ones too, measured from `def` to its last line."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = f"{prefix}{node.name}"
            if not isinstance(node, ast.ClassDef):
                yield Size(name, (node.end_lineno or node.lineno) - node.lineno + 1)
            yield from functions_of(node, f"{name}.")
        else:
            yield from functions_of(node, prefix)


def measure(root: Path, folders: Iterable[str] = SOURCES) -> tuple[list[Size], list[Size]]:
    """Sizes of all modules and of all functions under `folders`, generated code left out."""
    modules: list[Size] = []
    functions: list[Size] = []
    for folder in folders:
        for path in sorted((root / folder).rglob("*.py")):
            name = path.relative_to(root).as_posix()
            if name.startswith(GENERATED):
                continue
            text = path.read_text(encoding="utf-8")
            modules.append(Size(name, len(text.splitlines())))
            functions.extend(functions_of(ast.parse(text), f"{name}:"))
    return modules, functions


def problems(sizes: Iterable[Size], limit: Limit, reasons: Mapping[str, str]) -> list[str]:
    """One line for each size that is refused."""
    return [
        f"{size.name}: {size.lines} lines, more than {limit.refused}; split it, or give a reason in [tool.sizes]"
        for size in sizes
        if size.lines > limit.refused and not reasons.get(size.name)
    ]


def stale(sizes: Iterable[Size], limit: Limit, names: Iterable[str]) -> list[str]:
    """One line for each name whose reason excuses nothing any more."""
    needed = {size.name for size in sizes if size.lines > limit.refused}
    return [
        f"{name}: its reason in [tool.sizes] is no longer needed; remove it" for name in names if name not in needed
    ]


def describe(kind: str, sizes: list[Size], limit: Limit, reasons: Mapping[str, str]) -> None:
    """Print the count, the median and all that is listed of one kind."""
    if not sizes:
        return
    middle = statistics.median(size.lines for size in sizes)
    print(f"{len(sizes)} {kind}, median {middle:g} lines; above {limit.listed}:")
    listed = sorted((size for size in sizes if size.lines > limit.listed), key=lambda size: -size.lines)
    for size in listed:
        print(f"  {size.lines:5} {size.name}" + (f"  ({reasons[size.name]})" if size.name in reasons else ""))
    if not listed:
        print("  none")


def lines_under(root: Path, folder: str) -> int:
    """Lines of Python under a folder."""
    return sum(len(path.read_text(encoding="utf-8").splitlines()) for path in (root / folder).rglob("*.py"))


def main(root: Path) -> int:
    """Print the report; 1 when something is refused."""
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["sizes"]
    reasons: dict[str, str] = settings.get("exceptions", {})
    module_limit, function_limit = Limit(**settings["modules"]), Limit(**settings["functions"])
    modules, functions = measure(root)
    describe("modules", modules, module_limit, reasons)
    describe("functions", functions, function_limit, reasons)
    source = sum(size.lines for size in modules)
    print(f"source {source} lines, tests {lines_under(root, 'tests')} lines")
    found: list[str] = []
    for sizes, limit, names in (
        (modules, module_limit, [name for name in reasons if ":" not in name]),
        (functions, function_limit, [name for name in reasons if ":" in name]),
    ):
        found += problems(sizes, limit, reasons) + stale(sizes, limit, names)
    for line in found:
        print(f"sizes: {line}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main(Path(__file__).resolve().parents[2]))
