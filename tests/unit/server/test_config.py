"""Settings: flags over environment over file over defaults; what is wrong is named, with what to write instead."""

from pathlib import Path

import pytest

from service.config import Settings, load_settings
from service.errors import Reason, ServiceError


def refused(flags=None, environment=None, file=None) -> str:
    with pytest.raises(ServiceError) as caught:
        load_settings(flags or {}, environment or {}, file)
    assert caught.value.reason == Reason.SETTING_INVALID
    return caught.value.message


@pytest.fixture
def toml(tmp_path):
    def write(text: str) -> Path:
        path = tmp_path / "server.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_the_defaults_listen_on_loopback_alone():
    settings = load_settings({}, {})
    assert settings == Settings()
    assert settings.listen == "127.0.0.1:50051"
    assert settings.metrics_listen == "127.0.0.1:9090"
    assert settings.models == Path("models")


def test_flags_win_over_the_environment_and_that_over_the_file(toml):
    file = toml('threads = 2\nmax_sessions = 20\ndevice = "auto"\nidle_timeout = 5')
    environment = {"HIDDENSTATE_THREADS": "3", "HIDDENSTATE_MAX_SESSIONS": "30", "PATH": "/bin"}
    settings = load_settings({"threads": 4}, environment, file)
    assert (settings.threads, settings.max_sessions, settings.device) == (4, 30, "auto")
    assert settings.idle_timeout == 5.0
    assert settings.max_batch_rows == 256


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_can_be_given_by_the_environment(name: str):
    default = Settings.model_fields[name].default
    settings = load_settings({}, {f"HIDDENSTATE_{name.upper()}": str(default)})
    assert getattr(settings, name) == default


def test_the_variables_of_the_client_are_not_the_servers():
    assert load_settings({}, {"HIDDENSTATE_ADDRESS": "somewhere:1", "HIDDENSTATE_CACHE": "/tmp"}) == Settings()


@pytest.mark.parametrize(
    ("source", "unknown", "near"),
    [
        ("flags", "lisen", "'listen'"),
        ("environment", "'HIDDENSTATE_LISEN'", "'HIDDENSTATE_LISTEN'"),
        ("file", "lisen", "'listen'"),
    ],
)
def test_an_unknown_key_is_named_with_its_source_and_the_near_one(source: str, unknown: str, near: str, toml):
    path = toml('lisen = "127.0.0.1:1"')
    message = {
        "flags": lambda: refused(flags={"lisen": "x"}),
        "environment": lambda: refused(environment={"HIDDENSTATE_LISEN": "x"}),
        "file": lambda: refused(file=path),
    }[source]()
    assert unknown in message
    assert near in message
    assert {"flags": "the flags", "environment": "the environment", "file": str(path)}[source] in message


def test_an_unknown_key_that_is_near_to_none_is_answered_with_all():
    message = refused(flags={"xyzzy": 1})
    assert all(name in message for name in Settings.model_fields)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("listen", "50051"),
        ("listen", "localhost:"),
        ("listen", ":50051"),
        ("listen", "localhost:65536"),
        ("listen", "localhost:http"),
        ("listen", ""),
        ("metrics_listen", "9090"),
        ("precision", "fp16"),
        ("threads", 0),
        ("threads", "many"),
        ("max_sessions", 0),
        ("max_batch_rows", 8193),
        ("max_chunk_steps", 0),
        ("max_backlog_steps", 1),
        ("max_message_bytes", 1023),
        ("max_text_characters", 0),
        ("idle_timeout", 0),
        ("drain_timeout", -1),
        ("idle_timeout", float("nan")),
        ("drain_timeout", float("inf")),
        ("log_format", "xml"),
        ("log_level", "loud"),
        ("allow_fallback", "perhaps"),
    ],
)
def test_a_value_out_of_range_is_refused_by_name(name: str, value: object):
    assert refused(flags={name: value}).startswith(f"{name}: ")


def test_all_values_at_fault_are_told_at_once():
    message = refused(flags={"threads": 0, "listen": "nowhere"})
    assert "threads: " in message
    assert "listen: " in message
    assert "write host:port" in message


def test_an_address_may_be_ipv6_and_the_metrics_may_be_off():
    settings = load_settings({"listen": "[::1]:0", "metrics_listen": ""}, {})
    assert (settings.listen, settings.metrics_listen) == ("[::1]:0", "")


def test_a_file_that_is_missing_or_no_toml_is_named(toml, tmp_path):
    missing = tmp_path / "missing.toml"
    assert str(missing) in refused(file=missing)
    broken = toml("threads = ")
    assert str(broken) in refused(file=broken)
    assert "is not TOML" in refused(file=broken)
    broken.write_bytes(b"\xff\xfe")
    assert str(broken) in refused(file=broken)


def test_settings_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        Settings().threads = 2
