"""Shipped bundles are measured again by one command, which ends badly when anything differs."""

from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from service.bundle import load_bundle
from tests.repositories import GENERATOR, SENTIMENT, TABLE, WORDS, copy_bundle, edit_manifest
from training import commands, examine
from training.data.austen import Corpus
from training.data.cache import DataError, Licensed
from training.data.movie_snippets import Example, Examples
from training.data.tables import Rows, Table
from training.data.tagged import Sentence, TaggedText
from training.tasks.dense_figures import TableExamination
from training.tasks.sentiment import SnippetExamination
from training.tasks.tagging_figures import TaggingExamination
from training.tasks.text_generation import NovelExamination

LICENCE = Licensed("made up", "none", "here")
TEXTS = tuple(
    Example(f"a {word} film, number {n}", int(word == "fine"), n) for n in range(6) for word in ("fine", "bad")
)
SENTENCES = tuple(Sentence(("a", "fine", word), ("O", "B-X", "I-X")) for word in ("film", "one", "bad"))
BOOK = "It is a truth universally acknowledged, that a bundle is measured again. " * 8
DICE = np.random.default_rng(2)
ROWS = Rows(DICE.standard_normal((9, 3)).astype(np.float32), np.arange(9) % 3)

EXAMINATIONS = {
    "text_generation": NovelExamination(Corpus((BOOK,), (BOOK,), (BOOK,), LICENCE)),
    "sentiment": SnippetExamination(Examples(("negative", "positive"), TEXTS, TEXTS, TEXTS, LICENCE)),
    "tagging": TaggingExamination(TaggedText(SENTENCES, SENTENCES, SENTENCES, LICENCE)),
    "digits": TableExamination(Table(("x", "y", "z"), ("low", "middle", "high"), ROWS, ROWS, ROWS, LICENCE)),
}
MADE_BY = {GENERATOR: "text_generation", SENTIMENT: "sentiment", WORDS: "tagging", TABLE: "digits"}

app = typer.Typer()
app.command()(commands.evaluate)


def record(said, recipe, figures):
    said["quality"] = [figure.model_dump() for figure in figures]
    said["provenance"]["recipe"] = recipe


@pytest.fixture
def models(tmp_path, monkeypatch):
    """Tiny bundles that say what their examinations find."""
    monkeypatch.setattr(examine, "task_named", lambda name: SimpleNamespace(examination=lambda: EXAMINATIONS[name]))
    for model, recipe in MADE_BY.items():
        folder = copy_bundle(tmp_path, model)
        figures = EXAMINATIONS[recipe].figures(load_bundle(folder), "fp32", "hiddenstate evaluate")
        edit_manifest(folder, partial(record, recipe=recipe, figures=figures))
    return tmp_path


def evaluated(models):
    return CliRunner().invoke(app, ["--all", "--models", str(models), "--sample", "3"], env={"COLUMNS": "160"})


def test_what_is_shipped_comes_out_equal_by_itself_and_through_a_server(models):
    done = evaluated(models)
    assert done.exit_code == 0, done.output
    assert done.output.count("3 of 3 answers equal") == len(MADE_BY), done.output


def test_a_figure_that_differs_ends_badly_and_data_that_cannot_be_had_is_named(models, monkeypatch):
    edit_manifest(models / TABLE / "1", lambda said: said["quality"][0].update(value=0.123))

    def missing():
        raise DataError("run `pip install 'hiddenstate[baselines]'`")

    task = {"text_generation": missing}
    monkeypatch.setattr(
        examine,
        "task_named",
        lambda name: SimpleNamespace(examination=task.get(name, lambda: EXAMINATIONS[name])),
    )
    done = evaluated(models)
    assert done.exit_code == 1, done.output
    assert "DIFFERS" in done.output
    assert "tiny-generator was not measured: its data cannot be had: run `pip" in done.output
    assert "install 'hiddenstate[baselines]'`" in done.output
