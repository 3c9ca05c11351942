"""Dense classification on the wire."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from hiddenstate.v1 import classification_pb2, session_pb2
from service.bundle import Manifest
from service.tasks.classification import Classification, ClassificationOptions, Examples
from service.tasks.task import Answer


class ClassificationCodec:
    """Reads examples, writes their classes: those of one message together."""

    task = "classification"
    request_type = classification_pb2.ClassifyRequest

    def options(self, config: classification_pb2.ClassifyConfig) -> ClassificationOptions:
        """How many classes to tell."""
        return ClassificationOptions(config.class_count)

    def payload(self, request: classification_pb2.ClassifyRequest, manifest: Manifest) -> Examples:
        """One example or more."""
        return Examples(np.array(request.examples.features, np.float32))

    def opened(self, opened: session_pb2.Opened, options: ClassificationOptions) -> Any:
        """The first response."""
        return classification_pb2.ClassifyResponse(opened=opened)

    def responses(self, answers: Sequence[Answer]) -> Iterator[classification_pb2.ClassifyResponse]:
        """One response for each message of examples."""
        for sequence_number, group in groupby(answers, key=lambda answer: answer.sequence_number):
            response = classification_pb2.ClassifyResponse()
            response.classifications.sequence_number = sequence_number
            for answer in group:
                _write(response.classifications.classifications.add(), answer.number, answer.item)
            yield response


def _write(message: classification_pb2.Classification, number: int, item: Classification) -> None:
    message.answer_number = number
    message.label = item.classes[0][0]
    for label, probability in item.classes:
        message.class_probabilities.add(label=label, probability=probability)
