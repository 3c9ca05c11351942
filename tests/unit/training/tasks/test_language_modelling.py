"""Language modelling: what is measured, and that a batch is a function of the seed and the step."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from training.data.austen import Corpus
from training.data.cache import Licensed
from training.tasks.language_modelling import (
    CHUNK_STEPS,
    LanguageModelling,
    Recipe,
    bits_per_character,
    torch_runner,
    train_tokenizer,
)

TEXT = "The quick brown fox, as they say, jumps over the lazy dog. " * 20
CORPUS = Corpus((TEXT, TEXT[7:]), (TEXT[:400],), (TEXT[400:],), Licensed("made up", "none", "a test"))
RECIPE = Recipe().smoke()


@pytest.fixture(scope="module")
def subject() -> LanguageModelling:
    return LanguageModelling(RECIPE, CORPUS)


def test_bits_of_a_uniform_guess_are_the_logarithm_of_the_vocabulary():
    tokens = np.array([0, 5, 3, 4], np.int64)

    def uniform(rows):
        yield np.zeros((*rows.shape, 8), np.float32)

    assert bits_per_character(["ab"], lambda text: tokens, uniform) == pytest.approx(3 * 3 / 2)


def test_bits_count_every_token_once_across_chunks_and_none_behind_a_shorter_text(subject):
    texts = [TEXT, TEXT[:10], TEXT[3:1100]]
    run = torch_runner(subject.network.eval())
    together = bits_per_character(texts, subject.encode, run) * sum(map(len, texts))
    alone = sum(bits_per_character([text], subject.encode, run) * len(text) for text in texts)
    assert len(subject.encode(texts[0])) > CHUNK_STEPS
    assert together == pytest.approx(alone, rel=1e-5)


def test_an_untrained_network_needs_about_the_bits_of_a_uniform_guess(subject):
    tokens = len(subject.encode(CORPUS.valid[0])) - 1
    uniform = tokens * math.log2(subject.frontend.vocabulary_size) / len(CORPUS.valid[0])
    bits = bits_per_character(CORPUS.valid, subject.encode, torch_runner(subject.network.eval()))
    assert bits == pytest.approx(uniform, rel=0.05)


def test_a_batch_is_a_function_of_the_epoch_and_its_place(subject):
    first, again = subject._batch(1, 2), LanguageModelling(RECIPE, CORPUS)._batch(1, 2)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert any(not torch.equal(first[0], subject._batch(epoch, 2)[0]) for epoch in (2, 3, 4))


def test_targets_are_the_inputs_one_step_later(subject):
    inputs, targets, _ = subject._batch(0, 1)
    assert torch.equal(inputs[:, 1:], targets[:, :-1])


def test_consecutive_batches_go_on_where_the_one_before_ended(subject):
    _, targets, _ = subject._batch(0, 0)
    inputs, _, kept = subject._batch(0, 1)
    kept_rows = kept.squeeze(1).bool()
    assert torch.equal(inputs[kept_rows, 0], targets[kept_rows, -1])


def test_a_row_that_restarts_begins_with_the_start_token_and_without_a_state():
    always = LanguageModelling(replace(RECIPE, restarts=1.0), CORPUS)
    inputs, _, kept = always._batch(0, 1)
    assert inputs[:, 0].tolist() == list(always.frontend.start_ids) * RECIPE.rows
    assert not kept.any()


def test_the_state_is_carried_within_an_epoch_and_fresh_at_its_start(subject):
    def state_after(step: int, held: float) -> torch.Tensor:
        subject.restore({"state": [torch.full_like(tensor, held) for tensor in subject.progress()["state"]]})
        torch.manual_seed(0)
        subject.loss(step)
        return subject.progress()["state"][0]

    assert torch.equal(state_after(0, held=0.9), state_after(0, held=0.0))
    assert not torch.equal(state_after(1, held=0.9), state_after(1, held=0.0))
    assert not state_after(1, held=0.0).requires_grad


def test_the_vocabulary_codes_any_text_though_it_never_saw_its_letters():
    tokenizer = train_tokenizer(["abc " * 50], 280)
    assert tokenizer.get_vocab_size() <= 280
    assert tokenizer.token_to_id("<|start|>") == 0
    assert len(tokenizer.encode("ж").ids) == 2
