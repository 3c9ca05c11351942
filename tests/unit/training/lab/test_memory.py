import csv
import io

import pytest
import torch
from rich.console import Console

from training.lab.memory import Effort, Trial, gradient_norms, open_gates, run_trial
from training.lab.pictures import draw_memory, gradient_table, outcome_table, write_trials
from training.lab.problems import Adding, Copying
from training.networks import NetworkSpec, RecurrentNetwork

LAG = 40
QUICK = Effort(hidden=8, steps=4, rows=8, check_every=2)


def network(cell):
    torch.manual_seed(1)
    return RecurrentNetwork(NetworkSpec(cell, 32, features=2, heads={"answer": 1}))


def silent(step, error):
    pass


def test_the_gradient_of_a_plain_rnn_vanishes_and_that_of_open_gates_holds():
    left = {}
    for cell in ("rnn", "gru", "lstm"):
        opened = network(cell)
        open_gates(opened, LAG)
        left[cell] = gradient_norms(opened, Adding(), LAG, seed=1)[LAG]
    assert left["rnn"] < 1e-6
    assert left["gru"] > 0.05
    assert left["lstm"] > 0.05


def test_gates_as_torch_makes_them_forget_too():
    assert gradient_norms(network("lstm"), Adding(), LAG, seed=1)[LAG] < 1e-6


def test_gradient_norms_are_those_of_the_loss_by_the_state_that_enters_each_step():
    """By differences of the loss: what autograd says of the state that enters the last step, it says rightly."""
    small = network("rnn").double()
    inputs, targets = Adding().batch(3, 64, torch.Generator().manual_seed(5))
    one, zeros = torch.ones(64, dtype=torch.int64), small.initial_state(64)
    lengths = torch.full((64,), 3)
    _, before_last = small(inputs[:, :3].double(), lengths, zeros)
    states = {0: before_last, 3: zeros}
    norms = {}
    for back, state in states.items():
        rest = inputs[:, 3 - back :].double()
        gradient = torch.zeros(64, 32, dtype=torch.float64)
        for unit in range(32):
            moved = state[0].detach().clone()
            moved[:, unit] += 1e-6
            up = small(rest, one * rest.shape[1], (moved,))[0]["answer"][:, -1, 0]
            down = small(rest, one * rest.shape[1], (state[0].detach(),))[0]["answer"][:, -1, 0]
            gradient[:, unit] = ((up - targets[:, 0]) ** 2 - (down - targets[:, 0]) ** 2).detach() / 1e-6
        norms[back] = float(gradient.norm(dim=1).mean())
    found = gradient_norms(network("rnn"), Adding(), 3, seed=5)
    assert len(found) == 4
    assert found[3] == pytest.approx(norms[3] / norms[0], rel=1e-3)


def test_a_trial_is_solved_and_ends_when_its_error_is_small():
    trial = run_trial(Copying(), "rnn", 2, Effort(hidden=32, steps=600, learning_rate=1e-2), 0, silent)
    assert trial.solved_at is not None
    assert trial.solved_at < 600
    assert trial.errors[0][1] > trial.error


def test_trials_of_one_seed_are_equal_and_report_each_check():
    seen = []
    first = run_trial(Adding(), "lstm", 5, QUICK, 0, lambda step, error: seen.append((step, error)))
    second = run_trial(Adding(), "lstm", 5, QUICK, 0, silent)
    assert tuple(seen) == first.errors == second.errors
    assert [step for step, _ in seen] == [2, 4]
    assert len(first.before) == 6


def trials():
    norms = tuple(0.5**k for k in range(11))
    return [
        Trial("adding", "rnn", 10, ((50, 0.9), (100, 0.95)), 1.0, norms, norms),
        Trial("adding", "lstm", 10, ((50, 0.2), (100, 0.04)), 1.0, (1.0,) * 11, (1.0,) * 11),
    ]


def test_the_tables_say_who_solved_it_and_what_is_left_of_the_gradient():
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(outcome_table(trials(), "adding"), gradient_table(trials(), "adding"))
    text = console.export_text()
    assert "error 0.95" in text
    assert "solved at step 100" in text
    assert "1e-03 → 1e-03" in text


def test_picture_and_csv_are_written(tmp_path):
    draw_memory(trials(), tmp_path / "memory.png")
    write_trials(trials(), tmp_path / "memory.csv")
    assert (tmp_path / "memory.png").read_bytes().startswith(b"\x89PNG")
    rows = list(csv.DictReader((tmp_path / "memory.csv").read_text().splitlines()))
    assert [(row["cell"], row["solved_at_step"]) for row in rows] == [("rnn", ""), ("lstm", "100")]
    assert float(rows[0]["after"]) == pytest.approx(0.5**10, rel=1e-3)
