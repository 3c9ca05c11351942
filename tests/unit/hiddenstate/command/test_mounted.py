"""Commands of the extras: shown always, run when installed, named with the remedy when not."""

import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import entry_points

import pytest
import typer
from typer.testing import CliRunner

from hiddenstate.command import mounted
from hiddenstate.command.app import app


@dataclass
class Point:
    name: str
    value: str
    load: object


def cli(monkeypatch, *points):
    monkeypatch.setattr(mounted, "entry_points", lambda group: points if group == mounted.GROUP else ())
    made = typer.Typer(rich_markup_mode="rich")
    made.command("other")(lambda: None)
    mounted.mount(made)
    return lambda *arguments: CliRunner().invoke(made, list(arguments))


def test_help_names_every_command_without_importing_any_of_them():
    code = (
        "import sys; from typer.testing import CliRunner; from hiddenstate.command.app import app;"
        "print(CliRunner().invoke(app, ['--help']).stdout);"
        "assert not {'service', 'training', 'grpc'} & set(sys.modules)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    for name in ("generate", "sentiment", "models", "demo", *(each.name for each in mounted.MOUNTED)):
        assert name in shown


def test_every_command_of_this_distribution_is_described():
    names = {
        point.name for point in entry_points(group=mounted.GROUP) if point.value.startswith(("service", "training"))
    }
    assert names == {each.name for each in mounted.MOUNTED}


def test_arguments_and_options_reach_the_command(monkeypatch):
    seen = []

    def serve(path: str, device: str = "cpu") -> None:
        seen.append((path, device))

    run = cli(monkeypatch, Point("serve", "service.commands:serve", lambda: serve))
    assert run("serve", "models", "--device", "cuda").exit_code == 0
    assert seen == [("models", "cuda")]


def test_help_of_a_command_is_its_own(monkeypatch):
    def serve(device: str = "cpu") -> None:
        """Serve things."""

    shown = cli(monkeypatch, Point("serve", "service.commands:serve", lambda: serve))("serve", "--help")
    assert "Serve things." in shown.stdout
    assert "--device" in shown.stdout


@pytest.mark.parametrize("name", [each.name for each in mounted.MOUNTED])
def test_a_command_that_is_not_installed_is_shown_and_says_what_to_install(monkeypatch, name):
    run = cli(monkeypatch)
    assert name in run("--help").stdout
    result = run(name)
    assert result.exit_code == 1
    assert "pip install 'hiddenstate[" in result.stderr


def test_a_package_of_the_extra_that_is_missing_is_named(monkeypatch):
    def load():
        raise ModuleNotFoundError("No module named 'pydantic'", name="pydantic")

    result = cli(monkeypatch, Point("serve", "service.commands:serve", load))("serve")
    assert result.exit_code == 1
    assert "pydantic" in result.stderr
    assert "pip install 'hiddenstate[service]'" in result.stderr


def test_a_fault_of_our_own_is_not_taken_for_a_missing_extra(monkeypatch):
    def load():
        raise ModuleNotFoundError("No module named 'service.gone'", name="service.gone")

    result = cli(monkeypatch, Point("serve", "service.commands:serve", load))("serve")
    assert isinstance(result.exception, ModuleNotFoundError)


def test_a_command_of_another_distribution_is_mounted_too(monkeypatch):
    run = cli(monkeypatch, Point("extra", "elsewhere.commands:extra", lambda: lambda: typer.echo("hello")))
    assert run("extra").stdout == "hello\n"
    assert "elsewhere.commands" in run("--help").stdout


def test_the_version_is_printed():
    assert CliRunner().invoke(app, ["--version"]).stdout.strip()


def test_a_command_may_bring_commands_of_its_own(monkeypatch):
    lab, seen = typer.Typer(), []
    lab.callback()(lambda: None)
    lab.command("memory")(lambda: seen.append("memory"))
    run = cli(monkeypatch, Point("lab", "training.lab.commands:lab", lambda: lab))
    assert run("lab", "memory").exit_code == 0
    assert seen == ["memory"]
