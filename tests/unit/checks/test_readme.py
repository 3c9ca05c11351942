"""The table of the README is what the manifests of the shipped models say."""

from pathlib import Path

from training.examine import newest_bundles
from training.table import rewritten, table

ROOT = Path(__file__).resolve().parents[3]


def test_the_table_of_shipped_models_is_up_to_date():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert rewritten(text, table(newest_bundles(ROOT / "models"))) == text, (
        "write it again: python -m training.table README.md"
    )
