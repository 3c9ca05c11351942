"""`hiddenstate inspect`: the whole bundle at a glance, without torch and onnx."""

import json
import shutil

import pytest
import typer
from typer.testing import CliRunner

from service.graph_summary import summarize
from service.inspect import inspect
from tests.bundles import TINY_LSTM


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    app.command()(inspect)
    return app


def test_a_bundle_is_shown_with_its_tensors_files_and_graph(app):
    done = CliRunner().invoke(app, [str(TINY_LSTM)])
    assert done.exit_code == 0, done.output
    for words in ("tiny-lstm 1", "text_generation", "next_state_1", "golden.npz", "LSTM", "int8 is not shipped"):
        assert words in done.output


def test_the_manifest_is_given_as_json_on_demand(app):
    done = CliRunner().invoke(app, [str(TINY_LSTM), "--json"])
    assert json.loads(done.output)["name"] == "tiny-lstm"


def test_a_damaged_bundle_is_refused_with_its_reason(app, tmp_path):
    folder = shutil.copytree(TINY_LSTM, tmp_path / "1")
    (folder / "model.onnx").unlink()
    done = CliRunner().invoke(app, [str(folder)])
    assert done.exit_code == 1
    assert "BUNDLE_MISSING_FILE" in done.output


def test_text_of_a_bundle_is_never_taken_for_markup(app, tmp_path):
    folder = shutil.copytree(TINY_LSTM, tmp_path / "1")
    said = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(said | {"description": "keeps [bold] words"}))
    assert "keeps [bold] words" in CliRunner().invoke(app, [str(folder)]).output


def test_a_graph_is_summarised_from_its_bytes():
    summary = summarize((TINY_LSTM / "model.onnx").read_bytes())
    assert summary is not None
    assert summary.nodes.count("LSTM") == 1
    floats = 11 * 8 + 2 * (32 * 8) + 64 + 8 * 11 + 11  # embedding, W and R, biases, head
    assert 4 * floats <= summary.constant_bytes <= 4 * floats + 64


@pytest.mark.parametrize("content", [b"", b"\x00", b"no graph at all", b"\x3a\xff\xff\xff\xff\x0f", b"\xff" * 40])
def test_bytes_that_are_no_graph_give_no_summary(content):
    assert summarize(content) is None


def test_every_cut_of_a_graph_is_read_without_an_error():
    content = (TINY_LSTM / "model.onnx").read_bytes()
    for end in range(0, len(content), 37):
        summarize(content[:end])
