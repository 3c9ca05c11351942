"""The demonstration from begin to end, on tiny models."""

from pathlib import Path

import numpy as np
import pytest

from hiddenstate import demo
from hiddenstate.demo import hand, made_up, scenes, survival

REPOSITORY = Path(__file__).parents[1] / "data"


@pytest.fixture(autouse=True)
def hurried(monkeypatch, tmp_path):
    monkeypatch.setattr(scenes, "TEMPO", 0.0)
    monkeypatch.setattr(scenes, "TEXT_TOKENS", 5)
    monkeypatch.setattr(scenes, "QUARTERS", 4.0)
    monkeypatch.setattr(scenes.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(demo, "CROWD_TOKENS", 8)


def test_the_demonstration_plays_every_scene_that_a_model_fits_and_stops_cleanly(capsys):
    assert demo.run(str(REPOSITORY)) == 0
    shown = capsys.readouterr().out
    titles = [scene.title for scene in scenes.SCENES if scene.title in shown]
    assert titles == [
        "text, token by token",
        "sentiment while the words come in",
        "parts of speech, two words behind",
        "a forecast that moves with every value",
        "a translation, and where it looked",
        "what is said, out of a menu, while it is spoken",
        "a chorale in four voices",
    ]
    assert "the same text" in shown
    assert "padding" in shown, "what Prometheus would scrape"
    assert "exit code 0" in shown
    assert [line for line in shown.split("\n") if len(line) > demo.WIDTH] == []


def test_a_text_goes_on_though_its_server_is_killed_and_its_client_lost(monkeypatch, capsys):
    monkeypatch.setattr(survival, "TOKENS", 40)
    monkeypatch.setattr(survival, "TOKENS_PER_SECOND", 0.0)
    monkeypatch.setattr(survival, "KILLED_AT", (8,))
    monkeypatch.setattr(survival, "LOST_AT", 24)
    assert survival.run(str(REPOSITORY)) == 0
    shown = capsys.readouterr().out
    assert "the same, bit for bit" in shown
    assert "1 server and one client were lost on the way" in shown


def test_without_a_model_that_writes_there_is_nothing_to_show(tmp_path, capsys):
    assert survival.run(str(tmp_path)) == 1
    assert "error" in capsys.readouterr().out


def test_a_repository_without_models_is_an_error(tmp_path, capsys):
    assert demo.run(str(tmp_path)) == 1
    assert "error" in capsys.readouterr().out


def test_a_made_up_hand_has_all_its_landmarks_above_the_wrist_and_its_letters_differ():
    shapes = {letter: shape.landmarks() for letter, shape in hand.SHAPES.items()}
    assert all(points.shape == (21, 3) and (points[1:, 1] < 0).all() for points in shapes.values())
    assert len({points.tobytes() for points in shapes.values()}) == len(shapes)
    assert set(scenes.WORD) <= set(shapes)


def test_a_frame_of_the_hand_says_that_the_left_one_is_not_seen():
    (first, *_) = hand.spelled(hand.SHAPES["L"], 10)
    frame = hand.frame_of(first)
    assert np.isnan(frame[:63]).all()
    assert np.isfinite(frame[63:]).all()


def test_made_up_digits_are_rows_of_64_shades():
    assert all(len(made_up.pixels(digit)) == 64 for digit in made_up.DIGITS)
    assert {shade for digit in made_up.DIGITS for shade in made_up.pixels(digit)} <= set(range(17))
