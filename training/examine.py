"""Measure shipped bundles again: their figures through ONNX Runtime, and a sample of answers through a server."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from service.bundle import MANIFEST_FILE, Bundle, Manifest, QualityFigure, load_bundle
from training.data.cache import DataError
from training.tasks import TASKS, task_named

if TYPE_CHECKING:
    from hiddenstate import Client

FIGURE_TOLERANCE = 1.001e-4
"""Figures are kept to four decimals, and torch and ONNX Runtime may round the last of them apart. Relative above 1."""
ANSWER_TOLERANCE = 1e-5
"""Numbers travel in single precision."""
VARIANT = "fp32"


class NotExaminedError(Exception):
    """A bundle that cannot be measured here; the message says why, and what to do."""


@dataclass(frozen=True)
class Comparison:
    """A figure of the manifest beside the same one measured again; `measured` is None when it was not."""

    recorded: QualityFigure
    measured: QualityFigure | None

    @property
    def equal(self) -> bool:
        """Whether the figure came out as recorded, and is better or worse than its baseline as it was. One of folds is
        no fault of the bundle.
        """
        if self.measured is None:
            return self.recorded.of_folds
        ours = close(self.recorded.value, self.measured.value, FIGURE_TOLERANCE)
        return ours and _verdict(self.recorded) == _verdict(self.measured)

    @property
    def baseline_moved(self) -> bool:
        """Whether the baseline came out otherwise: those of other packages that search for their parameters depend on
        the processor.
        """
        return self.measured is not None and not close(
            self.recorded.baseline_value, self.measured.baseline_value, FIGURE_TOLERANCE
        )


@dataclass(frozen=True)
class Examined:
    """What was found about one bundle. `served`: how many of the `asked` answers of the server were equal."""

    comparisons: tuple[Comparison, ...]
    asked: int
    served: int
    seconds: float

    @property
    def equal(self) -> bool:
        """Whether nothing differs."""
        return self.served == self.asked and all(comparison.equal for comparison in self.comparisons)


def newest_bundles(models: Path) -> list[Bundle]:
    """The highest version of every model of a repository, by name. Raises BundleError, or ValueError for no bundle."""
    folders: dict[str, Path] = {}
    for path in sorted(models.glob(f"*/*/{MANIFEST_FILE}"), key=lambda path: (path.parts[-3], int(path.parts[-2]))):
        folders[path.parts[-3]] = path.parent
    if not folders:
        raise ValueError(f"{models} holds no bundle; name a model repository with --models")
    return [load_bundle(folder) for folder in folders.values()]


def _verdict(figure: QualityFigure) -> bool | None:
    """Whether a figure is better than its baseline; None where it has none."""
    if figure.baseline_value is None:
        return None
    return (figure.value > figure.baseline_value) == figure.higher_is_better


def recipe_of(manifest: Manifest) -> str:
    """The recipe that made a bundle. Raises NotExaminedError when no recipe of ours did, or on other data."""
    made = manifest.provenance
    words = made.command.split()
    # Bundles of before the recipe had a field of its own are known by their command.
    name = made.recipe or next(iter(words[2:]), "")
    if name not in TASKS:
        raise NotExaminedError("no recipe of this project made it")
    if "--data" in words:
        raise NotExaminedError(f"it learned from data of your own; measure its run: `hiddenstate evaluate runs/{name}`")
    return name


def examine(bundle: Bundle, client: Client, count: int) -> Examined:
    """Measure a bundle, and ask the server for `count` examples. Raises NotExaminedError, BundleError, ServerError."""
    started = time.monotonic()
    try:
        examination = task_named(recipe_of(bundle.manifest)).examination()
        comparisons = compare(bundle.manifest.quality, examination.figures(bundle, VARIANT, ""))
    except DataError as error:
        raise NotExaminedError(f"its data cannot be had: {error}") from error
    examples = examination.sample(count)
    expected = examination.answers(bundle, VARIANT, examples)
    given = examination.served_answers(client, bundle.manifest.name, examples)
    pairs = zip(expected, given, strict=False)
    served = sum(same_answer(one, other) for one, other in pairs) if len(expected) == len(given) else 0
    return Examined(comparisons, len(expected), served, time.monotonic() - started)


def compare(recorded: Sequence[QualityFigure], measured: Sequence[QualityFigure]) -> tuple[Comparison, ...]:
    """Each recorded figure with the one of the same metric, split and baseline."""
    found = {_key(figure): figure for figure in measured}
    return tuple(Comparison(figure, found.get(_key(figure))) for figure in recorded)


def same_answer(one: Any, other: Any) -> bool:
    """Whether two answers of plain data are equal, numbers as far as single precision tells them apart."""
    if isinstance(one, float) and isinstance(other, float):
        return close(one, other, ANSWER_TOLERANCE)
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same_answer(one[name], other[name]) for name in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same_answer, one, other))
    return bool(one == other)


def close(one: float | None, other: float | None, tolerance: float) -> bool:
    """Whether two numbers are within a tolerance, which is relative above 1; None is close to None alone."""
    if one is None or other is None:
        return one is other
    return bool(np.isclose(one, other, rtol=0, atol=tolerance * max(1.0, abs(one)), equal_nan=True))


def _key(figure: QualityFigure) -> tuple[str, str, str | None]:
    return figure.metric, figure.split, figure.baseline
