"""The folder of a run: what is written is what is read."""

import pytest
import torch

from service.bundle import QualityFigure
from training.run import Run, load_weights, plain, same_files, save_weights
from training.tasks import TASKS, sentiment, task_named, text_generation


def figure(value: float, split: str = "test") -> QualityFigure:
    return QualityFigure(metric="accuracy", value=value, higher_is_better=True, split=split, command="hiddenstate")


def run(folder, recipe) -> Run:
    return Run(folder, "sentiment", plain(recipe), None, "hiddenstate train sentiment", 2.0, "abc", "a machine", 0.5)


def test_a_run_is_read_back_as_it_was_saved(tmp_path):
    saved = run(tmp_path, sentiment.recipe()).with_figures(figure(0.7))
    saved.save()
    assert Run.load(tmp_path) == saved


@pytest.mark.parametrize("task", [text_generation, sentiment])
def test_a_recipe_comes_back_from_its_plain_data(task, tmp_path):
    recipe = task.recipe("rnn", False, 7)
    saved = run(tmp_path, recipe)
    saved.save()
    assert task.recipe_from(Run.load(tmp_path).recipe) == recipe
    assert (recipe.cell, recipe.seed) == ("rnn", 7)


def test_a_figure_replaces_the_one_of_the_same_split(tmp_path):
    measured = run(tmp_path, sentiment.recipe()).with_figures(figure(0.7), figure(0.6, "10 folds"))
    again = measured.with_figures(figure(0.8))
    assert {(f.split, f.value) for f in again.figures} == {("test", 0.8), ("10 folds", 0.6)}


def test_weights_and_frontend_files_come_back(tmp_path):
    save_weights(tmp_path, {"w": torch.ones(2)}, {"words.json": b"{}"})
    assert load_weights(tmp_path)["w"].tolist() == [1, 1]
    assert same_files(tmp_path, {"words.json": b"{}"})
    assert not same_files(tmp_path, {"words.json": b"[]"})
    assert not same_files(tmp_path, {"others.json": b"{}"})


def test_a_folder_without_a_run_says_how_to_make_one(tmp_path):
    with pytest.raises(ValueError, match="hiddenstate train"):
        Run.load(tmp_path)


def test_an_unknown_task_is_named_with_the_known_ones():
    with pytest.raises(ValueError, match=f"no task 'poetry'; there are {', '.join(TASKS)}"):
        task_named("poetry")
