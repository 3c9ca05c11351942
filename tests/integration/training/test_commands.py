"""From a user's file to a verified bundle by one command, for both tasks, in seconds."""

import json

import pytest
import typer
from typer.testing import CliRunner

from service.bundle import load_bundle
from training import commands
from training.run import Run

app = typer.Typer()
app.command()(commands.train)
app.command()(commands.evaluate)


def hiddenstate(*words: object):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "mine.txt"
    path.write_text("It was the best of times, it was the worst of times, said the cat. " * 120, encoding="utf-8")
    return path


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "mine.csv"
    words = {"good": ("fine", "great", "moving"), "bad": ("dull", "poor", "empty")}
    rows = [
        f"a {word} film number {number},{label}" for number in range(30) for label in words for word in words[label]
    ]
    path.write_text("text,label\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("cell", ["lstm", "rnn"])
def test_a_text_becomes_a_verified_bundle(tmp_path, text, cell):
    folder, models = tmp_path / "run", tmp_path / "models"
    done = hiddenstate(
        "train", "text_generation", "--smoke", "--cell", cell, "--data", text, "--out", folder, "--export", models
    )
    assert done.exit_code == 0, done.output
    manifest = load_bundle(models / "own-text" / "1").manifest
    assert manifest.cell.value == cell
    assert manifest.quality[0].metric == "bits per character"
    assert manifest.quality[0].baseline_value is not None
    assert manifest.frontend is not None
    assert "## Samples" in (folder / "report.md").read_text()


def test_a_table_becomes_a_verified_bundle_and_folds_add_a_figure(tmp_path, table, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where folds that are done are kept
    folder, models = tmp_path / "run", tmp_path / "models"
    done = hiddenstate("train", "sentiment", "--smoke", "--data", table, "--out", folder, "--export", models)
    assert done.exit_code == 0, done.output
    manifest = load_bundle(models / "own-sentiment" / "1").manifest
    assert manifest.heads[0].parameters["labels"] == ["bad", "good"]
    assert [output.name for output in manifest.outputs] == ["logits"]
    assert (folder / "confusion.png").exists()
    done = hiddenstate("evaluate", folder, "--folds", 2)
    assert done.exit_code == 0, done.output
    assert [figure.split for figure in Run.load(folder).figures][-1].startswith("2 folds")


def test_a_run_is_evaluated_again_with_the_same_figures(tmp_path, text):
    folder = tmp_path / "run"
    assert hiddenstate("train", "text_generation", "--smoke", "--data", text, "--out", folder).exit_code == 0
    assert Run.load(folder).figures == ()
    values = []
    for _ in range(2):
        assert hiddenstate("evaluate", folder).exit_code == 0
        values.append(json.loads((folder / "run.json").read_text())["figures"][0]["value"])
    assert values[0] == values[1] > 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("train", "poetry"), "there is no task 'poetry'"),
        (("train", "sentiment", "--cell", "tree"), "--cell tree is none of"),
        (("train", "text_generation", "--resume", "--out", "nowhere"), "leave out --resume"),
        (("train", "text_generation", "--data", "absent.txt"), "No such file"),
        (("evaluate", "nowhere"), "holds no finished run"),
        (("evaluate", "sentiment"), "--folds 10"),
        (("evaluate", "text_generation", "--folds", "3"), "no folds"),
    ],
)
def test_a_wrong_command_ends_with_what_to_do(words, message):
    done = hiddenstate(*words)
    assert done.exit_code == 1
    assert message in " ".join(done.output.split())
