"""Dense classification: from a table to a network that standardises by itself, beside two baselines."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from training.data import tables
from training.data.cache import DataError, Licensed
from training.run import plain
from training.tasks.dense import BREAST_CANCER, DIGITS, Dense, shifted


@pytest.fixture
def csv(tmp_path):
    dice = np.random.default_rng(3)
    lines = ["x,y,label"]
    for label, place in (("near", 0.0), ("far", 4.0)):
        lines += [f"{x:.3f},{y:.3f},{label}" for x, y in dice.normal(place, 0.5, (40, 2))]
    (tmp_path / "mine.csv").write_text("\n".join(lines))
    return tmp_path / "mine.csv"


def test_a_table_is_learned_and_measured_beside_both_baselines(csv):
    dense = DIGITS.subject(replace(DIGITS.recipe(None, True), steps=60), csv)
    optimizer = torch.optim.Adam(dense.network.parameters(), 0.01)
    for step in range(60):
        optimizer.zero_grad()
        loss = dense.loss(step)
        loss.backward()
        optimizer.step()
    assert dense.validate(dense.network) == 1.0
    figures = dense.measure("hiddenstate train digits")
    assert [figure.baseline for figure in figures] == ["logistic regression", "5 nearest neighbours"]
    assert figures[0].value == 1.0


def test_the_parts_hold_every_class_in_the_same_share_and_no_row_twice(csv):
    table = tables.load_own(csv)
    parts = (table.train, table.valid, table.test)
    assert [len(part.classes) for part in parts] == [56, 12, 12]
    assert [float(part.classes.mean()) for part in parts] == [0.5, 0.5, 0.5]
    assert len(np.unique(np.concatenate([part.features for part in parts]), axis=0)) == 80
    assert (table.columns, table.labels) == (("x", "y"), ("far", "near"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x,y\n1,2\n", "`label` among them"),
        ("x,label\n" + "1,a\n" * 9, "two classes"),
        ("x,label\n" + "1,a\n2,b\n" * 3, "7 rows or more"),
        ("x,label\n1,a\nz,b\n", "line 3: x is 'z'"),
        ("x,label\n1,a\nnan,b\n", "line 3: x is 'nan'"),
    ],
)
def test_what_is_wrong_with_a_table_is_named(tmp_path, text, message):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        tables.load_own(tmp_path / "t.csv")


def test_a_column_that_never_changes_does_no_harm():
    rows = tables.Rows(np.array([[1.0, 5.0], [2.0, 5.0]], np.float32), np.array([0, 1]))
    table = tables.Table(("a", "b"), ("x", "y"), rows, rows, rows, Licensed("made up", "", ""))
    dense = Dense(BREAST_CANCER.recipe(None, True), table, "t")
    assert torch.isfinite(dense.loss(0))


def test_a_picture_moves_by_at_most_one_pixel_and_loses_nothing_inside():
    picture = np.zeros((1, 64), np.float32)
    picture[0, 27] = 1.0
    places = {int(shifted(picture, np.random.default_rng(seed)).argmax()) for seed in range(60)}
    assert places == {27 + down * 8 + right for down in (-1, 0, 1) for right in (-1, 0, 1)}


def test_a_cell_is_refused_and_a_recipe_comes_back_from_its_plain_data():
    with pytest.raises(ValueError, match="no recurrent layer"):
        DIGITS.recipe("lstm")
    assert DIGITS.recipe_from(plain(DIGITS.recipe())) == DIGITS.recipe()


def test_the_shipped_tables_are_those_of_the_package():
    assert [len(part.classes) for part in _parts(tables.load_digits())] == [1257, 270, 270]
    assert [len(part.classes) for part in _parts(tables.load_breast_cancer())] == [398, 85, 86]


def _parts(table: tables.Table) -> tuple[tables.Rows, ...]:
    return table.train, table.valid, table.test
