"""Gestures: from recordings to a network and its figures, with made-up curves and hands."""

import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from rich.console import Console

from training.data.cache import Licensed
from training.data.recordings import Recording, Recordings
from training.run import plain
from training.tasks import gesture
from training.tasks.gesture import CRICKET, FINGERSPELLING, JAPANESE_VOWELS, Gestures, GestureTask
from training.tasks.gesture_figures import baselines
from training.tasks.gesture_learning import Recipe, accuracy, encoded

TINY = Recipe(hidden=8, widths=(8,), members=2, rows=12, steps=40, learning_rate=0.02, mix=0.2)


def curves(kind: str = "sensors", groups: tuple[str, ...] = ("",)) -> Recordings:
    dice = np.random.default_rng(3)
    width = 2 if kind == "sensors" else 126
    shapes = dice.normal(0, 1, (2, width))
    made = []
    for number in range(20):
        frames = shapes[number % 2] + dice.normal(0, 0.2, (int(dice.integers(6, 12)), width))
        made.append(Recording(frames.astype(np.float32), number % 2, groups[number // 2 % len(groups)]))
    return Recordings(
        kind=kind,
        labels=("a", "b"),
        columns=tuple(map(str, range(width))),
        frame_rate=10.0,
        train=tuple(made[:14]),
        valid=tuple(made[:14:5]),
        test=tuple(made[14:]),
        source=Licensed("made up", "none", "this test"),
        split="the last six",
    )


@pytest.mark.parametrize("kind", ["sensors", "hands"])
def test_two_kinds_of_curves_are_told_apart_and_measured_beside_both_baselines(kind):
    learning = Gestures(TINY, curves(kind), "curves")
    optimizer = torch.optim.Adam(learning.network.parameters(), 0.02)
    for step in range(8):
        optimizer.zero_grad()
        loss = learning.loss(step)
        loss.backward()
        optimizer.step()
    assert learning.validate(learning.network) == 1.0
    figures = learning.measure("hiddenstate train x")
    assert [figure.value for figure in figures] == [1.0, 1.0]
    assert figures[1].baseline == "nearest neighbour under dynamic time warping"
    assert figures[0].split == "the last six, 6 recordings"


def test_steps_learned_from_are_those_that_are_served():
    learning = Gestures(
        replace(TINY, warp=replace(TINY.warp, **dict.fromkeys(plain(TINY.warp), 0.0))), curves("hands"), "x"
    )
    (steps,) = learning._warped(learning._train[:1], np.random.default_rng(0))
    served = encoded(learning.frontend, learning.recordings.train[0].frames)
    np.testing.assert_allclose(steps, served, atol=1e-3)


def test_a_step_is_a_function_of_the_seed_and_the_step():
    losses = []
    for _ in range(2):
        learning = Gestures(TINY, curves(), "curves")
        torch.manual_seed(9)
        losses.append(learning.loss(3).item())
    assert losses[0] == losses[1]


def test_folds_are_measured_beside_the_baselines(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    task = GestureTask("curves", "sensors", TINY, lambda: curves(groups=("x", "y")))
    console = Console(file=io.StringIO())
    figure = task.cross_validate(replace(TINY, steps=4), None, 2, console, "hiddenstate evaluate curves --folds 2")
    assert figure.split == "2 folds by language, 20 recordings"
    assert figure.baseline_value == 1.0
    assert 0 <= figure.value <= 1
    assert "fold 2/2" in console.file.getvalue()
    monkeypatch.setattr(gesture, "_fold", pytest.fail)  # nothing is trained again
    again = task.cross_validate(replace(TINY, steps=4), None, 2, console, figure.command)
    assert again == figure


def test_baselines_learn_from_the_training_part_alone():
    recordings = curves()
    lost = replace(recordings, test=tuple(replace(each, label=1 - each.label) for each in recordings.test))
    assert set(baselines(Gestures(TINY, lost, "x").frontend, lost).values()) == {0.0}


@pytest.mark.parametrize("task", [FINGERSPELLING, JAPANESE_VOWELS, CRICKET])
def test_a_recipe_comes_back_from_its_plain_data_and_takes_every_cell(task):
    recipe = task.recipe("lstm", seed=7)
    assert (recipe.cell, recipe.seed) == ("lstm", 7)
    assert task.recipe_from(plain(recipe)) == recipe
    assert len(task.recipe(smoke=True).widths) == len(recipe.windows)


def test_accuracy_is_the_share_of_highest_scores():
    recordings = [Recording(np.zeros((1, 1), np.float32), label) for label in (0, 1, 1, 0)]
    assert accuracy(np.array([[1, 0], [0, 1], [1, 0], [1, 0]]), recordings) == 0.75
