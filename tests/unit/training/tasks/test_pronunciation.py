"""Pronunciation is learned, and measured word by word beside the baseline."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from training.data.cache import Licensed
from training.data.pairs import Pair, PairedText
from training.run import plain
from training.tasks import pronunciation
from training.tasks.pronunciation import TASK, Pronunciation, distance, sound_error, word_error

PAIRS = tuple(
    Pair(first + second, (f"{first.upper()} {second.upper()}1", first.upper())) for first in "bdg" for second in "aeio"
)
TEXT = PairedText(PAIRS, PAIRS, PAIRS, Licensed("made up", "none", "this file"))


def test_a_word_is_right_when_any_of_its_pronunciations_is_told():
    sizes = {"embedding": 16, "encoder_hidden": 16, "decoder_hidden": 24, "dropout": 0.0, "embedding_dropout": 0.0}
    subject = Pronunciation(replace(TASK.recipe("gru"), rows=24, bfloat16=False, **sizes), TEXT)
    optimizer = torch.optim.Adam(subject.network.parameters(), 0.02)
    for step in range(40):
        optimizer.zero_grad()
        subject.loss(step).backward()
        optimizer.step()
    assert subject.validate(subject.network) == 0.0


def test_figures_stand_beside_the_baseline(monkeypatch):
    def pronounced(bundle, variant, pairs, beams=0):
        return [pair.targets[0] if beams else pair.targets[0].replace("1", "2") for pair in pairs]

    monkeypatch.setattr(pronunciation, "_pronounced", pronounced)
    bundle = SimpleNamespace(manifest=SimpleNamespace(task_parameters={"beam_count": 4}))
    figures = pronunciation.figures(TEXT, bundle, "fp32", "hiddenstate train pronunciation")
    assert [figure.metric for figure in figures] == [
        "word error rate",
        "word error rate, stress left out",
        "sound error rate",
        "word error rate",
    ]
    assert [figure.value for figure in figures] == [1.0, 0.0, 0.5, 0.0]
    assert figures[0].baseline_value == 0.0
    assert [figure.anchor is not None for figure in figures] == [False, True, False, False]


def test_errors_are_counted_against_the_nearest_pronunciation():
    pairs = [Pair("a", ("A B C", "X")), Pair("b", ("B",))]
    assert word_error(["X", "C"], pairs) == 0.5
    assert sound_error(["A C", "B"], pairs) == 1 / 4
    assert word_error(["x", "c"], pairs, plain=str.upper) == 0.5


@pytest.mark.parametrize(("left", "right", "steps"), [("", "abc", 3), ("abc", "abc", 0), ("axc", "abcd", 2)])
def test_the_distance_counts_changes_omissions_and_additions(left, right, steps):
    assert distance(left, right) == distance(right, left) == steps


def test_a_recipe_comes_back_from_its_plain_data():
    recipe = TASK.recipe("rnn", False, 3)
    assert TASK.recipe_from(plain(recipe)) == recipe


def test_there_are_no_folds():
    with pytest.raises(ValueError, match="one split"):
        TASK.cross_validate(TASK.recipe(), None, 10, None, "")
