"""What the answers of a stream mean, answer by answer; pure, shared by the blocking and the async client."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from hiddenstate import wire
from hiddenstate.errors import ServerError
from hiddenstate.protocol import StreamProtocol
from hiddenstate.results import Completion, Sentiment, Token
from hiddenstate.tensors import Array, to_array


@dataclass(slots=True)
class TextAnswer:
    """One text of a stream. `sequence_number` is that of the request it answers; None when it is the only text."""

    protocol: StreamProtocol
    sequence_number: int | None = None
    completion: Completion | None = None

    @property
    def complete(self) -> bool:
        """Whether nothing more is to be read. A text that is alone in its stream is read to the stream's end."""
        return self.completion is not None and self.sequence_number is not None

    def take(self, content: str, response: Any) -> Iterator[Token]:
        """The tokens in an answer. What is left of an earlier text that was not read to its end is passed over."""
        if content == "tokens":
            mine = self._is_mine(response.tokens)
            yield from (wire.token(each) for each in self.protocol.new(response.tokens.tokens) if mine)
        if content == "completion":
            ended = response.completion
            if self.protocol.is_new(ended.answer_number) and self._is_mine(ended):
                self.completion = wire.completion(ended)

    def check(self) -> None:
        """Raise ServerError when the stream ended before the text did; its end may have been told before."""
        if self.completion is None and not self.protocol.had_all:
            raise broken_off("the text was complete")

    def _is_mine(self, answer: Any) -> bool:
        return self.sequence_number in (None, answer.sequence_number)


def sentiment_of(protocol: StreamProtocol, content: str, response: Any) -> Sentiment | None:
    """The result in an answer."""
    if content != "result" or not protocol.is_new(response.result.answer_number):
        return None
    return wire.sentiment(response.result)


def final_of(results: Sequence[Sentiment]) -> Sentiment:
    """The last of the results, which is the final one. Raises ServerError when the stream broke off before it."""
    if not results or not results[-1].is_final:
        raise broken_off("the final result, or it was taken before")
    return results[-1]


def outputs_of(protocol: StreamProtocol, content: str, response: Any) -> dict[str, Array] | None:
    """The outputs in an answer, [steps, ...] each, by name."""
    if content != "outputs" or not protocol.is_new(response.outputs.answer_number):
        return None
    return {tensor.name: to_array(tensor) for tensor in response.outputs.outputs}


def broken_off(before: str) -> ServerError:
    """The error of a stream that ended, without an error of its own, before it gave what was asked for."""
    return ServerError("DATA_LOSS", "STREAM_ENDED", f"the stream ended before {before}")
