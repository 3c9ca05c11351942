"""Tagging is learned with the wait it is served with, beside a baseline that knows words and endings."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from service.frontends.words import END_ID, FEATURES, UNKNOWN_ID
from training.data.cache import Licensed
from training.data.tagged import Sentence, TaggedText
from training.tasks.most_frequent import MostFrequentTag
from training.tasks.tagging import STREAMING, WHOLE, Tagging
from training.tasks.tagging_figures import accuracy

SENTENCES = tuple(
    Sentence((first, second, "."), ("det", "noun" if first == "the" else "verb", "end"))
    for first in ("the", "to")
    for second in ("run", "walk", "talk", "play")
)
TEXT = TaggedText(SENTENCES, SENTENCES, SENTENCES, Licensed("made up", "none", "this file"))


def subject(task) -> Tagging:
    recipe = replace(task.recipe("gru", True), hidden=12, rows=4, epochs=40, dropout=0.0, least_part_count=1)
    return Tagging(recipe, TEXT, "made-up")


@pytest.mark.parametrize("task", [STREAMING, WHOLE])
def test_it_learns_what_depends_on_the_word_before(task):
    tagging = subject(task)
    optimizer = torch.optim.Adam(tagging.network.parameters(), 0.02)
    for step in range(60):
        optimizer.zero_grad()
        loss = tagging.loss(step)
        loss.backward()
        optimizer.step()
    assert tagging.validate(tagging.network) == 1.0
    figures = tagging.measure("hiddenstate train")
    assert figures[0].value == 1.0
    assert figures[0].baseline_value < 1.0
    assert len(figures) == (3 if task is STREAMING else 1)


def test_a_sentence_is_followed_by_the_steps_its_last_words_wait_for():
    streaming, whole = (subject(task).encode(("the", "run")) for task in (STREAMING, WHOLE))
    assert streaming.shape == (4, len(FEATURES))
    assert (streaming[2:] == END_ID).all()
    assert whole.shape == (2, len(FEATURES))


def test_what_stands_beside_a_sentence_in_a_batch_does_not_change_its_tags():
    tagging = subject(WHOLE)
    short, long = SENTENCES[0], Sentence(SENTENCES[1].words * 5, SENTENCES[1].tags * 5)
    network = tagging.final_network()
    alone, together = tagging.predict(network, [short]), tagging.predict(network, [short, long])
    assert alone[0] == together[0]


def test_a_recipe_comes_back_from_its_plain_data():
    from training.run import plain

    for task in (STREAMING, WHOLE):
        recipe = task.recipe("rnn", False, 3)
        assert task.recipe_from(plain(recipe)) == recipe


def test_there_are_no_folds():
    with pytest.raises(ValueError, match="one split"):
        STREAMING.cross_validate(STREAMING.recipe(), None, 10, None, "")


def test_the_baseline_knows_words_and_for_new_ones_their_ending():
    train = [Sentence(("running", "run", "Running", "run"), ("g", "n", "g", "v")), Sentence(("run",), ("n",))]
    found = MostFrequentTag(train).predict([Sentence(("run", "walking", "xyz"), ("", "", ""))])
    assert found[0][:2] == ["n", "g"]
    assert accuracy([["n", "x"]], [Sentence(("a", "b"), ("n", "y"))]) == 0.5


def test_golden_vectors_draw_each_column_from_its_own_ids():
    from training.golden import synthetic

    sample = np.array([[[1, 50], [2, 60]]])
    drawn = synthetic(sample, 4, 5, seed=1)
    assert drawn.shape == (4, 5, 2)
    assert set(drawn[..., 0].flat) <= {1, 2}
    assert set(drawn[..., 1].flat) <= {50, 60}


def test_the_validation_part_is_learned_from_where_a_recipe_says_so():
    other = Sentence(("la", "luna"), ("det", "astro"))
    text = replace(TEXT, valid=(other,))
    apart, together = (
        Tagging(replace(WHOLE.recipe("gru", True), rows=3, learn_valid=learn), text, "made-up")
        for learn in (False, True)
    )
    assert "astro" not in apart.labels
    assert "astro" in together.labels
    assert (apart.encode(("luna",))[0, 0], together.encode(("luna",))[0, 0] > END_ID) == (UNKNOWN_ID, True)
    rows = [sum(len(subject.batch(step)[0]) for step in range(subject.schedule.steps)) for subject in (apart, together)]
    assert rows == [len(SENTENCES), len(SENTENCES) + 1]
    assert (apart.schedule.keep_last, together.schedule.keep_last) == (False, True)
