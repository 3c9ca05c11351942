"""The table of shipped models: one row for each bundle, everything in it from its manifest and its graphs."""

import pytest

from service.bundle import Anchor, QualityFigure, load_bundle
from tests.repositories import REPOSITORY, SENTIMENT, TABLE, copy_bundle, edit_manifest
from training.table import BEGIN, END, parameters, rewritten, table


def figure(value, *, split="test", baseline="guessing", command="measure", anchor=None):
    return QualityFigure(
        metric="accuracy",
        value=value,
        higher_is_better=True,
        split=split,
        baseline=baseline,
        baseline_value=0.5,
        command=command,
        anchor=anchor,
    ).model_dump()


def row(tmp_path, *figures):
    folder = copy_bundle(tmp_path, SENTIMENT)
    edit_manifest(folder, lambda said: said.update(quality=figures))
    return [cell.strip() for cell in table([load_bundle(folder)]).splitlines()[2].split("|")[1:-1]]


def test_a_row_names_the_model_its_network_its_size_and_how_it_was_made(tmp_path):
    name, task, network, size, *_, training = row(tmp_path)
    assert name == "[tiny-sentiment](models/tiny-sentiment/1/MODEL_CARD.md)"
    assert task == "sentiment, many-to-one"
    assert network.startswith("GRU 8, ")
    assert float(size) > 0
    assert training == "0 s"


def test_figures_on_one_split_share_a_line_and_a_baseline_is_named_once(tmp_path):
    cells = row(tmp_path, figure(0.9), figure(0.9, baseline="neighbours"), figure(0.8, split="other"))
    assert cells[4:6] == [
        "**0.9** accuracy, test<br>**0.8** accuracy, other",
        "0.5 (guessing), 0.5 (neighbours)<br>0.5",
    ]


def test_the_first_figures_are_shown_and_those_of_folds(tmp_path):
    splits = [figure(0.1 * place, split=f"part {place}") for place in range(4)]
    cells = row(tmp_path, *splits, figure(0.7, split="folds", command="hiddenstate evaluate x --folds 10"))
    assert [part.split(", ")[1] for part in cells[4].split("<br>")] == ["part 0", "part 1", "folds"]


def test_what_others_published_stands_with_its_source(tmp_path):
    anchor = Anchor(value=0.794, system="NB-SVM", source="Wang and Manning 2012")
    assert row(tmp_path, figure(0.9, anchor=anchor))[6] == "0.794 NB-SVM (Wang and Manning 2012)"


def test_parameters_are_counted_in_the_graph():
    bundle = load_bundle(REPOSITORY / TABLE / "1")
    # Two members of 3 → 5 → 3 with biases; means of 0 and scales of 1 are constants of the graph as well.
    assert 2 * (3 * 5 + 5 + 5 * 3 + 3) <= parameters(bundle) <= 2 * (3 * 5 + 5 + 5 * 3 + 3) + 6


def test_the_table_goes_between_its_markers_and_nothing_else_moves():
    text = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    assert rewritten(text, "new") == f"before\n{BEGIN}\nnew\n{END}\nafter\n"
    with pytest.raises(ValueError, match="no place"):
        rewritten(f"{END}{BEGIN}", "new")
