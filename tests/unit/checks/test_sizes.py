"""The size report counts what it says, and refuses only what has no reason."""

import ast
from pathlib import Path

import pytest

from tests.checks.sizes import Limit, Size, functions_of, main, measure, problems, stale

SOURCE = """
class Table:
    def grow(self):
        def inner():
            return 1

        return inner


async def stream():
    pass
"""

SETTINGS = """
[tool.sizes]
modules = { listed = 5, refused = 9 }
functions = { listed = 3, refused = 6 }
[tool.sizes.exceptions]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "service").mkdir()
    (tmp_path / "service" / "table.py").write_text(SOURCE)
    (tmp_path / "pyproject.toml").write_text(SETTINGS)
    return tmp_path


def test_functions_are_measured_with_their_qualified_names():
    sizes = list(functions_of(ast.parse(SOURCE), "table.py:"))
    assert sizes == [
        Size("table.py:Table.grow", 5),
        Size("table.py:Table.grow.inner", 2),
        Size("table.py:stream", 2),
    ]


def test_generated_code_is_left_out(tmp_path: Path):
    for name in ("hiddenstate/v1/model_pb2.py", "hiddenstate/client.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x = 1\n")
    modules, _ = measure(tmp_path)
    assert modules == [Size("hiddenstate/client.py", 1)]


def test_a_size_past_the_hard_limit_needs_a_reason():
    sizes = [Size("a.py", 10), Size("b.py", 11), Size("c.py", 11)]
    assert [line.split(":")[0] for line in problems(sizes, Limit(5, 10), {"c.py": "a table"})] == ["b.py"]


def test_a_reason_that_excuses_nothing_is_refused():
    found = stale([Size("a.py", 11), Size("b.py", 3)], Limit(5, 10), ["a.py", "b.py", "gone.py"])
    assert [line.split(":")[0] for line in found] == ["b.py", "gone.py"]


def test_the_report_fails_on_an_oversized_module_and_names_it(project: Path, capsys: pytest.CaptureFixture[str]):
    assert main(project) == 1
    assert "service/table.py: 11 lines, more than 9" in capsys.readouterr().err


def test_the_report_passes_once_the_reason_is_written(project: Path, capsys: pytest.CaptureFixture[str]):
    (project / "pyproject.toml").write_text(SETTINGS + '"service/table.py" = "one table"\n')
    assert main(project) == 0
    assert "service/table.py  (one table)" in capsys.readouterr().out
