"""Transcription: speech to words while it is spoken, utterance by utterance."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from service.bundle import Bundle
from service.errors import BundleError, Reason, ServiceError, invalid
from service.frontends.audio import (
    RATES,
    SAMPLE_RATE,
    STEP_SAMPLES,
    AudioFrontend,
    AudioMemory,
    Encoding,
    Floats,
    clipped_steps,
    samples_of,
)
from service.plain import Part
from service.session import Chunk
from service.state import Array
from service.tasks.ctc import Decoder, Path, Search, Spelling, candidates_of
from service.tasks.endpointing import Endpointing, SpeechWatch
from service.tasks.listening import Listener, SpeechEvent, Transcript, Wishes
from service.tasks.phrases import SPACE, Phrases, checked_phrases, spelled_with
from service.tasks.readings import Reader, Reading, Word
from service.tasks.scoring import probabilities
from service.tasks.task import End, Finish, Item, Reaction, Turn, plain_of

MAX_MESSAGE_SECONDS = 60
MAX_ALTERNATIVES = 16
SILENCE_SECONDS = (0.1, 10.0)
UTTERANCE_SECONDS = (1.0, 600.0)
STEP_SECONDS = STEP_SAMPLES / SAMPLE_RATE
LEAST_BEAMS_IN_A_LIST = 8
"""Paths to follow where only some texts are allowed: the best one alone often ends in none of them."""


@dataclass(frozen=True, slots=True)
class Audio:
    """The next samples as they travel."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Pauses:
    """Pauses end utterances: after so many seconds of silence, after so many seconds in any case."""

    silence: float = 0.8
    longest: float = 60.0


@dataclass(frozen=True, slots=True)
class TranscriptionOptions:
    """`rate` in samples per second, None where the client told no format. `pauses` None: pauses end no utterance."""

    rate: int | None
    encoding: Encoding = Encoding.LINEAR16
    channels: int = 1
    interim: bool = True
    words: bool = False
    alternatives: int = 1
    pauses: Pauses | None = None
    phrases: tuple[str, ...] = ()


@dataclass(frozen=True)
class SpeechModel:
    """What a bundle says of its speech: the text of each token, the closed vocabulary, the paths to follow. `opens`:
    its space is heard where a word begins.
    """

    input_name: str
    output_name: str
    tokens: tuple[str, ...]
    words: tuple[str, ...]
    beam_count: int
    opens: bool = False

    @classmethod
    def of(cls, bundle: Bundle) -> "SpeechModel":
        """Read it from a manifest. Raises KeyError, TypeError, ValueError."""
        manifest = bundle.manifest
        said: Any = manifest.task_parameters
        if manifest.frontend is None or manifest.whole_sequence or not manifest.heads:
            raise ValueError("no frontend, no head, or a network that needs whole sequences")
        format_said: Any = manifest.frontend.parameters
        known = (manifest.frontend.kind, format_said["sample_rate_hertz"], format_said["step_samples"])
        if known != ("audio", SAMPLE_RATE, STEP_SAMPLES):
            raise ValueError(f"its frontend is {known}, not ('audio', {SAMPLE_RATE}, {STEP_SAMPLES})")
        head: Any = manifest.heads[0]
        tokens = tuple(map(str, head.parameters["tokens"]))
        if head.kind != "ctc" or tokens[:1] != ("",) or len(set(tokens)) < len(tokens) or "" in tokens[1:]:
            raise ValueError("a head of kind 'ctc' with different tokens, of which the first is the blank, is needed")
        words, beams = tuple(map(str, said["words"])), int(said["beam_count"])
        if beams < 1 or not all(spelled_with(word, tokens) for word in words):
            raise ValueError("beam_count is below 1, or a word cannot be spelled with the tokens")
        opens = head.parameters.get("space", "behind") == "before"
        return cls(manifest.inputs[0].name, head.name, tokens, words, beams, opens)

    @property
    def separator(self) -> int | None:
        """The token between two words."""
        return self.tokens.index(SPACE) if SPACE in self.tokens else None


@dataclass(slots=True)
class Listening:
    """The progress of a session: how its audio becomes steps, and who listens to what the network says of them.

    `steps_made` since the last finish; some of them may not have run yet.
    """

    options: TranscriptionOptions
    memory: AudioMemory
    listener: Listener
    steps_made: int = 0
    busy: bool = False

    @property
    def frontend(self) -> AudioFrontend:
        """That of the client's rate. Raises AUDIO_FORMAT_MISSING, AUDIO_FORMAT_UNSUPPORTED."""
        return _frontend(self.options)


RECORDS = (
    AudioMemory,
    Encoding,
    Endpointing,
    Listener,
    Listening,
    Path,
    Pauses,
    Reading,
    Search,
    SpeechEvent,
    SpeechWatch,
    Spelling,
    Transcript,
    TranscriptionOptions,
    Wishes,
    Word,
)
"""What a session that listens is written with; its reader is made again from what it may hear."""


class Transcription:
    """Sessions that listen. All rows of a tick are scored together; a step that is blank alone costs no Python."""

    name = "transcription"

    def __init__(self, model: SpeechModel) -> None:
        self._model = model
        self._words = Phrases(model.words, model.tokens) if model.words else None
        reader = Part(lambda reader: (reader.decoder.width, reader.phrases), lambda said: self._reader(*said))
        self.plain = plain_of(RECORDS, {Reader: reader})

    @classmethod
    def from_bundle(cls, bundle: Bundle) -> "Transcription":
        """The task of a bundle. Raises BundleError when its manifest does not say all that is needed."""
        try:
            return cls(SpeechModel.of(bundle))
        except (KeyError, TypeError, ValueError) as error:
            message = f"{bundle.folder}: its manifest does not describe a model of speech ({error})"
            raise BundleError(Reason.BUNDLE_MANIFEST_INVALID, message) from error

    def begin(self, options: TranscriptionOptions) -> Listening:
        """A session before its first sample.

        Raises AUDIO_FORMAT_MISSING, AUDIO_FORMAT_UNSUPPORTED, OPTION_OUT_OF_RANGE and PHRASE_INVALID.
        """
        frontend = _frontend(options)
        if options.alternatives > MAX_ALTERNATIVES:
            problem = f"alternative_count is {options.alternatives}, above {MAX_ALTERNATIVES}"
            raise invalid(Reason.OPTION_OUT_OF_RANGE, problem, "config.alternative_count")
        alternatives = max(options.alternatives, 1)
        phrases = tuple(checked_phrases(options.phrases, self._model.tokens))
        width = max(self._model.beam_count, alternatives)
        reader = self._reader(max(width, LEAST_BEAMS_IN_A_LIST) if phrases or self._words else width, phrases)
        wishes = Wishes(options.words, alternatives, _endpointing(options.pauses))
        return Listening(options, frontend.begin(), Listener.of(reader, wishes))

    def accept(self, progress: Listening, message: Audio | Finish | End, sequence_number: int, now: float) -> Chunk:
        """Audio becomes steps; `Finish` and `End` become the last step, and are taken alone."""
        if isinstance(message, Audio):
            samples = _checked(samples_of(message.data, progress.options.encoding), progress.frontend.rate)
            progress.listener.received += len(samples) * progress.frontend.stride
            return self._chunk(progress, progress.frontend.encode(progress.memory, samples), sequence_number, now)
        progress.busy = True
        return self._chunk(progress, progress.frontend.flush(progress.memory), sequence_number, now, message)

    def react(self, turns: Sequence[Turn[Listening]], outputs: Mapping[str, Array], now: float) -> Sequence[Reaction]:
        """Go on with every session that ran a step; tell what was settled, and how things stand."""
        items = self._heard([turn for turn in turns if turn.steps], outputs)
        return [self._reaction(turn, items.get(turn.row, []) if turn.steps else []) for turn in turns]

    def _reader(self, width: int, phrases: tuple[str, ...]) -> Reader:
        """`phrases`: all that may be said; none: what the model knows."""
        limit = Phrases(phrases, self._model.tokens) if phrases else self._words
        decoder = Decoder(width, self._model.separator, limit, opens=self._model.opens)
        return Reader(decoder, self._model.tokens, phrases)

    def _chunk(
        self, progress: Listening, steps: Floats, sequence_number: int, now: float, mark: Finish | End | None = None
    ) -> Chunk:
        full = progress.options.encoding.full_scale
        clipped = clipped_steps(steps, progress.frontend.stride, full)
        progress.listener.clipped.extend(progress.steps_made + step for step in clipped)
        progress.steps_made += len(steps)
        return Chunk(sequence_number, {self._model.input_name: steps}, len(steps), now, mark)

    def _heard(self, turns: Sequence[Turn[Listening]], outputs: Mapping[str, Array]) -> dict[int, list[Item]]:
        """What is told of the steps of each turn, by row."""
        if not turns:
            return {}
        said = outputs[self._model.output_name]
        shares = probabilities(np.concatenate([said[turn.row, : turn.steps] for turn in turns]).astype(np.float64))
        stretches = [(turn.progress.listener.step, turn.steps) for turn in turns]
        found = {}
        for turn, candidates in zip(turns, candidates_of(shares, stretches), strict=True):
            first = turn.progress.listener.step
            heard = turn.progress.listener.hear(candidates, turn.steps)
            found[turn.row] = [Item(_bringer(turn, step - first), item) for step, item in heard]
        return found

    def _reaction(self, turn: Turn[Listening], items: list[Item]) -> Reaction:
        progress, last = turn.progress, turn.segments[-1]
        if not last.completes:
            return Reaction(items)
        number, mark, listener = last.chunk.sequence_number, last.chunk.mark, progress.listener
        if mark is None:
            running = listener.running() if progress.options.interim and turn.steps else None
            return Reaction([*items, Item(number, running, interim=True)] if running else items)
        items += [Item(number, item) for item in listener.finish(asked=isinstance(mark, Finish))]
        if isinstance(mark, End):
            return Reaction(items, done=True)
        listener.begin()
        progress.memory, progress.steps_made, progress.busy = progress.frontend.begin(), 0, False
        return Reaction(items, reset=True)


def _bringer(turn: Turn[Listening], step: int) -> int:
    """The number of the message that brought a step of this turn."""
    for segment in turn.segments:
        step -= segment.stop - segment.start
        if step < 0:
            break
    return segment.chunk.sequence_number


def _checked(samples: Floats, rate: int) -> Floats:
    if len(samples) > MAX_MESSAGE_SECONDS * rate:
        seconds = f"{len(samples) / rate:.1f} s of audio in a message are over the limit of {MAX_MESSAGE_SECONDS}"
        raise invalid(Reason.MESSAGE_TOO_LARGE, f"{seconds}: send it in pieces", "audio.samples")
    return samples


def _frontend(options: TranscriptionOptions) -> AudioFrontend:
    if options.rate is None:
        problem = "the config says no audio format: tell what the bytes mean, sample_rate_hertz at least"
        raise invalid(Reason.AUDIO_FORMAT_MISSING, problem, "config.audio_format")
    if options.rate not in RATES:
        problem = f"{options.rate} samples per second are not served: record at, or convert to, 8000 or 16000"
        raise _unsupported(problem, "sample_rate_hertz")
    if options.channels > 1:
        raise _unsupported(f"{options.channels} channels are not served: mix them to one", "channel_count")
    return AudioFrontend(options.rate)


def _unsupported(problem: str, field: str) -> ServiceError:
    return invalid(Reason.AUDIO_FORMAT_UNSUPPORTED, problem, f"config.audio_format.{field}")


def _endpointing(pauses: Pauses | None) -> Endpointing:
    """The rules in steps. Raises OPTION_OUT_OF_RANGE."""
    if pauses is None:
        return Endpointing(_steps(Pauses().silence))
    for value, (least, most), field in (
        (pauses.silence, SILENCE_SECONDS, "silence_duration"),
        (pauses.longest, UTTERANCE_SECONDS, "max_utterance_duration"),
    ):
        if not least <= value <= most:
            problem = f"{field} is {value:g} s, not in {least:g} s to {most:g} s"
            raise invalid(Reason.OPTION_OUT_OF_RANGE, problem, f"config.endpointing.{field}")
    return Endpointing(_steps(pauses.silence), _steps(pauses.longest))


def _steps(seconds: float) -> int:
    return math.ceil(seconds / STEP_SECONDS - 1e-9)
