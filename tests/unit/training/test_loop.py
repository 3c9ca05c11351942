"""The training loop: resumed equals undisturbed, averages, early stopping, the learning rate."""

import csv
import io
from dataclasses import replace

import pytest
import torch
from rich.console import Console

from training.loop import CURVES, Schedule, Training
from training.networks import NetworkSpec, RecurrentNetwork
from training.regularize import Dropout, run_dropped

SCHEDULE = Schedule(steps=12, learning_rate=1e-2, warmup_steps=3, validate_every=4)


class Counting:
    """Learns to say the next of five tokens; carries recurrent state and uses dropout, so both must survive."""

    higher_is_better = False

    def __init__(self, figures=None):
        torch.manual_seed(1)
        self.network = RecurrentNetwork(
            NetworkSpec(cell="gru", hidden=6, vocabulary=5, embedding=4, heads={"logits": 5})
        )
        self.state = self.network.initial_state(2)
        self.figures = iter(figures) if figures else None

    def loss(self, step):
        tokens = (torch.arange(9) + step) % 5
        inputs = torch.stack([tokens, tokens.flip(0)])
        outputs, after = run_dropped(self.network, inputs[:, :-1], self.state, Dropout(heads=0.3, recurrent=0.3))
        self.state = tuple(tensor.detach() for tensor in after)
        return torch.nn.functional.cross_entropy(outputs["logits"].float().flatten(0, 1), inputs[:, 1:].flatten())

    def validate(self, network):
        if self.figures is not None:
            return next(self.figures)
        with torch.no_grad():
            outputs, _ = network(torch.arange(5)[None], torch.tensor([5]), network.initial_state(1))
        return float(outputs["logits"].square().mean())

    def progress(self):
        return {"state": list(self.state)}

    def restore(self, progress):
        self.state = tuple(progress["state"])


@pytest.fixture(autouse=True)
def _keep_random_state():
    with torch.random.fork_rng():
        yield


def quiet() -> Console:
    return Console(file=io.StringIO(), width=200)


def weights(network):
    return {name: value.clone() for name, value in network.state_dict().items()}


def test_a_resumed_training_ends_with_the_weights_of_an_undisturbed_one(tmp_path):
    whole = Training(Counting(), SCHEDULE, tmp_path / "whole", quiet())
    whole.run()
    Training(Counting(), SCHEDULE, tmp_path / "cut", quiet()).run(until=8)
    torch.manual_seed(99)  # another process begins with other random numbers
    resumed = Training(Counting(), SCHEDULE, tmp_path / "cut", quiet())
    resumed.run(resume=True)
    for kept in ("average", "best_weights", "network"):
        expected, found = whole.state()[kept], resumed.state()[kept]
        assert all(torch.equal(expected[name], found[name]) for name in expected)
    assert resumed.step == 12


def test_the_announcement_leaves_no_trace_in_the_training(tmp_path):
    training = Training(Counting(), SCHEDULE, tmp_path, quiet())
    before = weights(training.trainee.network)
    training._announce()
    after = weights(training.trainee.network)
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert training.step == 0
    assert not any(tensor.any() for tensor in training.trainee.state)


def test_it_says_before_it_starts_how_long_it_will_take(tmp_path):
    console = quiet()
    Training(Counting(), SCHEDULE, tmp_path, console).run()
    said = console.file.getvalue()
    assert said.startswith("12 steps of ")
    assert "minutes" in said.splitlines()[0]


def test_training_stops_after_validations_that_brought_nothing_and_keeps_the_best(tmp_path):
    counting = Counting(figures=[3.0, 1.0, 2.0, 2.0, 2.0, 0.5])
    schedule = replace(SCHEDULE, steps=400, patience=3)
    outcome = Training(counting, schedule, tmp_path, quiet()).run()
    assert (outcome.best, outcome.best_step, outcome.steps) == (1.0, 8, 20)


def test_a_metric_may_be_better_when_higher(tmp_path):
    counting = Counting(figures=[0.2, 0.6, 0.4])
    counting.higher_is_better = True
    assert Training(counting, SCHEDULE, tmp_path, quiet()).run().best == pytest.approx(0.6)


def test_the_network_ends_with_the_averaged_weights(tmp_path):
    training = Training(Counting(figures=[3.0, 2.0, 1.0]), SCHEDULE, tmp_path, quiet())
    training.run()
    average = training.average.state_dict()
    assert all(torch.equal(value, average[name]) for name, value in training.trainee.network.state_dict().items())


def test_every_validation_leaves_a_line_in_the_curves(tmp_path):
    Training(Counting(), SCHEDULE, tmp_path, quiet()).run()
    rows = list(csv.DictReader((tmp_path / CURVES).read_text().splitlines()))
    assert [row["step"] for row in rows] == ["4", "8", "12"]
    assert all(float(row["train_loss"]) > 0 for row in rows)


def test_the_learning_rate_warms_up_and_ends_at_its_final_share():
    schedule = Schedule(steps=1000, learning_rate=1.0, warmup_steps=10, final_share=0.1)
    assert schedule.rate(0) == pytest.approx(0.1)
    assert schedule.rate(9) == pytest.approx(1.0, abs=1e-3)
    assert schedule.rate(500) == pytest.approx(0.55, abs=1e-3)
    assert schedule.rate(1000) == pytest.approx(0.1)


def test_to_resume_without_a_checkpoint_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        Training(Counting(), SCHEDULE, tmp_path, quiet()).run(resume=True)
