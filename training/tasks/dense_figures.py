"""How good a dense classifier is: its accuracy beside two baselines, from torch or from a shipped bundle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from service.bundle import Bundle, QualityFigure
from service.model import load_model
from service.tasks.classification import ClassificationOptions, ClassificationTask, Examples
from training.alone import answers_alone
from training.data.tables import Rows, Table

if TYPE_CHECKING:
    from hiddenstate import Client

METRIC = "accuracy"


def accuracy(scores: NDArray[Any], rows: Rows) -> float:
    """The share of rows whose highest score is that of their class."""
    return float((scores.argmax(axis=1) == rows.classes).mean())


def figures(table: Table, value: float, command: str) -> tuple[QualityFigure, ...]:
    """The accuracy on the test part beside logistic regression and beside nearest neighbours."""
    return tuple(
        QualityFigure(
            metric=METRIC,
            value=round(value, 4),
            higher_is_better=True,
            split=f"test, {len(table.test.classes):,} rows",
            baseline=name,
            baseline_value=round(measured, 4),
            command=command,
        )
        for name, measured in baselines(table).items()
    )


def baselines(table: Table) -> dict[str, float]:
    """Accuracy of both baselines on the test part; each learned from the training part, standardised by it."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    models = {
        "logistic regression": LogisticRegression(max_iter=5000),
        "5 nearest neighbours": KNeighborsClassifier(5),
    }
    found = {}
    for name, model in models.items():
        fitted = make_pipeline(StandardScaler(), model).fit(table.train.features, table.train.classes)
        found[name] = float(fitted.score(table.test.features, table.test.classes))
    return found


@dataclass(frozen=True)
class TableExamination:
    """Accuracy on the test part; the sample is rows of it, and the probabilities of their classes."""

    table: Table

    def figures(self, bundle: Bundle, variant: str, command: str) -> tuple[QualityFigure, ...]:
        """Accuracy through ONNX Runtime, all rows as the steps of one run."""
        model, rows = load_model(bundle, variant), self.table.test.features
        outputs, _ = model.run({model.signature.inputs[0].name: rows[None]}, np.array([len(rows)], np.int32), {})
        return figures(self.table, accuracy(outputs[bundle.manifest.heads[0].name][0], self.table.test), command)

    def sample(self, count: int) -> list[list[float]]:
        """Rows, evenly spaced in the test part."""
        rows = self.table.test.features
        chosen: list[list[float]] = rows[:: -(-len(rows) // count)].tolist()
        return chosen

    def answers(self, bundle: Bundle, variant: str, examples: Sequence[Sequence[float]]) -> list[JsonValue]:
        """The classes of each row with their probabilities."""
        task, message = ClassificationTask.from_bundle(bundle), Examples(np.array(examples, np.float32))
        items = answers_alone(load_model(bundle, variant), task, ClassificationOptions(), [message])
        return [dict(item.classes) for item in items]

    def served_answers(self, client: Client, model: str, examples: Sequence[Sequence[float]]) -> list[JsonValue]:
        """The same from the server."""
        return [dict(answer.probabilities) for answer in client.classify(examples, model=model)]
