"""Logs: one JSON object a line for machines, columns for people, and no values of variables in traces."""

import json

import pytest
import structlog

from service.logs import configure_logs


@pytest.fixture(autouse=True)
def as_before():
    """Logging is set up once for a process; what these tests set up is taken back."""
    saved = structlog.get_config()
    yield
    structlog.configure(**saved)


def fail_with(secret: str) -> None:
    told = secret.upper()
    raise ValueError(len(told))


def test_json_is_one_object_a_line_on_standard_error(capsys):
    configure_logs("json", "info")
    structlog.get_logger().info("model ready", model="a/1", fallback=None)
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = err.splitlines()
    said = json.loads(line)
    assert (said["event"], said["model"], said["level"]) == ("model ready", "a/1", "info")
    assert said["timestamp"].endswith("Z")
    assert "fallback" not in said, "facts that are not there are left out"


def test_auto_is_json_where_nobody_watches(capsys):
    configure_logs("auto", "info")
    structlog.get_logger().warning("here")
    assert json.loads(capsys.readouterr().err)["event"] == "here"


def test_the_console_is_for_people(capsys):
    configure_logs("console", "info")
    structlog.get_logger().info("here", model="a/1")
    said = capsys.readouterr().err
    assert "here" in said
    assert "model=a/1" in said
    with pytest.raises(json.JSONDecodeError):
        json.loads(said)


@pytest.mark.parametrize(("level", "heard"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_what_is_less_severe_than_the_level_is_not_logged(level: str, heard: int, capsys):
    configure_logs("json", level)
    log = structlog.get_logger()
    for name in ("debug", "info", "warning", "error"):
        getattr(log, name)("said")
    assert len(capsys.readouterr().err.splitlines()) == heard


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_trace_shows_no_values_of_variables(log_format: str, capsys):
    """They hold what clients sent."""
    configure_logs(log_format, "info")
    try:
        fail_with("private text")
    except ValueError:
        structlog.get_logger().exception("a tick failed")
    said = capsys.readouterr().err
    assert "ValueError: 12" in said
    assert "fail_with" in said
    assert "PRIVATE" not in said
