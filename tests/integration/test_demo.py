"""The demonstration from begin to end, on tiny models."""

from pathlib import Path

import pytest

from hiddenstate import demo

REPOSITORY = Path(__file__).parents[1] / "data"


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    monkeypatch.setattr(demo, "WORDS_PER_SECOND", 0.0)
    monkeypatch.setattr(demo, "TEXT_TOKENS", 5)
    monkeypatch.setattr(demo, "CROWD_TOKENS", 8)


def test_the_demonstration_streams_shows_metrics_and_stops_cleanly(capsys):
    assert demo.run(str(REPOSITORY)) == 0
    shown = capsys.readouterr().out
    assert "the same text" in shown
    assert "mean rows per tick" in shown
    assert "exit code 0" in shown


def test_a_repository_without_models_is_an_error(tmp_path, capsys):
    assert demo.run(str(tmp_path)) == 1
    assert "error" in capsys.readouterr().out
