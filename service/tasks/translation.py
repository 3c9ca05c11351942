"""Translation: sentences in, in pieces; their tokens out as they are settled, and the best hypotheses at the end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from service.bundle import Bundle
from service.errors import BundleError, Reason, ServiceError, invalid
from service.frontends.translation import KIND, Source, TranslationFrontend
from service.session import Chunk
from service.state import Array
from service.tasks import beams
from service.tasks.beams import Search, Step, advance
from service.tasks.generation import Alternative, StopReason, Token
from service.tasks.task import NOTHING, End, Finish, Item, Reaction, Turn, plain_of
from service.tasks.translating import Hypothesis, Recommended, SourceText, Translation, TranslationOptions

MAX_CHARACTERS_PER_TOKEN = 64
"""A sentence with more characters than that for each token that the model reads is refused before it is cut up."""


@dataclass(slots=True)
class Translating:
    """The progress of a session: the sentence as far as it came, then the search for its translation.

    `told`: tokens that were sent; `held` and `begun`: of the decoder of their text.
    """

    options: TranslationOptions
    pieces: list[str] = field(default_factory=list)
    character_count: int = 0
    source: Source | None = None
    search: Search | None = None
    told: int = 0
    held: str = ""
    begun: bool = False
    busy: bool = False

    def start_sentence(self) -> None:
        """Forget the sentence that has ended."""
        self.pieces, self.character_count = [], 0
        self.source = self.search = None
        self.told, self.held, self.begun, self.busy = 0, "", False, False


RECORDS = (
    Translating,
    TranslationOptions,
    Source,
    Search,
    Step,
    beams.Hypothesis,
    SourceText,
    Token,
    Alternative,
    Hypothesis,
    Translation,
    StopReason,
)


class TranslationTask:
    """Sessions that translate one sentence after the other."""

    name = "translation"
    plain = plain_of(RECORDS)

    def __init__(
        self,
        frontend: TranslationFrontend,
        recommended: Recommended,
        *,
        source_name: str,
        input_name: str,
        context_name: str,
        max_source_tokens: int,
        max_characters: int = 65_536,
    ) -> None:
        """The names are those of the inputs of encoder and decoder, and of the context; `max_characters` bounds a
        sentence.
        """
        self._frontend = frontend
        self._recommended = recommended
        self._source = source_name
        self._input = input_name
        self._context = context_name
        self._max_source_tokens = max_source_tokens
        self._max_characters = min(max_characters, MAX_CHARACTERS_PER_TOKEN * max_source_tokens)

    @classmethod
    def from_bundle(cls, bundle: Bundle, max_characters: int = 65_536) -> "TranslationTask":
        """The task of a bundle. Raises BundleError when it has no encoder, or no frontend for translation."""
        manifest = bundle.manifest
        try:
            if manifest.frontend is None or manifest.frontend.kind != KIND:
                raise ValueError(f"no frontend of kind {KIND!r}")
            if manifest.encoder is None or manifest.context is None or manifest.limits.max_sequence_steps is None:
                raise ValueError("no encoder, or no limit for the length of a source (max_sequence_steps)")
            recommended = Recommended.of(manifest)
        except (TypeError, ValueError) as error:
            message = f"{bundle.folder}: translation needs an encoder, a decoder and two tokenizers ({error})"
            raise BundleError(Reason.BUNDLE_MANIFEST_INVALID, message) from error
        return cls(
            TranslationFrontend.from_files(bundle.folder, manifest.frontend.parameters),
            recommended,
            source_name=manifest.encoder.source.name,
            input_name=manifest.inputs[0].name,
            context_name=manifest.context.name,
            max_source_tokens=manifest.limits.max_sequence_steps,
            max_characters=max_characters,
        )

    def begin(self, options: TranslationOptions) -> Translating:
        """A session at the start of a sentence. Raises OPTION_OUT_OF_RANGE or LANGUAGE_UNKNOWN."""
        options.check_languages(self._frontend.source_language, self._frontend.target_language)
        return Translating(options.filled(self._recommended))

    def accept(
        self, progress: Translating, message: SourceText | Finish | End, sequence_number: int, now: float
    ) -> Chunk:
        """Text is gathered; the end of a sentence has it read. Raises TEXT_EMPTY or TEXT_TOO_LONG."""
        if isinstance(message, SourceText):
            self._gather(progress, message.text)
            return Chunk(sequence_number, {}, 0, now)
        if isinstance(message, End) and not "".join(progress.pieces).strip():
            progress.busy = True
            return Chunk(sequence_number, {}, 0, now, mark=message)
        source = self._frontend.encode("".join(progress.pieces))
        if not source.ids:
            raise invalid(Reason.TEXT_EMPTY, "the sentence holds nothing to read: send text before its end", "finish")
        if len(source.ids) > self._max_source_tokens:
            raise self._too_long(f"{len(source.ids)} tokens", f"{self._max_source_tokens} tokens")
        progress.source, progress.busy = source, True
        return Chunk(sequence_number, {self._source: np.array(source.ids, np.int64)}, len(source.ids), now, message)

    def react(self, turns: Sequence[Turn[Translating]], outputs: Mapping[str, Array], now: float) -> Sequence[Reaction]:
        """Begin to write for sources that were read; go on with all others at once."""
        if not outputs:
            return [Reaction(done=True) if isinstance(_last(turn).mark, End) else NOTHING for turn in turns]
        if self._context in outputs:
            return [self._begin(turn, now) for turn in turns]
        return self._advance(turns, outputs, now)

    def _gather(self, progress: Translating, text: str) -> None:
        count = progress.character_count + len(text)
        if count > self._max_characters:
            raise self._too_long(f"{count} characters", f"{self._max_characters} characters")
        progress.character_count = count
        if text:
            progress.pieces.append(text)

    def _too_long(self, found: str, limit: str) -> ServiceError:
        problem = f"a sentence of {found} or more is over the limit of {limit}: finish sentences where they end"
        return invalid(Reason.TEXT_TOO_LONG, problem, "text.text")

    def _begin(self, turn: Turn[Translating], now: float) -> Reaction:
        """The source was read: write its first token."""
        progress, options, chunk = turn.progress, turn.progress.options, _last(turn)
        assert options.length_penalty is not None
        progress.search = Search(
            width=options.beam_count,
            longest=options.max_token_count,
            length_penalty=options.length_penalty,
            source_steps=chunk.steps,
            attention=options.attention,
            alternatives=options.alternative_count,
        )
        return Reaction(chunk=self._chunk(chunk, [self._frontend.start_id], None, now))

    def _advance(
        self, turns: Sequence[Turn[Translating]], outputs: Mapping[str, Array], now: float
    ) -> Sequence[Reaction]:
        """One step of every search."""
        searches = [search for turn in turns if (search := turn.progress.search) is not None]
        rows = np.concatenate(
            [np.arange(turn.row, turn.row + len(each.live)) for turn, each in zip(turns, searches, strict=True)]
        )
        logits, attention = outputs["logits"][rows, 0], outputs["attention"][rows, 0]
        logits[:, self._frontend.never_written] = -np.inf
        before = [len(search.live) for search in searches]
        parents = advance(searches, logits, attention, self._frontend.end_id)
        return [
            self._reaction(turn, search, own if count > 1 or len(own) > 1 else None, now)
            for turn, search, own, count in zip(turns, searches, parents, before, strict=True)
        ]

    def _reaction(
        self, turn: Turn[Translating], search: Search, parents: tuple[int, ...] | None, now: float
    ) -> Reaction:
        chunk, progress = _last(turn), turn.progress
        if search.live:
            tokens = self._new_tokens(progress, search.settled(progress.told))
            items = [Item(chunk.sequence_number, token) for token in tokens]
            written = [hypothesis.steps[-1].token for hypothesis in search.live]
            return Reaction(items, self._chunk(chunk, written, parents, now))
        best = search.ranked()[: progress.options.hypothesis_count]
        items = [Item(chunk.sequence_number, token) for token in self._new_tokens(progress, best[0].steps)]
        items.append(Item(chunk.sequence_number, self._translation(progress, search, best)))
        if isinstance(chunk.mark, End):
            return Reaction(items, done=True)
        progress.start_sentence()
        return Reaction(items, reset=True)

    def _chunk(self, before: Chunk, tokens: list[int], parents: tuple[int, ...] | None, now: float) -> Chunk:
        """The next step, in answer to the same message."""
        inputs = {self._input: np.array(tokens, np.int64)}
        return Chunk(before.sequence_number, inputs, 1, now, before.mark, parents)

    def _new_tokens(self, progress: Translating, steps: Sequence[Step]) -> list[Token]:
        """Tokens of the best hypothesis that were not sent yet."""
        decoder = self._frontend.decoder(progress.held, progress.begun)
        tokens = [self._token(decoder.feed(step.token), step, progress.options) for step in steps[progress.told :]]
        progress.told, progress.held, progress.begun = len(steps), decoder.held, decoder.begun
        return tokens

    def _token(self, text: str, step: Step, options: TranslationOptions) -> Token:
        alternatives = tuple(
            Alternative(self._frontend.token_text(token), token, odd) for token, odd in step.alternatives
        )
        return Token(text, step.token, step.log_probability if options.log_probabilities else None, alternatives)

    def _translation(self, progress: Translating, search: Search, best: Sequence[beams.Hypothesis]) -> Translation:
        assert progress.source is not None
        return Translation(tuple(self._told(each, search.length_penalty) for each in best), progress.source.texts)

    def _told(self, hypothesis: beams.Hypothesis, length_penalty: float) -> Hypothesis:
        tokens = [step.token for step in hypothesis.steps]
        return Hypothesis(
            self._frontend.decode(tokens),
            hypothesis.score(length_penalty),
            tuple(self._frontend.token_text(token) for token in tokens),
            tuple(step.attention for step in hypothesis.steps if step.attention is not None),
            StopReason.END_OF_TEXT if hypothesis.ended else StopReason.MAX_TOKENS,
        )


def _last(turn: Turn[Translating]) -> Chunk:
    """The chunk that a turn ends with."""
    return turn.segments[-1].chunk
