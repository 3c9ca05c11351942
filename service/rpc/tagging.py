"""Tagging on the wire."""

from collections.abc import Iterator, Sequence
from typing import Any

from hiddenstate.v1 import session_pb2, tagging_pb2
from service.bundle import Manifest
from service.rpc.explanation import explanation_message
from service.tasks.explaining import Explanation
from service.tasks.tagging import Tag, TaggedSentence, TaggingOptions, Words
from service.tasks.task import Answer, Finish


class TaggingCodec:
    """Reads words, writes tags; tags that wait together go out in one message."""

    task = "tagging"
    request_type = tagging_pb2.TagTokensRequest

    def options(self, config: tagging_pb2.TagTokensConfig) -> TaggingOptions:
        """How long to wait, and what to tell."""
        wait = config.look_ahead_count if config.HasField("look_ahead_count") else None
        return TaggingOptions(wait, config.alternative_count)

    def payload(self, request: tagging_pb2.TagTokensRequest, manifest: Manifest) -> Words | Finish:
        """Words, or the end of a sentence."""
        return Words(tuple(request.words.words)) if request.WhichOneof("content") == "words" else Finish()

    def opened(self, opened: session_pb2.Opened, options: TaggingOptions) -> Any:
        """The first response."""
        return tagging_pb2.TagTokensResponse(opened=opened)

    def responses(self, answers: Sequence[Answer]) -> Iterator[tagging_pb2.TagTokensResponse]:
        """Tags gathered up to each end of a sentence, or explanation."""
        gathered: tagging_pb2.TagTokensResponse | None = None
        for number, sequence_number, item in answers:
            if isinstance(item, Tag):
                gathered = gathered or tagging_pb2.TagTokensResponse()
                _write_tag(gathered.tags.tags.add(), number, sequence_number, item)
                continue
            if gathered is not None:
                yield gathered
                gathered = None
            if isinstance(item, Explanation):
                yield tagging_pb2.TagTokensResponse(explanation=explanation_message(sequence_number, item))
            else:
                yield tagging_pb2.TagTokensResponse(sentence=_sentence(number, sequence_number, item))
        if gathered is not None:
            yield gathered


def _write_tag(message: tagging_pb2.Tag, number: int, sequence_number: int, tag: Tag) -> None:
    message.answer_number = number
    message.sequence_number = sequence_number
    message.word_number = tag.word_number
    message.word = tag.word
    message.label = tag.label
    message.probability = tag.probability
    for label, probability in tag.alternatives:
        message.alternatives.add(label=label, probability=probability)


def _sentence(number: int, sequence_number: int, sentence: TaggedSentence) -> tagging_pb2.TaggedSentence:
    return tagging_pb2.TaggedSentence(
        answer_number=number,
        sequence_number=sequence_number,
        word_count=sentence.word_count,
        entities=[
            tagging_pb2.EntitySpan(
                label=entity.label,
                start_word=entity.start,
                word_count=len(entity.words),
                text=" ".join(entity.words),
                probability=entity.probability,
            )
            for entity in sentence.entities
        ],
    )
