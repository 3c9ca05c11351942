"""Sentiment on the wire."""

from collections.abc import Iterator, Sequence
from typing import Any

from hiddenstate.v1 import classification_pb2, sentiment_pb2, session_pb2
from service.bundle import Manifest
from service.rpc.explanation import explanation_message
from service.tasks.explaining import Explanation
from service.tasks.sentiment import Sentiment, SentimentOptions, Text
from service.tasks.task import Answer, Finish


class SentimentCodec:
    """Reads text, writes running and final results."""

    task = "sentiment"
    request_type = sentiment_pb2.AnalyzeSentimentRequest

    def options(self, config: sentiment_pb2.AnalyzeSentimentConfig) -> SentimentOptions:
        """Whether running results are wanted: yes, unless the client says no."""
        return SentimentOptions(interim=config.interim_results if config.HasField("interim_results") else True)

    def payload(self, request: sentiment_pb2.AnalyzeSentimentRequest, manifest: Manifest) -> Text | Finish:
        """A piece of text, or the end of a document."""
        return Text(request.text.text) if request.WhichOneof("content") == "text" else Finish()

    def opened(self, opened: session_pb2.Opened, options: SentimentOptions) -> Any:
        """The first response."""
        return sentiment_pb2.AnalyzeSentimentResponse(opened=opened)

    def responses(self, answers: Sequence[Answer]) -> Iterator[sentiment_pb2.AnalyzeSentimentResponse]:
        """One response for each result and each explanation."""
        for number, sequence_number, item in answers:
            if isinstance(item, Explanation):
                explanation = explanation_message(sequence_number, item)
                yield sentiment_pb2.AnalyzeSentimentResponse(explanation=explanation)
            else:
                yield sentiment_pb2.AnalyzeSentimentResponse(result=_result(number, sequence_number, item))


def _result(number: int, sequence_number: int, sentiment: Sentiment) -> sentiment_pb2.SentimentResult:
    probabilities = sentiment.probabilities
    best = max(range(len(probabilities)), key=probabilities.__getitem__)
    return sentiment_pb2.SentimentResult(
        answer_number=number,
        sequence_number=sequence_number,
        is_final=sentiment.final,
        score=sentiment.score,
        label=sentiment.labels[best],
        class_probabilities=[
            classification_pb2.ClassProbability(label=label, probability=probability)
            for label, probability in zip(sentiment.labels, probabilities, strict=True)
        ],
        token_count=sentiment.token_count,
    )
