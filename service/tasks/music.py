"""Music: notes to go on from or to be harmonised, then notes made voice by voice, each fed back as the next step."""

from collections.abc import Mapping, Sequence
from math import isfinite

import numpy as np

from service.bundle import Bundle
from service.errors import BundleError, Reason, invalid
from service.frontends.music import (
    FIRST_PITCH,
    FRAMES_OF_QUARTER,
    HOLD,
    LOOK_AHEAD,
    ORDER,
    REST,
    VOICES,
    Range,
    Setting,
    SungNote,
    melody_ahead,
    shift_of,
    sounding_melody,
    tokens_of,
)
from service.session import Chunk
from service.state import Array
from service.tasks.composing import (
    MAX_QUARTERS_AHEAD,
    RECORDS,
    Compose,
    ComposedNote,
    Composing,
    Composition,
    Melody,
    MusicOptions,
    Note,
    OpenNote,
    Prime,
    Run,
    StopReason,
    check_tempo,
    key_of_notes,
)
from service.tasks.sampling import DICE, Dice, Draw, choose, log_softmax, reseeded
from service.tasks.task import NOTHING, End, Item, Reaction, Turn, plain_of


class MusicComposition:
    """Sessions that make music: notes are kept without an answer, `Compose` answers note by note."""

    name = "music"
    plain = plain_of(RECORDS, {Dice: DICE})
    reseeded = staticmethod(reseeded)

    def __init__(self, pitches: Range, *, input_name: str, output_name: str) -> None:
        """`pitches` are what the network knows, in C; a key moves them by up to 6 semitones."""
        self._pitches = pitches
        self._input = input_name
        self._output = output_name
        self._lowest, self._highest = pitches.low + 6, pitches.high - 5

    @classmethod
    def from_bundle(cls, bundle: Bundle) -> "MusicComposition":
        """The task of a bundle with a frontend of the kind `music`. Raises BundleError when it has none."""
        manifest = bundle.manifest
        try:
            if manifest.frontend is None or manifest.frontend.kind != "music" or manifest.whole_sequence:
                raise ValueError("it needs a frontend of the kind music and a network that reads step by step")
            pitches = Range.of(manifest.frontend.parameters)
        except (KeyError, TypeError, ValueError) as error:
            message = f"{bundle.folder}: not a bundle that makes music: {error}"
            raise BundleError(Reason.BUNDLE_MANIFEST_INVALID, message) from error
        return cls(pitches, input_name=manifest.inputs[0].name, output_name=manifest.outputs[0].name)

    def begin(self, options: MusicOptions) -> Composing:
        """A session before its first note. Raises OPTION_OUT_OF_RANGE."""
        options.composing.check(self._pitches.tokens, "config.options")
        check_tempo(options.tempo, "config.tempo")
        if options.key is not None and not 0 <= options.key.tonic < 12:
            problem = f"the tonic is {options.key.tonic}, not in 0..11"
            raise invalid(Reason.OPTION_OUT_OF_RANGE, problem, "config.key.tonic")
        return Composing(options, Dice(options.seed), options.tempo, options.key)

    def accept(
        self, progress: Composing, message: Prime | Melody | Compose | End, sequence_number: int, now: float
    ) -> Chunk:
        """Notes wait; `Compose`, and `End` after notes without an answer, begin music."""
        match message:
            case Prime(notes):
                if progress.melody:
                    problem = "a melody waits already: send the notes that go before it first"
                    raise invalid(Reason.TIME_NOT_LATER, problem, "prime")
                progress.primes += self._sung(notes, progress.primes, progress.choir.frame, "prime", VOICES)
            case Melody(notes):
                start = max([progress.choir.frame, *(note.end for note in progress.primes)])
                progress.melody += self._sung(notes, progress.melody, start, "melody", 1)
            case Compose():
                return self._begin_music(progress, message, sequence_number, now, last=False)
            case End() if progress.unanswered:
                return self._begin_music(progress, Compose(), sequence_number, now, last=True)
            case End():
                progress.busy = True
                return Chunk(sequence_number, {}, 0, now, mark=message)
        progress.unanswered = True
        return Chunk(sequence_number, {}, 0, now)

    def react(self, turns: Sequence[Turn[Composing]], outputs: Mapping[str, Array], now: float) -> Sequence[Reaction]:
        """Decide the next voice of every session that has read all of its music."""
        reactions = [NOTHING] * len(turns)
        deciding = []
        for index, turn in enumerate(turns):
            if _read(turn):
                deciding.append(index)
            elif isinstance(turn.segments[-1].chunk.mark, End):
                reactions[index] = Reaction(done=True)
        if deciding:
            decided = self._decide([turns[index] for index in deciding], outputs, now)
            for index, reaction in zip(deciding, decided, strict=True):
                reactions[index] = reaction
        return reactions

    def _sung(
        self, notes: Sequence[Note], before: Sequence[SungNote], start: int, where: str, voices: int
    ) -> list[SungNote]:
        """Notes on the grid, behind frame `start` and behind those of their voices `before`.

        Raises NOTE_INVALID or TIME_NOT_LATER.
        """
        ends = [start] * VOICES
        for earlier in before:
            ends[earlier.voice] = max(ends[earlier.voice], earlier.end)
        found = []
        for number, note in enumerate(notes):
            field_name = f"{where}.notes[{number}]"
            if problem := self._problem(note, voices, start):
                raise invalid(Reason.NOTE_INVALID, f"note {number + 1}: {problem}", field_name)
            begin = round(note.start * FRAMES_OF_QUARTER)
            if begin < ends[note.voice]:
                problem = f"it begins at quarter {note.start:g}, before {ends[note.voice] / FRAMES_OF_QUARTER:g}"
                raise invalid(
                    Reason.TIME_NOT_LATER, f"note {number + 1}: {problem}, where its voice has come to", field_name
                )
            end = max(begin + 1, round((note.start + note.length) * FRAMES_OF_QUARTER))
            found.append(SungNote(note.voice, note.pitch, begin, end))
            ends[note.voice] = end
        return found

    def _problem(self, note: Note, voices: int, start: int) -> str | None:
        """What is wrong with a note by itself."""
        last = start / FRAMES_OF_QUARTER + MAX_QUARTERS_AHEAD
        if not 0 <= note.voice < voices:
            return f"voice {note.voice} is not in 0..{voices - 1}"
        if not self._lowest <= note.pitch <= self._highest:
            return f"pitch {note.pitch} is not in {self._lowest}..{self._highest}, which this model knows"
        if not (isfinite(note.start) and note.start >= 0):
            return f"start_quarter is {note.start:g}, not a time from 0 on"
        if not (isfinite(note.length) and note.length > 0):
            return f"quarter_count is {note.length:g}, not above 0"
        if note.start + note.length > last:
            return f"it ends after quarter {last:g}, more than {MAX_QUARTERS_AHEAD} quarters ahead"
        if not 0 <= note.velocity <= 127:
            return f"velocity {note.velocity} is not in 0..127"
        return None

    def _begin_music(
        self, progress: Composing, message: Compose, sequence_number: int, now: float, *, last: bool
    ) -> Chunk:
        """Read the notes that wait and begin to make music behind them."""
        options = message.options or progress.options.composing
        if message.options is not None:
            options.check(self._pitches.tokens, "compose.options")
        if message.tempo is not None:
            check_tempo(message.tempo, "compose.tempo")
            progress.tempo = message.tempo
        if progress.key is None:
            progress.key = key_of_notes(progress.primes + progress.melody)
        setting, shift = Setting(minor=progress.key.minor), shift_of(progress.key)
        rows = self._prime_rows(progress, setting, shift)
        start = progress.choir.frame
        run = Run(sequence_number, options, start, start + max(1, round(options.quarters * FRAMES_OF_QUARTER)), last)
        if progress.melody:
            run.end = max(note.end for note in progress.melody)
            notes = [note._replace(pitch=note.pitch - shift) for note in progress.melody]
            run.melody = tokens_of(notes, start, run.end, self._pitches)[:, 0].tolist()
            run.sounding = sounding_melody(run.melody)
        progress.run, progress.unanswered, progress.busy = run, False, True
        progress.primes, progress.melody = [], []
        rows += self._next_rows(progress, run, setting)
        return self._chunk(rows, sequence_number, now)

    def _prime_rows(self, progress: Composing, setting: Setting, shift: int) -> list[tuple[int, ...]]:
        """The steps of the notes to go on from; afterwards the choir stands behind them."""
        rows: list[tuple[int, ...]] = []
        choir = progress.choir
        if not progress.primes:
            return rows
        end = max(note.end for note in progress.primes)
        notes = [note._replace(pitch=note.pitch - shift) for note in progress.primes]
        for tokens in tokens_of(notes, choir.frame, end, self._pitches).tolist():
            for voice in ORDER:
                rows.append(choir.step(setting, None, self._unknown))
                choir.take(tokens[voice], setting)
        return rows

    @property
    def _unknown(self) -> tuple[int, ...]:
        return (self._pitches.tokens,) * len(LOOK_AHEAD)

    def _next_rows(self, progress: Composing, run: Run, setting: Setting) -> list[tuple[int, ...]]:
        """The step that decides the next voice; before it, that of the melody, which is decided already."""
        choir, rows = progress.choir, []
        place = choir.frame - run.start
        ahead = self._unknown
        if run.melody is not None:
            ahead = melody_ahead(run.sounding, place, setting.quarter)
            if choir.turn == 0:
                rows.append(choir.step(setting, run.end, ahead))
                choir.take(run.melody[place], setting)
        rows.append(choir.step(setting, run.end, ahead))
        return rows

    def _chunk(self, rows: list[tuple[int, ...]], sequence_number: int, now: float) -> Chunk:
        return Chunk(sequence_number, {self._input: np.array(rows, np.int64)}, len(rows), now)

    def _decide(self, turns: Sequence[Turn[Composing]], outputs: Mapping[str, Array], now: float) -> list[Reaction]:
        rows = np.array([turn.row for turn in turns])
        last_steps = np.array([turn.steps for turn in turns]) - 1
        logits = outputs[self._output][rows, last_steps]  # [deciding, tokens]
        odds = log_softmax(logits)
        for row, turn in enumerate(turns):
            if _must_begin(turn.progress):
                logits[row, HOLD] = -np.inf
        tokens = choose(logits, [_draw_of(turn.progress) for turn in turns])
        return [
            self._sing(turn.progress, token, float(odds[row, token]), now)
            for row, (turn, token) in enumerate(zip(turns, tokens, strict=True))
        ]

    def _sing(self, progress: Composing, token: int, log_probability: float, now: float) -> Reaction:
        """The next voice does this; items are the note that it ends, and all that the end of the music ends."""
        run, choir = progress.run, progress.choir
        assert run is not None
        assert progress.key is not None
        setting, voice = Setting(minor=progress.key.minor), choir.voice
        items, held = [], progress.sounding[voice]
        if token == HOLD:
            if held is not None:
                held.log_probability += log_probability
        else:
            items += self._ended(progress, run, voice, choir.frame)
            if token != REST:
                progress.sounding[voice] = OpenNote(token, choir.frame, log_probability)
        choir.take(token, setting)
        if choir.frame < run.end:
            return Reaction(items, self._chunk(self._next_rows(progress, run, setting), run.sequence_number, now))
        for each in range(VOICES):
            items += self._ended(progress, run, each, run.end)
        reason = StopReason.MAX_COUNT if run.melody is None else StopReason.END_OF_MELODY
        end = run.end / FRAMES_OF_QUARTER
        composition = Composition(reason, run.note_count, end, progress.options.seed, progress.tempo)
        progress.run, progress.busy = None, run.last
        return Reaction([*items, Item(run.sequence_number, composition)], done=run.last)

    def _ended(self, progress: Composing, run: Run, voice: int, frame: int) -> list[Item]:
        """The note that a voice has sung up to this frame, if it has."""
        ended = progress.sounding[voice]
        if ended is None:
            return []
        assert progress.key is not None
        progress.sounding[voice] = None
        run.note_count += 1
        start, length = ended.start / FRAMES_OF_QUARTER, (frame - ended.start) / FRAMES_OF_QUARTER
        pitch = self._pitches.pitch(ended.token) + shift_of(progress.key)
        told = ended.log_probability if run.options.log_probabilities else None
        return [Item(run.sequence_number, ComposedNote(Note(voice, pitch, start, length), told))]


def _read(turn: Turn[Composing]) -> bool:
    """Whether the turn ends with the last step of the music so far (a busy session accepts nothing behind it)."""
    run, last = turn.progress.run, turn.segments[-1]
    return run is not None and last.completes and last.chunk.sequence_number == run.sequence_number


def _must_begin(progress: Composing) -> bool:
    """Whether the voice may not go on with its note: at the begin of music, where that note was told or ended."""
    run, choir = progress.run, progress.choir
    return run is not None and choir.frame == run.start and choir.sounding[choir.voice] >= FIRST_PITCH


def _draw_of(progress: Composing) -> Draw:
    run = progress.run
    assert run is not None
    sampling = run.options.sampling
    return Draw(sampling, progress.dice.roll() if sampling.temperature else 0.0)
