"""The model card holds the figures of the manifest, and its reasons."""

import json
from typing import Any

import pytest

from service.bundle import Manifest
from tests.bundles import TINY_LSTM
from training.card import card


@pytest.fixture
def said() -> dict[str, Any]:
    return json.loads((TINY_LSTM / "manifest.json").read_text())


def test_every_figure_stands_beside_its_baseline_and_command(said):
    figure = {
        "metric": "accuracy",
        "value": 0.7912,
        "higher_is_better": True,
        "split": "test, 1,066 rows",
        "baseline": "TF-IDF",
        "baseline_value": 0.785,
        "command": "hiddenstate evaluate sentiment",
    }
    text = card(Manifest.model_validate(said | {"quality": [figure]}))
    row = next(line for line in text.splitlines() if line.startswith("| accuracy"))
    assert "higher is better" in row
    assert "0.7912" in row
    assert "0.785 (TF-IDF)" in row
    assert "    hiddenstate evaluate sentiment" in text


def test_data_and_licence_are_named(said):
    data = [{"name": "Emma", "licence": "public domain", "source": "a package"}]
    assert "| Emma | public domain | a package |" in card(Manifest.model_validate(said | {"data": data}))


def test_a_withheld_variant_is_named_with_its_reason(said):
    text = card(Manifest.model_validate(said | {"withheld": {"int8": "it is slow"}}))
    assert "**int8** is not shipped: it is slow" in text


def test_a_bar_in_a_text_does_not_break_a_table(said):
    data = [{"name": "a|b", "licence": "c", "source": "d"}]
    assert "| a/b | c | d |" in card(Manifest.model_validate(said | {"data": data}))
