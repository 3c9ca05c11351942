"""What a model of gestures is measured by: accuracy on recordings it never saw, beside two baselines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from service.bundle import Bundle, QualityFigure
from service.frontends.frames import Floats, frontend_from_file
from service.frontends.pose import HandFrontend
from service.frontends.sensors import SensorFrontend
from service.model import load_model
from service.tasks.scoring import probabilities
from training.data.recordings import Recording, Recordings
from training.nearest import nearest
from training.tasks.gesture_learning import accuracy, encoded, model_scores

if TYPE_CHECKING:
    from hiddenstate import Client

METRIC = "accuracy"
LOGISTIC = {
    "hands": "logistic regression on the mean and spread of each feature",
    "sensors": "logistic regression on the channels at 24 times",
}
NEAREST = "nearest neighbour under dynamic time warping"
TIMES = 24
DECIMALS = 4
"""Of the probabilities of answers: what stays the same when they travel in single precision."""


def figures(
    frontend: HandFrontend | SensorFrontend, recordings: Recordings, value: float, command: str
) -> tuple[QualityFigure, ...]:
    """The accuracy on the test part beside each baseline."""
    return tuple(
        QualityFigure(
            metric=METRIC,
            value=round(value, 4),
            higher_is_better=True,
            split=f"{recordings.split}, {len(recordings.test):,} recordings",
            baseline=name,
            baseline_value=round(measured, 4),
            command=command,
        )
        for name, measured in baselines(frontend, recordings).items()
    )


def baselines(frontend: HandFrontend | SensorFrontend, recordings: Recordings) -> dict[str, float]:
    """Accuracy of both baselines on the test part; each learned from the training part, scaled by it."""
    train, test = ([_features(frontend, each.frames) for each in part] for part in (recordings.train, recordings.test))
    known = np.array([each.label for each in recordings.train])
    asked = np.array([each.label for each in recordings.test])
    pooled = _mean_and_spread if recordings.kind == "hands" else _at_times
    rows, questions = (np.array([pooled(each) for each in part]) for part in (train, test))
    return {
        LOGISTIC[recordings.kind]: float((_logistic(rows, known, questions) == asked).mean()),
        NEAREST: float((known[nearest(train, test)] == asked).mean()),
    }


def _features(frontend: HandFrontend | SensorFrontend, frames: Floats) -> Floats:
    """What is known of each frame alone: features of the hand, or scaled channels."""
    return encoded(frontend, frames) if isinstance(frontend, HandFrontend) else frontend.scaling.apply(frames)


def _mean_and_spread(features: Floats) -> Floats:
    return np.append(features.mean(axis=0), features.std(axis=0))


def _at_times(features: Floats) -> Floats:
    return features[np.linspace(0, len(features) - 1, TIMES).round().astype(np.int64)].ravel()


def _logistic(rows: Floats, labels: NDArray[np.int64], questions: Floats) -> NDArray[np.int64]:
    """What logistic regression says of the questions; its strength by cross-validation on the training part."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=400))
    search = GridSearchCV(classifier, {"logisticregression__C": [0.03, 0.3]}, cv=3)
    said: NDArray[np.int64] = search.fit(rows, labels).predict(questions)
    return said


@dataclass(frozen=True)
class GestureExamination:
    """How a shipped bundle is measured again; see `training.tasks.Examination`."""

    recordings: Recordings

    def figures(self, bundle: Bundle, variant: str, command: str) -> tuple[QualityFigure, ...]:
        """The accuracy on the test part through ONNX Runtime, beside each baseline."""
        frontend, test = frontend_of(bundle), self.recordings.test
        scores = self._scores(bundle, variant, test)
        return figures(frontend, self.recordings, accuracy(scores, test), command)

    def sample(self, count: int) -> Sequence[Recording]:
        """Recordings of the test part, evenly spread over it."""
        test = self.recordings.test
        return [test[place * len(test) // count] for place in range(min(count, len(test)))]

    def answers(self, bundle: Bundle, variant: str, examples: Sequence[Recording]) -> list[JsonValue]:
        """Label and probability of each through ONNX Runtime."""
        labels: Any = bundle.manifest.heads[0].parameters["labels"]
        odds = probabilities(self._scores(bundle, variant, examples))
        return [[labels[int(row.argmax())], round(float(row.max()), DECIMALS)] for row in odds]

    def served_answers(self, client: Client, model: str, examples: Sequence[Recording]) -> list[JsonValue]:
        """Label and probability of each from a running server."""
        found = client.gestures([each.frames for each in examples], model=model)
        return [[each.label, round(each.probability, DECIMALS)] for each in found]

    def _scores(self, bundle: Bundle, variant: str, recordings: Sequence[Recording]) -> NDArray[np.float64]:
        model = load_model(bundle, variant)
        scores = model_scores(model, frontend_of(bundle), recordings)
        model.close()
        return scores


def frontend_of(bundle: Bundle) -> HandFrontend | SensorFrontend:
    """The frontend that a bundle holds. Raises BundleError."""
    spec: Any = bundle.manifest.frontend
    return frontend_from_file(bundle.path(spec.parameters["frames"]))
