import pytest
import torch

from training.lab.problems import BLANK, COPIED, CUE, PROBLEMS, SYMBOLS, Adding, Copying


def generator(seed: int = 3) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_answer_of_the_adding_problem_is_the_sum_of_the_two_marked_numbers_a_lag_apart():
    inputs, targets = Adding().batch(20, 64, generator())
    assert inputs.shape == (64, 21, 2)
    marks = inputs[:, :, 1]
    assert marks.sum(dim=1).tolist() == [2.0] * 64
    assert marks[:, 0].tolist() == [1.0] * 64
    assert not marks[:, 1:11].any()
    torch.testing.assert_close((inputs[:, :, 0] * marks).sum(dim=1, keepdim=True), targets)


def test_the_answer_of_the_copy_task_is_what_the_sequence_began_with():
    inputs, targets = Copying().batch(7, 16, generator())
    symbols = inputs.argmax(dim=2)
    assert inputs.shape == (16, 7 + 2 * COPIED, SYMBOLS + 2)
    assert symbols[:, :COPIED].equal(targets)
    assert (symbols[:, COPIED + 7] == CUE).all()
    assert (symbols[:, COPIED : COPIED + 7] == BLANK).all()


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
def test_one_who_remembers_nothing_has_an_error_of_about_one_and_perfect_answers_none(problem):
    inputs, targets = problem.batch(10, 4000, generator())
    if problem.name == "adding":
        blind, perfect = torch.ones(4000, 11, 1), targets[:, None, :].expand(-1, 11, -1)
    else:
        blind = torch.zeros(4000, inputs.shape[1], SYMBOLS)
        perfect = torch.nn.functional.one_hot(targets, SYMBOLS).float()
    assert problem.error(blind, targets) == pytest.approx(1.0, abs=0.05)
    assert problem.error(perfect, targets) == 0.0


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
def test_a_seed_gives_the_same_data(problem):
    for first, second in zip(problem.batch(9, 8, generator()), problem.batch(9, 8, generator()), strict=True):
        assert first.equal(second)
