"""The report of a run: Markdown that shows its figures, and pictures that exist."""

import numpy as np

from service.bundle import QualityFigure
from training.loop import COLUMNS, CURVES
from training.report import Section, confusion, draw_confusion, draw_curves, write_report
from training.run import Run

PNG = b"\x89PNG"


def curves(folder):
    lines = [",".join(COLUMNS), "10,1.0,0.1,2.5,0.61", "20,2.0,0.1,1.5,0.72", "30,3.0,0.1,1.4,0.70"]
    (folder / CURVES).write_text("\n".join(lines) + "\n")


def run(folder, **changes):
    said = {"task": "sentiment", "recipe": {"seed": 4}, "data": None, "seconds": 90.0, "valid": 0.72}
    said |= {"command": "hiddenstate train sentiment", "revision": "abc", "hardware": "a machine"}
    return Run(folder=folder, **(said | changes))


def test_the_report_holds_figures_curves_and_the_sections_of_the_task(tmp_path):
    curves(tmp_path)
    figure = QualityFigure(
        metric="accuracy",
        value=0.75,
        higher_is_better=True,
        split="test",
        baseline="counting",
        baseline_value=0.7,
        command="hiddenstate evaluate",
    )
    text = write_report(run(tmp_path, figures=(figure,)), "accuracy", [Section("Samples", "said the cat")]).read_text()
    assert "| accuracy | 0.7500 | 0.7000 (counting) | test |" in text
    assert "## Samples\n\nsaid the cat" in text
    assert "seed 4" in text
    assert "1.5 minutes" in text
    assert (tmp_path / "curves.png").read_bytes().startswith(PNG)


def test_curves_are_drawn_for_either_direction_of_a_metric(tmp_path):
    curves(tmp_path)
    for metric in ("accuracy", "bits per character"):
        draw_curves(tmp_path / CURVES, metric, tmp_path / f"{metric}.png")
        assert (tmp_path / f"{metric}.png").read_bytes().startswith(PNG)


def test_a_confusion_matrix_counts_true_against_predicted(tmp_path):
    counts = confusion([0, 0, 1, 1, 1], [0, 1, 1, 1, 0], 3)
    assert counts.tolist() == [[1, 1, 0], [1, 2, 0], [0, 0, 0]]
    draw_confusion(counts, ("a", "b", "c"), tmp_path / "confusion.png")
    assert (tmp_path / "confusion.png").read_bytes().startswith(PNG)
    assert counts.dtype == np.int64
