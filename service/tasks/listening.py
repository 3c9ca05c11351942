"""One stream that is listened to: tokens become texts, pauses end utterances, events say what was heard and when."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

from service.frontends.audio import SAMPLE_RATE, STEP_SAMPLES
from service.tasks.ctc import Candidates, Decoder, Search
from service.tasks.endpointing import Endpointing, SpeechWatch
from service.tasks.readings import Reader, Reading, Word

SILENT = 0.5
"""Probability of the blank, or of the space that ends a word, from which on a step counts as silent."""
CLIPPING_TOLD_EVERY = 10 * SAMPLE_RATE
"""Samples after which clipping is told again."""


class Transcript(NamedTuple):
    """Possible texts of an utterance, most likely first. `start`, `stop` and the places of words are samples at 16 kHz
    from the begin of the session's audio.
    """

    readings: tuple[Reading, ...]
    start: int
    stop: int
    final: bool
    stability: float = 1.0


class SpeechEvent(NamedTuple):
    """Something was heard at `offset`, in samples at 16 kHz from the begin of the session's audio."""

    kind: Literal["started", "ended", "clipped"]
    offset: int


Heard: TypeAlias = tuple[int, Transcript | SpeechEvent]
"""An item, and the step that brought it."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a client wants to be told."""

    words: bool
    alternatives: int
    endpointing: Endpointing


@dataclass(slots=True)
class Listener:
    """Steps count from the last `finish`: `base` is the sample of the first, `step` the next one to come, `start` the
    boundary where the utterance begins. `received` samples have come in all. `clipped`: steps to come that are.
    """

    reader: Reader
    wishes: Wishes
    search: Search
    watch: SpeechWatch
    base: int = 0
    received: int = 0
    step: int = 0
    start: int = 0
    clipped: list[int] = field(default_factory=list)
    clipping_untold: int = 0
    shown: tuple[str, float] = ("", 0.0)

    @classmethod
    def of(cls, reader: Reader, wishes: Wishes) -> "Listener":
        """Before the first sample."""
        return cls(reader, wishes, reader.decoder.begin(), SpeechWatch(wishes.endpointing))

    @property
    def decoder(self) -> Decoder:
        """That of the reader."""
        return self.reader.decoder

    def begin(self) -> None:
        """What comes next is new."""
        self.search = self.decoder.begin()
        self.watch = SpeechWatch(self.wishes.endpointing)
        self.base, self.step, self.start = self.received, 0, 0

    def hear(self, candidates: Sequence[Candidates], steps: int) -> list[Heard]:
        """Take the next steps, of which those that are not blank alone are given."""
        items: list[Heard] = []
        end = self.step + steps
        spoken = {each.step: each for each in candidates}
        clipped = [step for step in self.clipped if step < end]
        self.clipped = self.clipped[len(clipped) :]
        for step in sorted({*spoken, *clipped}):
            self._pass(step, items)
            if step in spoken:
                self._take(spoken[step], items)
            if clipped and step in clipped:
                self._tell_clipping(step, items)
        self._pass(end, items)
        self.step = end
        return items

    def running(self) -> Transcript | None:
        """The utterance so far; None when there is nothing to say that was not said before."""
        reading, stability = self.reader.running(self.search, words=self.wishes.words)
        shown = (reading.text, round(stability, 2) if reading.text else 0.0)
        if shown == self.shown:
            return None
        self.shown = shown
        return self._transcript((reading,), self.step, final=False, stability=stability)

    def finish(self, *, asked: bool) -> list[Transcript | SpeechEvent]:
        """No more of this utterance comes. Its final result is told when it was `asked` for, or there is something in
        it: words where pauses end utterances, else any audio.
        """
        items: list[Heard] = []
        if self.watch.speaking:
            self._end_speech(self.watch.voiced, items)
        anything = asked or (not self.wishes.endpointing.ends_utterances and self.received > self._sample(self.start))
        self._end_utterance(self.step, items, anyway=anything)
        return [item for _, item in items]

    def _pass(self, boundary: int, items: list[Heard]) -> None:
        """What happens by itself up to a boundary, while nothing is heard."""
        while (due := self.watch.due(boundary)) is not None:
            if due.what == "silence":
                self._end_speech(due.boundary, items)
            if self.wishes.endpointing.ends_utterances:
                self._end_utterance(due.boundary, items)
                self.watch.next_utterance(due.boundary)

    def _take(self, candidates: Candidates, items: list[Heard]) -> None:
        self.decoder.advance(self.search, candidates)
        separator, silence = self.decoder.separator, candidates.blank
        if not self.decoder.opens:
            silence += sum(share for token, share in candidates.tokens if token == separator)
        self.watch.hear(candidates.step, silent=silence >= SILENT)
        if not self.watch.speaking and self.search.letters(separator) > self.watch.spoken:
            began = self.search.began(separator if self.decoder.opens else None)
            self.watch.speech(began)
            items.append((candidates.step, SpeechEvent("started", self._sample(began))))

    def _tell_clipping(self, step: int, items: list[Heard]) -> None:
        sample = self._sample(step)
        if sample >= self.clipping_untold:
            self.clipping_untold = sample + CLIPPING_TOLD_EVERY
            items.append((step, SpeechEvent("clipped", sample)))

    def _end_speech(self, boundary: int, items: list[Heard]) -> None:
        told = max(boundary - 1, 0)
        items.append((told, SpeechEvent("ended", self._sample(self.watch.voiced))))
        self.watch.stop(self.search.letters(self.decoder.separator))

    def _end_utterance(self, boundary: int, items: list[Heard], *, anyway: bool = False) -> None:
        readings = self.reader.final(self.search, self.wishes.alternatives, words=self.wishes.words)
        if readings[0].text or anyway:
            items.append((max(boundary - 1, 0), self._transcript(readings, boundary, final=True)))
        self.search = self.decoder.begin()
        self.start, self.shown = boundary, ("", 0.0)

    def _transcript(
        self, readings: Iterable[Reading], boundary: int, *, final: bool, stability: float = 1.0
    ) -> Transcript:
        begun = self.watch.begun if self.wishes.endpointing.ends_utterances else None
        start = self.start if begun is None else begun
        placed = tuple(reading._replace(words=tuple(self._placed(reading))) for reading in readings)
        return Transcript(placed, self._sample(start), self._sample(boundary), final, stability)

    def _placed(self, reading: Reading) -> Iterable[Word]:
        for word in reading.words:
            yield word._replace(start=self._sample(word.start), stop=self._sample(word.stop))

    def _sample(self, boundary: int) -> int:
        """Where a boundary lies; the last step may have been filled up."""
        return min(self.base + boundary * STEP_SAMPLES, self.received)
