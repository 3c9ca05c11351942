"""Sentiment: a running score while text streams in, a final one at the end of each document."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from service.bundle import Bundle
from service.errors import BundleError, Reason, invalid
from service.frontends.text import TextFrontend, TextStream, text_parts
from service.session import Chunk
from service.state import Array
from service.tasks.sampling import log_softmax
from service.tasks.task import End, Finish, Item, Reaction, Turn, plain_of


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of the document."""

    text: str


@dataclass(frozen=True, slots=True)
class SentimentOptions:
    """`interim`: send a running result after each piece that completed a word."""

    interim: bool = True


class Sentiment(NamedTuple):
    """Probabilities by class label, in the order of the model; `final` once the document has ended."""

    labels: tuple[str, ...]
    probabilities: tuple[float, ...]
    token_count: int
    final: bool

    @property
    def score(self) -> float:
        """From -1 to 1, the classes counting as evenly spaced from the most negative to the most positive."""
        last = len(self.probabilities) - 1
        return (
            sum((2.0 * place / last - 1.0) * weight for place, weight in enumerate(self.probabilities)) if last else 0.0
        )


@dataclass(slots=True)
class Reading:
    """The progress of a session: `token_count` tokens of the document were accepted and `read_count` of them scored."""

    options: SentimentOptions
    stream: TextStream
    latest: tuple[float, ...] = ()
    token_count: int = 0
    read_count: int = 0
    characters: int = 0
    busy: bool = False

    def start_document(self) -> None:
        """Forget the document that has ended."""
        self.latest = ()
        self.token_count = self.read_count = self.characters = 0
        self.busy = False


class SentimentAnalysis:
    """Sessions that read: the class probabilities after the last step so far are the running result."""

    name = "sentiment"

    def __init__(
        self,
        frontend: TextFrontend,
        *,
        input_name: str,
        output_name: str,
        labels: Sequence[str],
        max_characters: int = 65_536,
    ) -> None:
        """`max_characters` bounds the text of one message."""
        self._frontend = frontend
        self._input = input_name
        self._output = output_name
        self._labels = tuple(labels)
        self._max_characters = max_characters
        self.plain = plain_of((Reading, SentimentOptions, Sentiment, Text), text_parts(frontend))

    @classmethod
    def from_bundle(cls, bundle: Bundle, max_characters: int) -> "SentimentAnalysis":
        """The task of a bundle. Raises BundleError when it has no text frontend, no labels, or cannot run in steps."""
        manifest = bundle.manifest
        labels = manifest.heads[0].parameters.get("labels") if manifest.heads else None
        if manifest.frontend is None or manifest.whole_sequence or not isinstance(labels, list | tuple):
            message = f"{bundle.folder}: sentiment needs a text frontend, labels, and a network that reads step by step"
            raise BundleError(Reason.BUNDLE_MANIFEST_INVALID, message)
        return cls(
            TextFrontend.from_files(bundle.folder, manifest.frontend.parameters),
            input_name=manifest.inputs[0].name,
            output_name=manifest.heads[0].name,
            labels=[str(label) for label in labels],
            max_characters=max_characters,
        )

    def begin(self, options: SentimentOptions) -> Reading:
        """A session at the start of a document."""
        return Reading(options, self._frontend.stream())

    def accept(self, progress: Reading, message: Text | Finish | End, sequence_number: int, now: float) -> Chunk:
        """Text becomes steps; `Finish` and `End` become a mark behind the last of them."""
        match message:
            case Text(text):
                if len(text) > self._max_characters:
                    problem = f"a text of {len(text)} characters is over the limit of {self._max_characters}"
                    raise invalid(Reason.TEXT_TOO_LONG, f"{problem}: send it in pieces", "text.text")
                progress.characters += len(text)
                return self._chunk(progress, progress.stream.feed(text), sequence_number, now, mark=message)
            case End() if progress.characters == 0:
                progress.busy = True
                return Chunk(sequence_number, {}, 0, now, mark=message)
            case Finish() | End():
                return self._close_document(progress, message, sequence_number, now)

    def react(self, turns: Sequence[Turn[Reading]], outputs: Mapping[str, Array], now: float) -> Sequence[Reaction]:
        """Score every session that read a step."""
        reading = [turn for turn in turns if turn.steps]
        if reading:
            rows = np.array([turn.row for turn in reading])
            last_steps = np.array([turn.steps for turn in reading]) - 1
            probabilities = np.exp(log_softmax(outputs[self._output][rows, last_steps])).tolist()
            for turn, values in zip(reading, probabilities, strict=True):
                turn.progress.latest = tuple(values)
                turn.progress.read_count += turn.steps
        return [self._reaction(turn) for turn in turns]

    def step_text(self, chunk: Chunk, step: int) -> str:
        """The token that a step reads."""
        return self._frontend.token_text(int(chunk.inputs[self._input][step]))

    def _close_document(self, progress: Reading, message: Finish | End, sequence_number: int, now: float) -> Chunk:
        if progress.token_count == 0 and not self._frontend.encode(progress.stream.held):
            raise invalid(Reason.TEXT_EMPTY, "the document ends before its first word: send text first", "finish")
        progress.busy = True
        return self._chunk(progress, progress.stream.flush(), sequence_number, now, mark=message)

    def _chunk(
        self, progress: Reading, ids: list[int], sequence_number: int, now: float, mark: Text | Finish | End
    ) -> Chunk:
        if ids and progress.token_count == 0:
            ids = [*self._frontend.start_ids, *ids]
        progress.token_count += len(ids)
        return Chunk(sequence_number, {self._input: np.array(ids, np.int64)}, len(ids), now, mark)

    def _reaction(self, turn: Turn[Reading]) -> Reaction:
        progress = turn.progress
        last = turn.segments[-1]
        match last.chunk.mark:
            case Finish() if last.completes:
                reaction = Reaction([self._item(turn, final=True)], reset=True)
                turn.progress.start_document()
                return reaction
            case End() if last.completes:
                return Reaction([self._item(turn, final=True)] if progress.latest else [], done=True)
        if progress.options.interim and last.completes and turn.steps:
            return Reaction([self._item(turn, final=False)])
        return Reaction()

    def _item(self, turn: Turn[Reading], *, final: bool) -> Item:
        progress = turn.progress
        # The start token is none of the document's.
        count = max(progress.read_count - len(self._frontend.start_ids), 0)
        value = Sentiment(self._labels, progress.latest, count, final)
        return Item(turn.segments[-1].chunk.sequence_number, value, interim=not final)
