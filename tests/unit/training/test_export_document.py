"""What docs/export.md tells people to write works as it stands there."""

import re
from pathlib import Path

import typer
from typer.testing import CliRunner

from training.export_commands import export

DOCUMENT = Path(__file__).parents[3] / "docs" / "export.md"


def test_the_documented_file_is_exported_and_verified(tmp_path):
    code = re.search(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert code is not None
    (tmp_path / "own.py").write_text(code[1])
    app = typer.Typer()
    app.command()(export)
    done = CliRunner().invoke(app, [str(tmp_path / "own.py"), "--models", str(tmp_path / "models")])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "models" / "forecaster" / "1" / "manifest.json").is_file()
