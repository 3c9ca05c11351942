"""Token tagging: words in, one tag for each of them out, in order, as soon as enough words behind it are known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from service.bundle import Bundle, HeadSpec
from service.errors import BundleError, Reason, ServiceError, invalid
from service.frontends.words import WordFrontend
from service.session import Chunk
from service.state import Array
from service.tasks.entities import Floats, best_path, marks_runs, spans
from service.tasks.sampling import log_softmax
from service.tasks.task import NOTHING, End, Finish, Item, Reaction, Turn, plain_of

MAX_WORD_CHARACTERS = 256
MAX_SENTENCE_WORDS = 16_384
MAX_ALTERNATIVES = 20


@dataclass(frozen=True, slots=True)
class Words:
    """The next words of the sentence."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TaggingOptions:
    """`look_ahead`: words to wait for before one is tagged, None as many as the model was trained for."""

    look_ahead: int | None = None
    alternative_count: int = 0


class Tag(NamedTuple):
    """The tag of one word, and the likeliest labels with their probabilities where they were asked for."""

    word_number: int
    word: str
    label: str
    probability: float
    alternatives: tuple[tuple[str, float], ...] = ()


class Entity(NamedTuple):
    """A run of words that belong together; `probability` is the lowest of its tags."""

    label: str
    start: int
    words: tuple[str, ...]
    probability: float


class TaggedSentence(NamedTuple):
    """A sentence is complete."""

    word_count: int
    entities: tuple[Entity, ...]


@dataclass(slots=True)
class Sentence:
    """The progress of a session: the words of the sentence, the message that brought each, and the tags so far.

    `steps`: steps that have run; `labels` and `probabilities` are kept only where tags mark runs of words.
    """

    options: TaggingOptions
    wait: int
    words: list[str] = field(default_factory=list)
    sequence_numbers: list[int] = field(default_factory=list)
    steps: int = 0
    tagged: int = 0
    labels: list[str] = field(default_factory=list)
    probabilities: list[float] = field(default_factory=list)
    busy: bool = False

    def start_sentence(self) -> None:
        """Forget the sentence that has ended."""
        self.words, self.sequence_numbers, self.labels, self.probabilities = [], [], [], []
        self.steps = self.tagged = 0
        self.busy = False


@dataclass(frozen=True)
class Head:
    """An output that tags the word `look_ahead` steps back; `transitions` [labels + 1, labels], if it was trained with
    them (see `best_path`).
    """

    name: str
    look_ahead: int
    labels: tuple[str, ...]
    transitions: Floats | None = None

    @classmethod
    def of(cls, spec: HeadSpec) -> "Head":
        """The head that a manifest describes. Raises KeyError, TypeError or ValueError."""
        said: Any = spec.parameters
        labels = tuple(str(label) for label in said["labels"])
        given = said.get("transitions")
        transitions = None if given is None else np.array(given, np.float64).reshape(len(labels) + 1, len(labels))
        return cls(spec.name, int(said.get("look_ahead", 0)), labels, transitions)

    def decode(self, logits: Array) -> tuple[NDArray[np.int64], Floats]:
        """Logits [words, labels] of one sentence, or of any words where there are no transitions → the number of each
        word's label, and the log-probabilities [words, labels] of all labels.
        """
        odds = log_softmax(logits)
        if self.transitions is None:
            return odds.argmax(axis=1), odds
        return best_path(logits.astype(np.float64), self.transitions), odds


class Tagging:
    """Sessions that tag. A network that needs whole sentences reads one when it is complete."""

    name = "tagging"
    plain = plain_of((Sentence, TaggingOptions, Words, Tag, Entity, TaggedSentence))

    def __init__(
        self, frontend: WordFrontend, *, input_name: str, heads: Sequence[Head], max_words: int | None = None
    ) -> None:
        """`heads` by look-ahead from 0 on; `max_words`: of a whole sentence, None for a network that reads in steps."""
        self._frontend = frontend
        self._input = input_name
        self._heads = tuple(heads)
        self._whole = max_words is not None
        self._max_words = MAX_SENTENCE_WORDS if max_words is None else max_words
        self._marks_runs = marks_runs(heads[0].labels)

    @classmethod
    def from_bundle(cls, bundle: Bundle) -> "Tagging":
        """The task of a bundle. Raises BundleError when it has no frontend for words, or heads without labels."""
        manifest = bundle.manifest
        try:
            if manifest.frontend is None or manifest.frontend.kind != "words" or not manifest.heads:
                raise ValueError("no frontend for words, or no head")
            heads = sorted(map(Head.of, manifest.heads), key=lambda head: head.look_ahead)
            if [head.look_ahead for head in heads] != list(range(len(heads))):
                raise ValueError("the look-aheads of its heads are not 0, 1, …")
            vocabulary = bundle.path(str(manifest.frontend.parameters["words"]))
        except (KeyError, TypeError, ValueError) as error:
            message = f"{bundle.folder}: tagging needs a frontend for words and heads with labels ({error})"
            raise BundleError(Reason.BUNDLE_MANIFEST_INVALID, message) from error
        longest = (manifest.limits.max_sequence_steps or MAX_SENTENCE_WORDS) if manifest.whole_sequence else None
        frontend = WordFrontend.from_file(vocabulary)
        return cls(frontend, input_name=manifest.inputs[0].name, heads=heads, max_words=longest)

    def begin(self, options: TaggingOptions) -> Sentence:
        """A session at the start of a sentence. Raises OPTION_OUT_OF_RANGE."""
        most = len(self._heads) - 1
        wait = most if options.look_ahead is None else options.look_ahead
        if not 0 <= wait <= most:
            problem = f"look_ahead_count is {wait}; this model takes 0 to {most}"
            raise invalid(Reason.OPTION_OUT_OF_RANGE, problem, "config.look_ahead_count")
        if not 0 <= options.alternative_count <= MAX_ALTERNATIVES:
            problem = f"alternative_count is {options.alternative_count}, not in 0..{MAX_ALTERNATIVES}"
            raise invalid(Reason.OPTION_OUT_OF_RANGE, problem, "config.alternative_count")
        return Sentence(options, wait)

    def accept(self, progress: Sentence, message: Words | Finish | End, sequence_number: int, now: float) -> Chunk:
        """Words become steps; the end of a sentence, the steps that its last words wait for."""
        match message:
            case Words(words):
                self._take(progress, words, sequence_number)
                steps = self._frontend.encode(() if self._whole else words)
                return self._chunk(steps, sequence_number, now, message)
            case End() if not progress.words:
                progress.busy = True
                return Chunk(sequence_number, {}, 0, now, mark=message)
            case Finish() | End():
                if not progress.words:
                    raise invalid(Reason.TEXT_EMPTY, "the sentence has no word: send words before its end", "finish")
                progress.busy = True
                steps = self._frontend.encode(progress.words) if self._whole else self._frontend.end(progress.wait)
                return self._chunk(steps, sequence_number, now, message)

    def react(self, turns: Sequence[Turn[Sentence]], outputs: Mapping[str, Array], now: float) -> Sequence[Reaction]:
        """Tag every word that has waited long enough; the words of all sessions with the same wait at once."""
        found: list[list[Item]] = [[] for _ in turns]
        for wait, head in enumerate(self._heads):
            self._tag(
                [(turn, found[index]) for index, turn in enumerate(turns) if turn.progress.wait == wait], head, outputs
            )
        return [self._reaction(turn, items) for turn, items in zip(turns, found, strict=True)]

    def step_text(self, chunk: Chunk, step: int) -> str:
        """The word that a step reads; nothing behind the end of a sentence."""
        return chunk.mark.words[step] if isinstance(chunk.mark, Words) else ""

    def _take(self, progress: Sentence, words: tuple[str, ...], sequence_number: int) -> None:
        for place, word in enumerate(words):
            if not 0 < len(word) <= MAX_WORD_CHARACTERS or any(character.isspace() for character in word):
                problem = (
                    f"word {place} is {word[:32]!r}: a word has 1 to {MAX_WORD_CHARACTERS} characters and no blank"
                )
                raise invalid(Reason.WORD_INVALID, problem, f"words.words[{place}]")
        if len(progress.words) + len(words) > self._max_words:
            raise self._too_long(len(progress.words) + len(words))
        progress.words += words
        progress.sequence_numbers += [sequence_number] * len(words)

    def _too_long(self, count: int) -> ServiceError:
        problem = f"a sentence of {count} words or more is over the limit of {self._max_words}"
        return invalid(Reason.TEXT_TOO_LONG, f"{problem}: finish sentences where they end", "words.words")

    def _chunk(self, steps: NDArray[np.int64], sequence_number: int, now: float, mark: Words | Finish | End) -> Chunk:
        return Chunk(sequence_number, {self._input: steps}, len(steps), now, mark)

    def _tag(
        self, turns: Sequence[tuple[Turn[Sentence], list[Item]]], head: Head, outputs: Mapping[str, Array]
    ) -> None:
        """Write the tags of turns with the wait of `head` into their lists."""
        due = [(turn, items, _due(turn, head.look_ahead)) for turn, items in turns if turn.steps]
        if not due:
            return
        logits = np.concatenate([outputs[head.name][turn.row, first : turn.steps] for turn, _, first in due])
        if head.transitions is None:
            numbers, odds = head.decode(logits)
        else:
            counts = np.cumsum([turn.steps - first for turn, _, first in due])[:-1]
            parts = [head.decode(part) for part in np.split(logits, counts)]
            numbers, odds = (np.concatenate(each) for each in zip(*parts, strict=True))
        probabilities = np.exp(odds)
        start = 0
        for turn, items, first in due:
            stop = start + turn.steps - first
            items += self._items(turn.progress, head, numbers[start:stop], probabilities[start:stop])
            turn.progress.steps += turn.steps
            start = stop

    def _items(self, progress: Sentence, head: Head, numbers: NDArray[np.int64], probabilities: Floats) -> list[Item]:
        """Tags of the next words of a session."""
        items = []
        count = progress.options.alternative_count
        for number, odds in zip(numbers.tolist(), probabilities, strict=True):
            place = progress.tagged
            best = np.argsort(-odds, kind="stable")[:count].tolist() if count else ()
            tag = Tag(
                place,
                progress.words[place],
                head.labels[number],
                float(odds[number]),
                tuple((head.labels[each], float(odds[each])) for each in best),
            )
            items.append(Item(progress.sequence_numbers[place], tag))
            progress.tagged += 1
            if self._marks_runs:
                progress.labels.append(tag.label)
                progress.probabilities.append(tag.probability)
        return items

    def _reaction(self, turn: Turn[Sentence], items: list[Item]) -> Reaction:
        progress, last = turn.progress, turn.segments[-1]
        ended = last.completes and isinstance(last.chunk.mark, Finish | End)
        if not ended:
            return Reaction(items) if items else NOTHING
        if progress.words:
            items.append(Item(last.chunk.sequence_number, _sentence(progress)))
        if isinstance(last.chunk.mark, End):
            return Reaction(items, done=True)
        progress.start_sentence()
        return Reaction(items, reset=True)


def _due(turn: Turn[Sentence], wait: int) -> int:
    """The first step of a turn that tags a word: those before it only bring what others wait for."""
    return min(max(wait - turn.progress.steps, 0), turn.steps)


def _sentence(progress: Sentence) -> TaggedSentence:
    entities = tuple(
        Entity(
            span.label,
            span.start,
            tuple(progress.words[span.start : span.stop]),
            min(progress.probabilities[span.start : span.stop]),
        )
        for span in spans(progress.labels)
    )
    return TaggedSentence(len(progress.words), entities)
