"""`hiddenstate serve`: every setting is a flag, and what is wrong is said in one line with an exit code."""

import re
import socket
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from service import commands, logs
from service.config import Settings
from tests.repositories import PLAIN, REPOSITORY, copy_bundle

app = typer.Typer()
app.command()(commands.serve)


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    """Logging is set up once for a process, and not by a test; no variable of the developer takes part."""
    monkeypatch.setattr(logs, "configure_logs", lambda *_: None)
    for name in Settings.model_fields:
        monkeypatch.delenv(f"HIDDENSTATE_{name.upper()}", raising=False)


def invoke(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, arguments)
    return result.exit_code, re.sub(r"\x1b\[[0-9;]*m", "", result.output)


@pytest.fixture
def taken():
    """An address where somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def test_every_setting_is_a_flag_that_tells_its_default():
    assert invoke("--help")[0] == 0
    told = {option.opts[0]: option.help for option in typer.main.get_command(app).params}
    for name, field in Settings.model_fields.items():
        text = told[f"--{name.replace('_', '-')}"]
        assert field.description in text
        assert f"[default: {field.default}]" in text or field.default == ""


def test_flags_reach_the_settings(monkeypatch):
    seen: list[Settings] = []
    monkeypatch.setattr(commands, "_run", seen.append)
    monkeypatch.setenv("HIDDENSTATE_THREADS", "3")
    assert invoke("--listen", "127.0.0.1:0", "--max-sessions", "7", "--allow-fallback", "--models", "here")[0] == 0
    (settings,) = seen
    assert (settings.listen, settings.max_sessions, settings.threads) == ("127.0.0.1:0", 7, 3)
    assert settings.allow_fallback
    assert settings.models == Path("here")


def test_an_unknown_flag_is_answered_with_the_near_one():
    code, said = invoke("--lisen", "x")
    assert code == 2
    assert "--lisen" in said
    assert "--listen" in said


def test_an_unknown_variable_and_an_unknown_key_of_the_file_are_errors(monkeypatch, tmp_path):
    monkeypatch.setenv("HIDDENSTATE_LISEN", "x")
    code, said = invoke()
    assert code == 2
    assert "'HIDDENSTATE_LISEN' in the environment: did you mean 'HIDDENSTATE_LISTEN'?" in said
    monkeypatch.delenv("HIDDENSTATE_LISEN")
    file = tmp_path / "server.toml"
    file.write_text("lisen = 1")
    code, said = invoke("--config", str(file))
    assert code == 2
    assert "did you mean 'listen'?" in said


@pytest.mark.parametrize("setting", ["listen", "metrics-listen"])
def test_an_address_in_use_is_one_clear_line(setting: str, taken: str, tmp_path):
    copy_bundle(tmp_path, PLAIN)
    addresses = {"listen": "127.0.0.1:0", "metrics-listen": ""} | {setting: taken}
    flags = [word for name, address in addresses.items() for word in (f"--{name}", address)]
    code, said = invoke("--models", str(tmp_path), *flags)
    assert code == 2
    (line,) = said.splitlines()[-1:]
    assert line.startswith(f"error: cannot listen on {taken}")
    assert f"--{setting}" in line


def test_a_repository_that_is_missing_or_empty_is_one_clear_line(tmp_path):
    for root in (tmp_path / "missing", tmp_path):
        code, said = invoke("--models", str(root))
        assert code == 2
        assert said.startswith("error: ")
        assert str(root) in said
        assert "--models" in said


def test_a_device_that_is_not_there_is_an_error_and_no_fallback():
    onnxruntime = pytest.importorskip("onnxruntime")
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this machine has CUDA")
    code, said = invoke("--models", str(REPOSITORY), "--device", "cuda")
    assert code == 1
    assert "DEVICE_NOT_AVAILABLE" in said
    assert "--device cpu" in said
