"""Dense classification: rows of numbers in, one class for each of them out, in order; nothing is carried."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from service.bundle import Bundle
from service.errors import BundleError, Reason, invalid
from service.session import Chunk
from service.state import Array
from service.tasks.sampling import log_softmax
from service.tasks.task import NOTHING, End, Item, Reaction, Turn, plain_of


@dataclass(frozen=True, slots=True)
class Examples:
    """Features of one example or more, row by row [examples x columns]."""

    features: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ClassificationOptions:
    """`class_count`: tell so many of the likeliest classes; 0 tells all."""

    class_count: int = 0


class Classification(NamedTuple):
    """Classes of one example with their probabilities, the likeliest first."""

    classes: tuple[tuple[str, float], ...]


@dataclass(slots=True)
class Classifying:
    """The progress of a session: how many classes it wants to know."""

    class_count: int
    busy: bool = False


class ClassificationTask:
    """Sessions whose every step is an example."""

    name = "classification"
    plain = plain_of((Classifying, ClassificationOptions, Classification))

    def __init__(self, *, input_name: str, output_name: str, columns: int, labels: Sequence[str]) -> None:
        """`columns`: features of an example; `labels`: classes in the order of the output."""
        self._input = input_name
        self._output = output_name
        self._columns = columns
        self._labels = tuple(labels)

    @classmethod
    def from_bundle(cls, bundle: Bundle) -> "ClassificationTask":
        """The task of a bundle. Raises BundleError when its rows are not numbers or its classes have no labels."""
        manifest = bundle.manifest
        labels = manifest.heads[0].parameters.get("labels") if manifest.heads else None
        shape = manifest.inputs[0].step_shape
        if manifest.frontend is None or manifest.state or len(shape) != 1 or not isinstance(labels, list | tuple):
            message = f"{bundle.folder}: classification needs rows of numbers, labels, and a network without state"
            raise BundleError(Reason.BUNDLE_MANIFEST_INVALID, message)
        return cls(
            input_name=manifest.inputs[0].name,
            output_name=manifest.heads[0].name,
            columns=shape[0],
            labels=[str(label) for label in labels],
        )

    def begin(self, options: ClassificationOptions) -> Classifying:
        """A session. Raises OPTION_OUT_OF_RANGE."""
        count, most = options.class_count, len(self._labels)
        if not 0 <= count <= most:
            problem = f"class_count is {count}; this model knows {most} classes"
            raise invalid(Reason.OPTION_OUT_OF_RANGE, problem, "config.class_count")
        return Classifying(count or most)

    def accept(self, progress: Classifying, message: Examples | End, sequence_number: int, now: float) -> Chunk:
        """Examples become steps. Raises CHUNK_EMPTY, TENSOR_SIZE_MISMATCH or TENSOR_NOT_FINITE."""
        if isinstance(message, End):
            progress.busy = True
            return Chunk(sequence_number, {}, 0, now, mark=message)
        features, columns = message.features, self._columns
        if features.size == 0:
            raise invalid(Reason.CHUNK_EMPTY, "no features: send one example or more", "examples.features")
        if features.size % columns:
            problem = f"{features.size} features are no whole number of examples: this model takes {columns} for each"
            raise invalid(Reason.TENSOR_SIZE_MISMATCH, problem, "examples.features")
        if not np.isfinite(features).all():
            place = int(np.flatnonzero(~np.isfinite(features))[0])
            problem = f"feature {place % columns} of example {place // columns} is {features[place]}, no finite number"
            raise invalid(Reason.TENSOR_NOT_FINITE, problem, "examples.features")
        return Chunk(sequence_number, {self._input: features.reshape(-1, columns)}, features.size // columns, now)

    def react(self, turns: Sequence[Turn[Classifying]], outputs: Mapping[str, Array], now: float) -> Sequence[Reaction]:
        """Answer every example of every session."""
        running = [turn for turn in turns if turn.steps]
        rows: list[list[float]] = []
        orders: list[list[int]] = []
        if running:
            logits = np.concatenate([outputs[self._output][turn.row, : turn.steps] for turn in running])
            rows = np.exp(log_softmax(logits)).tolist()
            orders = np.argsort(-logits, axis=1, kind="stable").tolist()
        place, reactions = 0, []
        for turn in turns:
            parts = slice(place, place + turn.steps)
            reactions.append(self._reaction(turn, rows[parts], orders[parts]))
            place += turn.steps
        return reactions

    def _reaction(self, turn: Turn[Classifying], rows: list[list[float]], orders: list[list[int]]) -> Reaction:
        numbers = (chunk.sequence_number for chunk, start, stop in turn.segments for _ in range(start, stop))
        items = [
            Item(number, self._classification(probabilities, order[: turn.progress.class_count]))
            for number, probabilities, order in zip(numbers, rows, orders, strict=True)
        ]
        if isinstance(turn.segments[-1].chunk.mark, End):
            return Reaction(items, done=True)
        return Reaction(items) if items else NOTHING

    def _classification(self, probabilities: list[float], order: list[int]) -> Classification:
        return Classification(tuple((self._labels[place], probabilities[place]) for place in order))
