"""Batches: every sequence once an epoch, of similar length, a function of the seed and the step alone."""

import numpy as np

from training.batches import Epochs, EvenEpochs, padded

LENGTHS = list(range(1, 101))


def test_every_sequence_comes_once_an_epoch_and_in_another_order_in_the_next():
    epochs = Epochs(LENGTHS, rows=8, seed=1)
    first, second = ([epochs.batch(step).tolist() for step in range(n * 13, (n + 1) * 13)] for n in (0, 1))
    assert epochs.steps == 13
    assert sorted(place for batch in first for place in batch) == list(range(100))
    assert first != second


def test_a_batch_depends_on_the_seed_and_the_step_alone():
    one, other = Epochs(LENGTHS, 8, 1), Epochs(LENGTHS, 8, 1)
    other.batch(20)
    assert one.batch(3).tolist() == other.batch(3).tolist()
    assert any(one.batch(step).tolist() != Epochs(LENGTHS, 8, 2).batch(step).tolist() for step in range(13))


def test_sequences_of_a_batch_have_similar_lengths():
    epochs = Epochs(LENGTHS, rows=8, seed=1)
    spread = [np.ptp([LENGTHS[place] for place in epochs.batch(step)]) for step in range(13)]
    assert max(spread) < 10


def test_rows_are_padded_behind_their_ends():
    inputs, lengths = padded([np.array([[1, 2], [3, 4]]), np.array([[5, 6]])], filling=9)
    assert inputs.tolist() == [[[1, 2], [3, 4]], [[5, 6], [9, 9]]]
    assert lengths.tolist() == [2, 1]


def test_even_batches_hold_sequences_of_one_length_alone_and_differ_from_epoch_to_epoch():
    lengths, others = [number % 7 for number in range(100)], list(range(100))
    epochs = EvenEpochs(lengths, others, rows=8, seed=1)
    first, second = ([epochs.batch(n * epochs.steps + step).tolist() for step in range(epochs.steps)] for n in (0, 1))
    assert sorted(place for batch in first for place in batch) == list(range(100))
    assert all(len({lengths[place] for place in batch}) == 1 for batch in first)
    assert sorted(first) != sorted(second)
