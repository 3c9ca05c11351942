"""Dense classification: rows of numbers in, classes out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hiddenstate.options import SessionOptions
from hiddenstate.protocol import Rpc, StreamProtocol
from hiddenstate.v1 import classification_pb2
from hiddenstate.wire import session_config

CLASSIFY = Rpc(
    "/hiddenstate.v1.ClassificationService/Classify",
    classification_pb2.ClassifyRequest,
    classification_pb2.ClassifyResponse,
)


class ClassifyOptions(SessionOptions, total=False):
    """Options of a session that classifies.

    model: name; may be left out where one model alone serves the task.
    class_count: tell so many of the likeliest classes. Default: all.
    """

    model: str | None
    class_count: int | None


@dataclass(frozen=True, slots=True)
class Classification:
    """The class of one example, and the probabilities of classes, the likeliest first."""

    label: str
    probabilities: Mapping[str, float]
    answer_number: int


@dataclass(frozen=True, slots=True)
class ClassifyScript:
    """Every piece is one example."""

    protocol: StreamProtocol
    options: ClassifyOptions

    def begin(self) -> Any:
        """The config."""
        options = self.options
        return self.protocol.config(
            classification_pb2.ClassifyConfig(
                session=session_config(options, options.get("model")), class_count=options.get("class_count") or 0
            )
        )

    def piece(self, example: Sequence[float]) -> Iterator[Any]:
        """The request for an example."""
        yield self.protocol.message(examples=classification_pb2.Examples(features=example))

    def end(self) -> Iterable[Any]:
        """No more input."""
        yield self.protocol.end()


def classifications(protocol: StreamProtocol, content: str, response: Any) -> Iterator[Classification]:
    """The classes in an answer."""
    if content == "classifications":
        for each in protocol.new(response.classifications.classifications):
            probabilities = {part.label: part.probability for part in each.class_probabilities}
            yield Classification(each.label, probabilities, each.answer_number)
