"""`hiddenstate export` and `hiddenstate verify`: a file of one's own becomes a checked bundle."""

import shutil

import pytest
import typer
from typer.testing import CliRunner

from tests.bundles import TINY_LSTM
from training.export_commands import export, verify

OWN = """
import torch
from torch import nn
from service.bundle import Provenance, Topology
from training.export import BundleDescription, Exportable

class Counter(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(2, 5, batch_first=True)
        self.head = nn.Linear(5, 1)

    def initial_state(self, batch):
        return (torch.zeros(batch, 5),)

    def forward(self, inputs, lengths, state):
        steps, last = self.rnn(inputs, state[0].unsqueeze(0))
        return self.head(steps), (last.squeeze(0),)

def exportable():
    torch.manual_seed(0)
    said = BundleDescription(
        name="counter", task="forecast", topology=Topology.MANY_TO_MANY,
        provenance=Provenance(seed=0, training_seconds=0, revision="mine"),
    )
    return Exportable(Counter(), said, sample=torch.randn(4, 9, 2))

def nothing():
    return None
"""


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    app.command()(export)
    app.command()(verify)
    return app


@pytest.fixture
def own(tmp_path):
    (tmp_path / "own.py").write_text(OWN)
    return tmp_path / "own.py"


def test_a_module_of_ones_own_is_exported_and_verified_against_torch(app, own, tmp_path):
    done = CliRunner().invoke(app, ["export", str(own), "--models", str(tmp_path / "models")])
    assert done.exit_code == 0, done.output
    assert "parity" in done.output
    assert "int8 is not shipped" in done.output
    folder = tmp_path / "models" / "counter" / "1"
    again = CliRunner().invoke(app, ["verify", str(folder), "--against", f"{own}:exportable"])
    assert again.exit_code == 0, again.output
    assert "verified" in again.output


def test_a_bundle_alone_is_verified_without_torch_parity(app):
    done = CliRunner().invoke(app, ["verify", str(TINY_LSTM)])
    assert done.exit_code == 0, done.output
    assert "parity" not in done.output


def test_a_damaged_bundle_ends_with_one_line_and_code_one(app, tmp_path):
    folder = shutil.copytree(TINY_LSTM, tmp_path / "1")
    (folder / "model.onnx").write_bytes(b"damaged")
    done = CliRunner().invoke(app, ["verify", str(folder)])
    assert done.exit_code == 1
    assert "SHA-256" in done.output
    assert "Traceback" not in done.output


@pytest.mark.parametrize(
    ("source", "words"), [("missing.py", "no file"), ("own.py:absent", "absent()"), ("own.py:nothing", "Exportable")]
)
def test_a_source_that_gives_nothing_to_export_says_what_is_needed(app, own, source, words):
    done = CliRunner().invoke(app, ["export", str(own.parent / source)])
    assert done.exit_code == 1
    assert words in done.output.replace("\n", "")
