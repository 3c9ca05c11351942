"""Classification: only the text so far counts, padding never does, and the rating head is for learning alone."""

import numpy as np
import pytest
import torch

from training.batches import padded
from training.data.movie_snippets import Example
from training.tasks.classification import (
    Classification,
    Recipe,
    accuracy,
    baseline_accuracy,
    train_tokenizer,
)

GOOD = ("a fine, moving film", "great fun and a fine cast", "moving and great", "fine fun")
BAD = ("a dull, empty film", "poor fun and a dull cast", "empty and poor", "dull and poor")
ROWS = tuple(
    Example(text, label, number, rating)
    for number, (text, label, rating) in enumerate(
        [(text, 1, 2.0) for text in GOOD] + [(text, 0, None) for text in BAD]
    )
)
RECIPE = Recipe(embedding=8, hidden=8, least_count=1, rows=3, members=2)


@pytest.fixture(scope="module")
def subject() -> Classification:
    return Classification(RECIPE, ("bad", "good"), ROWS, ROWS)


def test_a_score_does_not_depend_on_what_it_is_batched_with(subject):
    together = subject.scores(subject.final_network(), ROWS)
    alone = np.concatenate([subject.scores(subject.final_network(), [row]) for row in ROWS])
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_an_example_without_a_rating_gives_no_gradient_to_the_rating_head():
    unrated = [Example(row.text, row.label, row.number) for row in ROWS]
    subject = Classification(RECIPE, ("bad", "good"), unrated, unrated)
    subject.loss(0).backward()
    for member in subject.network.networks():
        assert member.heads["rating"].weight.grad is None
        assert member.heads["logits"].weight.grad is not None


def outputs_of(network, rows=ROWS, encode=None):
    inputs, lengths = padded([encode(row.text) for row in rows])
    return network(inputs, lengths, network.initial_state(len(rows)))[0]


def test_the_served_network_adds_the_rating_to_the_class_it_favours(subject):
    served = outputs_of(subject.final_network(), encode=subject.encode)
    whole = outputs_of(subject.network.merged(), encode=subject.encode)
    assert set(served) == {"logits"}
    # Ratings are known for the second class alone here, so that nothing says which one they favour.
    torch.testing.assert_close(served["logits"], whole["logits"])
    rated = Classification(RECIPE, ("bad", "good"), [*ROWS, Example("dull", 0, 9, -2.0)], ROWS)
    served = outputs_of(rated.final_network(), encode=rated.encode)
    whole = outputs_of(rated.network.merged(), encode=rated.encode)
    torch.testing.assert_close(served["logits"], whole["logits"] + torch.cat([-whole["rating"], whole["rating"]], -1))


def test_a_text_without_a_known_word_is_one_unknown_word(subject):
    assert subject.encode("\n").tolist() == [1]
    assert subject.encode("zzz").tolist() == [1]
    assert train_tokenizer(["one"], 1).token_to_id("<|unknown|>") == 1


def test_accuracy_counts_the_highest_score():
    scores = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 3.0]], np.float32)
    examples = [Example("", label, 0) for label in (1, 0, 0)]
    assert accuracy(scores, examples) == pytest.approx(2 / 3)


def test_the_baseline_learns_from_the_words():
    test = [Example("a fine cast", 1, 0), Example("a dull, poor cast", 0, 1)]
    assert baseline_accuracy(ROWS * 3, test) == 1.0
