"""Folds that are done are not trained again, unless something that decided them has changed."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

import training.folds
from training.folds import Folds
from training.tasks.gesture_learning import Recipe

RECIPE = Recipe()


@pytest.fixture(autouse=True)
def _kept_in_a_folder_of_the_test(tmp_path, monkeypatch):
    monkeypatch.setattr(training.folds, "FOLDER", tmp_path)


def folds(recipe=RECIPE, data=b"one", count=3):
    return Folds("curves", count, recipe, [data], Console(file=io.StringIO()))


def never():
    raise AssertionError("trained again")


def test_an_interrupted_command_goes_on_behind_the_folds_that_are_done():
    first = folds()
    assert first.said(0, lambda: {"right": [True]}) == {"right": [True]}
    with pytest.raises(KeyboardInterrupt):
        first.said(1, lambda: (_ for _ in ()).throw(KeyboardInterrupt))
    again = folds()
    assert again.said(0, never) == {"right": [True]}
    assert "fold 1/3 was done before" in again.console.file.getvalue()
    assert again.said(1, lambda: {"right": [False]}) == {"right": [False]}
    assert folds().said(1, never) == {"right": [False]}


def test_a_line_that_was_cut_off_is_trained_again_and_kept():
    first = folds()
    first.said(0, lambda: {"right": [True]})
    text = first.path.read_text()
    first.path.write_text(text + text[:20])
    assert folds().said(0, never) == {"right": [True]}
    assert folds().said(1, lambda: {"right": []}) == {"right": []}
    assert folds().said(1, never) == {"right": []}


def test_another_recipe_other_data_and_another_count_are_other_folds():
    folds().said(0, lambda: {"right": [True]})
    for other in (folds(recipe=replace(RECIPE, seed=2)), folds(data=b"two"), folds(count=4)):
        assert other.said(0, lambda: {"right": [False]}) == {"right": [False]}


def test_changed_sources_are_trained_with_again(tmp_path, monkeypatch):
    source = tmp_path / "sources" / "loop.py"
    source.parent.mkdir()
    source.write_text("1")
    monkeypatch.setattr(training.folds, "_SOURCES", (source.parent,))
    key = folds().key
    assert folds().key == key
    source.write_text("2")
    assert folds().key != key
