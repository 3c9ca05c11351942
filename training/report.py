"""The report of a run: `report.md` with the loss curves, and what the task adds (samples, a confusion matrix)."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from training.loop import CURVES

if TYPE_CHECKING:
    from training.run import Run

REPORT_FILE, CURVES_PICTURE, CONFUSION_PICTURE = "report.md", "curves.png", "confusion.png"
_TRAIN, _VALID, _INK, _MUTED = "#2a6f97", "#c8553d", "#222222", "#777777"


@dataclass(frozen=True)
class Section:
    """A part of the report: a title and Markdown, which may show pictures of the run's folder."""

    title: str
    text: str


def write_report(run: Run, metric: str, sections: Sequence[Section]) -> Path:
    """Write `report.md` and its pictures into the run's folder; returns its path."""
    draw_curves(run.folder / CURVES, metric, run.folder / CURVES_PICTURE)
    parts = [f"# {run.task}, seed {run.recipe['seed']}", _summary(run, metric), f"![loss curves]({CURVES_PICTURE})"]
    if run.figures:
        parts += ["## Figures", _figures(run)]
    for section in sections:
        parts += [f"## {section.title}", section.text]
    parts += ["## Recipe", "\n".join(f"- {name}: {value}" for name, value in run.recipe.items())]
    path = run.folder / REPORT_FILE
    path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return path


def draw_curves(curves: Path, metric: str, target: Path) -> None:
    """Training loss, and the validation figure of the averaged weights, by step; the best validation is marked."""
    with curves.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    steps, losses, valid = ([float(row[name]) for row in rows] for name in ("step", "train_loss", "valid"))
    best = int(np.argmax(valid) if metric == "accuracy" else np.argmin(valid))
    figure, [[left, right]] = picture(1, 2, (10, 3.8))
    left.plot(steps, losses, color=_TRAIN, linewidth=1.8)
    left.set(title="Training loss (with dropout)", xlabel="step", ylabel="loss")
    right.plot(steps, valid, color=_VALID, linewidth=1.8)
    right.plot(steps[best], valid[best], "o", color=_VALID)
    right.set(title=f"Validation: best {valid[best]:.4f} at step {steps[best]:.0f}", xlabel="step", ylabel=metric)
    for axes in (left, right):
        tidy(axes)
    store_picture(figure, target)


def draw_confusion(counts: NDArray[np.int64], labels: Sequence[str], target: Path) -> None:
    """counts [true class, predicted class]; each cell shows its count and its share of the true class."""
    size = 2.4 + 0.9 * len(labels)
    figure, [[axes]] = picture(1, 1, (size + 0.6, size))
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), share in np.ndenumerate(shares):
        text = f"{counts[row, column]}\n{share:.0%}"
        axes.text(column, row, text, ha="center", va="center", color="white" if share > 0.55 else _INK)
    axes.set(
        xticks=range(len(labels)),
        yticks=range(len(labels)),
        xticklabels=labels,
        yticklabels=labels,
        xlabel="predicted",
        ylabel="true",
        title="Validation part",
    )
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    store_picture(figure, target)


def confusion(truth: Sequence[int], predicted: Sequence[int], classes: int) -> NDArray[np.int64]:
    """Counts [true class, predicted class]."""
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (np.asarray(truth), np.asarray(predicted)), 1)
    return counts


def _summary(run: Run, metric: str) -> str:
    return (
        f"Best validation {metric}: **{run.valid:.4f}**. Trained for {run.seconds / 60:.1f} minutes on {run.hardware}, "
        f"at revision {run.revision}.\n\n    {run.command}"
    )


def _figures(run: Run) -> str:
    lines = ["| metric | value | baseline | split |", "|---|---|---|---|"]
    for figure in run.figures:
        baseline = "" if figure.baseline_value is None else f"{figure.baseline_value:.4f} ({figure.baseline})"
        lines.append(f"| {figure.metric} | {figure.value:.4f} | {baseline} | {figure.split} |")
    return "\n".join(lines)


def _pyplot() -> Any:
    import matplotlib as mpl

    mpl.use("Agg")  # pictures go to files; no display is needed
    from matplotlib import pyplot

    return pyplot


def picture(rows: int, columns: int, size: tuple[float, float]) -> tuple[Any, Any]:
    """An empty figure of this size in inches, and its axes [rows][columns]."""
    figure, axes = _pyplot().subplots(rows, columns, figsize=size, layout="constrained", squeeze=False)
    return figure, axes


def tidy(axes: Any) -> None:
    """Axes without box, with a quiet grid."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(colors=_MUTED)


def store_picture(figure: Any, target: Path) -> None:
    """Write a figure as PNG and forget it."""
    figure.savefig(target, dpi=150)
    _pyplot().close(figure)
