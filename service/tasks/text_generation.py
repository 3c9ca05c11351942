"""Text generation: prompts in pieces, then tokens drawn one by one, each fed back as the next step."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.bundle import Bundle
from service.errors import BundleError, Reason, invalid
from service.frontends.text import TextFrontend, TextStream, TokenDecoder, text_parts
from service.session import Chunk
from service.state import Array
from service.tasks.generation import (
    Alternative,
    Completion,
    Generate,
    GenerationOptions,
    Prompt,
    SessionOptions,
    StopReason,
    Token,
)
from service.tasks.sampling import DICE, Dice, Draw, Floats, Sampling, choose, log_softmax, reseeded
from service.tasks.stopping import StopWatch
from service.tasks.task import NOTHING, End, Item, Reaction, Turn, plain_of


@dataclass(slots=True)
class _Run:
    """A text that is being generated; `last`: the session ends with it."""

    sequence_number: int
    options: GenerationOptions
    watch: StopWatch
    last: bool
    count: int = 0


@dataclass(slots=True)
class Writing:
    """The progress of a session. `waiting` holds the tokens of its text that were not fed yet.

    The last token of the text is always held back: feeding it is what gives the logits of the next one.
    """

    options: SessionOptions
    stream: TextStream
    decoder: TokenDecoder
    dice: Dice
    waiting: list[int]
    seen: NDArray[np.bool_]
    run: _Run | None = None
    unanswered: bool = False
    busy: bool = False


RECORDS = (
    Writing,
    _Run,
    StopWatch,
    SessionOptions,
    GenerationOptions,
    Sampling,
    Prompt,
    Generate,
    Token,
    Alternative,
    Completion,
    StopReason,
)


class TextGeneration:
    """Sessions that write: prompts are fed without an answer, `Generate` answers token by token."""

    name = "text_generation"
    reseeded = staticmethod(reseeded)

    def __init__(
        self,
        frontend: TextFrontend,
        *,
        input_name: str,
        output_name: str,
        end_token_ids: Collection[int] = (),
        max_token_count: int = 100_000,
        max_characters: int = 65_536,
    ) -> None:
        """`max_characters` bounds one prompt message; `end_token_ids` end a text and are no part of it."""
        self._frontend = frontend
        self._input = input_name
        self._output = output_name
        self._end_token_ids = frozenset(end_token_ids)
        self._max_token_count = max_token_count
        self._max_characters = max_characters
        self.plain = plain_of(RECORDS, {Dice: DICE, **text_parts(frontend)})

    @classmethod
    def from_bundle(cls, bundle: Bundle, max_characters: int) -> "TextGeneration":
        """The task of a bundle, whose task parameter `end_token_ids` names the tokens that end a text.

        Raises BundleError when it has no text frontend, or cannot run step by step.
        """
        manifest = bundle.manifest
        ends = manifest.task_parameters.get("end_token_ids", ())
        if manifest.frontend is None or manifest.whole_sequence or not isinstance(ends, list | tuple):
            message = f"{bundle.folder}: text generation needs a text frontend and a network that reads step by step"
            raise BundleError(Reason.BUNDLE_MANIFEST_INVALID, message)
        return cls(
            TextFrontend.from_files(bundle.folder, manifest.frontend.parameters),
            input_name=manifest.inputs[0].name,
            output_name=manifest.outputs[0].name,
            end_token_ids=[token for token in ends if isinstance(token, int)],
            max_characters=max_characters,
        )

    def begin(self, options: SessionOptions) -> Writing:
        """A session at the start of a text. Raises OPTION_OUT_OF_RANGE."""
        options.generation.check(self._frontend.vocabulary_size, self._max_token_count, "config.options")
        if not 0 <= options.seed < 1 << 64:
            raise invalid(Reason.OPTION_OUT_OF_RANGE, f"seed is {options.seed}, not in 0..2^64 - 1", "config.seed")
        return Writing(
            options=options,
            stream=self._frontend.stream(),
            decoder=self._frontend.decoder(),
            dice=Dice(options.seed),
            waiting=list(self._frontend.start_ids),
            seen=np.zeros(self._frontend.vocabulary_size, np.bool_),
        )

    def accept(self, progress: Writing, message: Prompt | Generate | End, sequence_number: int, now: float) -> Chunk:
        """Prompts become steps; `Generate`, and `End` after an unanswered prompt, begin a text."""
        match message:
            case Prompt(text):
                return self._prompt(progress, text, sequence_number, now)
            case Generate(options):
                return self._begin_text(progress, options, sequence_number, now, last=False)
            case End() if progress.unanswered:
                return self._begin_text(progress, None, sequence_number, now, last=True)
            case End():
                progress.busy = True
                return Chunk(sequence_number, {}, 0, now, mark=message)

    def react(self, turns: Sequence[Turn[Writing]], outputs: Mapping[str, Array], now: float) -> Sequence[Reaction]:
        """Draw the next token of every session that has fed all of its text."""
        reactions = [NOTHING] * len(turns)
        drawing = []
        for index, turn in enumerate(turns):
            if _fed(turn):
                drawing.append(index)
            elif isinstance(turn.segments[-1].chunk.mark, End):
                reactions[index] = Reaction(done=True)
        if drawing:
            drawn = self._draw([turns[index] for index in drawing], outputs, now)
            for index, reaction in zip(drawing, drawn, strict=True):
                reactions[index] = reaction
        return reactions

    def step_text(self, chunk: Chunk, step: int) -> str:
        """The token that a step reads."""
        return self._frontend.token_text(int(chunk.inputs[self._input][step]))

    def _prompt(self, progress: Writing, text: str, sequence_number: int, now: float) -> Chunk:
        if len(text) > self._max_characters:
            problem = f"a prompt of {len(text)} characters is over the limit of {self._max_characters}"
            raise invalid(Reason.TEXT_TOO_LONG, f"{problem}: send it in pieces", "prompt.text")
        progress.unanswered = True
        progress.decoder.flush()
        return self._chunk(progress, progress.stream.feed(text), sequence_number, now, hold_back=1)

    def _begin_text(
        self, progress: Writing, options: GenerationOptions | None, sequence_number: int, now: float, *, last: bool
    ) -> Chunk:
        if options is not None:
            options.check(self._frontend.vocabulary_size, self._max_token_count, "generate.options")
        options = options or progress.options.generation
        ids = progress.stream.flush()
        if not progress.waiting and not ids:
            message = "this model has no start token: send a prompt before the first text"
            raise invalid(Reason.PROMPT_MISSING, message, "generate")
        progress.run = _Run(sequence_number, options, StopWatch(options.stop_sequences), last)
        progress.unanswered = False
        progress.busy = True
        return self._chunk(progress, ids, sequence_number, now, hold_back=0)

    def _chunk(self, progress: Writing, ids: list[int], sequence_number: int, now: float, hold_back: int) -> Chunk:
        """The steps of the waiting tokens and `ids`, less the last `hold_back`, which wait in their turn."""
        tokens = progress.waiting + ids
        count = max(len(tokens) - hold_back, 0)
        progress.waiting = tokens[count:]
        progress.seen[ids] = True
        return Chunk(sequence_number, {self._input: np.array(tokens[:count], np.int64)}, count, now)

    def _draw(self, turns: Sequence[Turn[Writing]], outputs: Mapping[str, Array], now: float) -> list[Reaction]:
        rows = np.array([turn.row for turn in turns])
        last_steps = np.array([turn.steps for turn in turns]) - 1
        logits = outputs[self._output][rows, last_steps]
        # A start token begins a sequence; it is never part of a text.
        logits[:, list(self._frontend.start_ids)] = -np.inf
        tokens = choose(logits, [_draw_of(turn.progress) for turn in turns])
        log_probabilities = _log_probabilities(logits, turns)
        return [
            self._write(turn.progress, token, log_probabilities.get(index), now)
            for index, (turn, token) in enumerate(zip(turns, tokens, strict=True))
        ]

    def _write(self, progress: Writing, token_id: int, log_probabilities: Floats | None, now: float) -> Reaction:
        """Add one token to a session's text."""
        run = progress.run
        assert run is not None
        run.count += 1
        progress.seen[token_id] = True
        if token_id in self._end_token_ids:
            return self._finish(progress, run, token_id, run.watch.flush(), StopReason.END_OF_TEXT)
        token = self._token(progress, token_id, log_probabilities, run.options)
        tokens, stopped = run.watch.feed(token)
        if stopped:
            return self._finish(progress, run, token_id, tokens, StopReason.STOP_SEQUENCE)
        if run.count == run.options.max_token_count:
            return self._finish(progress, run, token_id, tokens + run.watch.flush(), StopReason.MAX_TOKENS)
        items = [Item(run.sequence_number, settled) for settled in tokens]
        chunk = Chunk(run.sequence_number, {self._input: np.array([token_id])}, 1, now)
        return Reaction(items, chunk)

    def _finish(self, progress: Writing, run: _Run, token_id: int, tokens: list[Token], reason: StopReason) -> Reaction:
        completion = Completion(reason, run.count, progress.options.seed, run.watch.matched)
        items = [Item(run.sequence_number, value) for value in (*tokens, completion)]
        progress.waiting = [token_id]
        progress.run = None
        progress.busy = run.last
        return Reaction(items, done=run.last)

    def _token(
        self, progress: Writing, token_id: int, log_probabilities: Floats | None, options: GenerationOptions
    ) -> Token:
        text = progress.decoder.feed(token_id)
        if log_probabilities is None:
            return Token(text, token_id)
        alternatives = self._alternatives(log_probabilities, options.alternative_count)
        return Token(text, token_id, float(log_probabilities[token_id]), alternatives)

    def _alternatives(self, log_probabilities: Floats, count: int) -> tuple[Alternative, ...]:
        if count == 0:
            return ()
        best = np.argsort(-log_probabilities, kind="stable")[:count].tolist()
        return tuple(Alternative(self._frontend.token_text(id_), id_, float(log_probabilities[id_])) for id_ in best)


def _fed(turn: Turn[Writing]) -> bool:
    """Whether the turn ends with the last step of the text so far (a busy session accepts nothing behind it)."""
    run = turn.progress.run
    last = turn.segments[-1]
    return run is not None and last.completes and last.chunk.sequence_number == run.sequence_number


def _draw_of(progress: Writing) -> Draw:
    run = progress.run
    assert run is not None
    sampling = run.options.sampling
    return Draw(sampling, progress.dice.roll() if sampling.temperature else 0.0, progress.seen)


def _log_probabilities(logits: Array, turns: Sequence[Turn[Writing]]) -> dict[int, Floats]:
    """Log-probabilities [vocabulary] of the turns that asked for them, by index."""
    asking = [index for index, turn in enumerate(turns) if turn.progress.run and turn.progress.run.options.tells_odds]
    return dict(zip(asking, log_softmax(logits[asking]), strict=True)) if asking else {}
