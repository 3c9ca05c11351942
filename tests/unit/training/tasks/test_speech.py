"""A recogniser in its smallest size: batches, texts, words that are wrong, figures, and what a bundle says."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from service.bundle import Topology
from training.data.spoken import Clip, made_up
from training.run import Run, plain
from training.tasks.speech import TASK
from training.tasks.speech_decoding import decoded
from training.tasks.speech_figures import figures
from training.tasks.speech_learning import greedy, heard_alone, single_words, word_error_rate
from training.tasks.speech_pictures import PICTURE, confusions

TOKENS = ("", " ", "a", "b")


def logits(*best):
    """What is sure of these tokens, one a step."""
    return np.eye(len(TOKENS), dtype=np.float32)[list(best)] * 20


def smoke():
    return TASK.subject(TASK.recipe(smoke=True), None)


def test_repeats_and_blanks_are_left_out():
    assert greedy(logits(0, 2, 2, 0, 2, 3, 1, 1, 0, 3, 1), TOKENS) == "aab b"


def test_a_closed_list_decides_what_is_written():
    unsure = logits(2, 0, 3, 1, 0)
    unsure[2, 2] = 18
    assert decoded([unsure], TOKENS, ()) == ["ab"]
    assert decoded([unsure], TOKENS, ("aa", "b")) == ["aa"]


def test_a_space_behind_the_last_word_is_nothing():
    assert decoded([logits(2, 1, 3, 1), logits(0, 0)], TOKENS, ("a", "b")) == ["a b", ""]


def test_words_are_counted_that_were_changed_left_out_or_added():
    assert word_error_rate(["one two three", "four"], ["one tree three four", "four"]) == pytest.approx(2 / 4)


def test_confusions_name_both_words():
    found = confusions([("a b c", "a d c"), ("a b", "a d b"), ("a b", "a")])
    assert dict(found) == {("b", "d"): 1, ("–", "d"): 1, ("b", "–"): 1}


def test_silence_surrounds_what_is_measured():
    steps = heard_alone(Clip(np.full(480, 16_384, np.int16), "a"))
    assert steps.shape == (31, 480)
    assert steps.ravel()[4_800:5_280].tolist() == [0.5] * 480
    assert np.count_nonzero(steps) == 480


def test_a_batch_is_a_function_of_its_step_the_progress_and_the_random_state():
    subject = smoke()
    before = subject.progress()
    losses = []
    for step in (3, 50):  # easy and hard
        for _ in range(2):
            torch.manual_seed(3)
            subject.restore(before)
            losses.append(subject.loss(step).item())
            subject.loss(step + 40)  # the same stretches, or others in their place
    assert losses[0] == losses[1] != losses[2] == losses[3]


def test_a_training_begins_with_single_words_where_there_are_some():
    (speaker,) = made_up().train
    phrase = replace(speaker, clips=(Clip(speaker.clips[0].samples, "low mid"),))
    assert single_words((speaker, phrase)) == (speaker,)
    assert single_words((phrase,)) == (phrase,)


def test_figures_of_other_words_have_no_baseline():
    speech = made_up()
    (figure,) = figures(lambda clips: [logits(0) for _ in clips], TOKENS, speech.words, speech.tests(), "a command")
    assert (figure.value, figure.baseline, figure.split) == (1.0, None, "tones, 4 utterances of 6 words")


def test_a_bundle_says_what_the_server_needs(tmp_path):
    recipe = TASK.recipe("gru", smoke=True, seed=2)
    assert TASK.recipe_from(plain(recipe)) == recipe
    run = Run(tmp_path, "speech", plain(recipe), None, "", 0.0, "untrained", "", 0.0)
    said = TASK.subject(recipe, None).exportable(run).description
    assert (said.name, said.task, said.topology) == ("spoken-commands", "transcription", Topology.MANY_TO_MANY)
    assert said.frontend.parameters == {"sample_rate_hertz": 16_000, "step_samples": 480}
    assert said.heads[0].kind == "ctc"
    assert said.heads[0].parameters == {"tokens": ["", " ", "low", "mid", "top"], "space": "before"}
    assert said.task_parameters == {"words": ["low", "mid", "top"], "beam_count": 8}


def test_the_report_shows_confusions_and_a_picture(tmp_path: Path):
    table, shown = smoke().sections(tmp_path)
    assert table.text.startswith("| said | written | times |")
    assert PICTURE in shown.text
    assert (tmp_path / PICTURE).is_file()


def test_speech_has_no_folds():
    with pytest.raises(ValueError, match="one split"):
        TASK.cross_validate(TASK.recipe(smoke=True), None, 3, None, "")
