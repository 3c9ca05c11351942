"""What is said about translations: their options, the text that comes in, and the hypotheses that go out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from service.bundle import Manifest
from service.errors import Reason, invalid
from service.state import Array
from service.tasks.generation import StopReason

MAX_BEAMS = 16
MAX_ALTERNATIVES = 20
MAX_LENGTH_PENALTY = 2.0


@dataclass(frozen=True, slots=True)
class SourceText:
    """A piece of a sentence."""

    text: str


@dataclass(frozen=True, slots=True)
class Recommended:
    """What a model does unless it is told otherwise: its task parameters `beam_count`, `length_penalty` and
    `max_token_count`, the last of which is its limit as well.
    """

    beam_count: int = 1
    length_penalty: float = 1.0
    max_token_count: int = 256

    @classmethod
    def of(cls, manifest: Manifest) -> "Recommended":
        """The parameters that a manifest gives. Raises ValueError or TypeError when they are out of range."""
        said: Any = {name: manifest.task_parameters[name] for name in cls.__slots__ if name in manifest.task_parameters}
        found = cls(**said)
        in_range = 1 <= found.beam_count <= MAX_BEAMS and 0 <= found.length_penalty <= MAX_LENGTH_PENALTY
        if not in_range or found.max_token_count < 1:
            raise ValueError(f"task parameters are out of range: {said}")
        return found


@dataclass(frozen=True, slots=True)
class TranslationOptions:
    """How sentences are translated; 0, None and an empty language leave it to the model.

    beam_count: hypotheses to follow, 1 to 16. hypothesis_count: of them to tell, best first. length_penalty: see
    `Hypothesis.score`, 0 to 2. max_token_count: most tokens of a translation. attention, log_probabilities and
    alternative_count (0 to 20): what is told of each token.
    """

    source_language: str = ""
    target_language: str = ""
    beam_count: int = 0
    hypothesis_count: int = 0
    length_penalty: float | None = None
    max_token_count: int = 0
    attention: bool = False
    log_probabilities: bool = False
    alternative_count: int = 0

    def filled(self, by: Recommended) -> "TranslationOptions":
        """With what the model recommends wherever nothing was said. Raises OPTION_OUT_OF_RANGE."""
        penalty = by.length_penalty if self.length_penalty is None else self.length_penalty
        # Several hypotheses need as many beams; a greedy model follows just these.
        beams = self.beam_count or max(by.beam_count, min(self.hypothesis_count, MAX_BEAMS))
        filled = TranslationOptions(
            self.source_language,
            self.target_language,
            beams,
            self.hypothesis_count or 1,
            penalty,
            self.max_token_count or by.max_token_count,
            self.attention,
            self.log_probabilities,
            self.alternative_count,
        )
        ranges = (
            ("beam_count", beams, 1, MAX_BEAMS),
            ("hypothesis_count", filled.hypothesis_count, 1, beams),
            ("length_penalty", penalty, 0.0, MAX_LENGTH_PENALTY),
            ("max_token_count", filled.max_token_count, 1, by.max_token_count),
            ("alternative_count", self.alternative_count, 0, MAX_ALTERNATIVES),
        )
        for name, value, low, high in ranges:
            if not low <= value <= high:
                problem = f"{name} is {value:g}, not in {low:g}..{high:g}"
                raise invalid(Reason.OPTION_OUT_OF_RANGE, problem, f"config.options.{name}")
        return filled

    def check_languages(self, source: str, target: str) -> None:
        """Raise LANGUAGE_UNKNOWN when the model is for other languages."""
        for side, wanted, known in (("source", self.source_language, source), ("target", self.target_language, target)):
            if wanted and not _matches(wanted, known):
                problem = f"this model is for {source!r} to {target!r}, its {side} is not {wanted!r}"
                message = f"{problem}: choose another model, or name no language"
                raise invalid(Reason.LANGUAGE_UNKNOWN, message, f"config.{side}_language_code")

    def suiting(self, manifests: Sequence[Manifest]) -> list[Manifest]:
        """The models for these languages. One that writes its own language in another way, as sounds for instance, is
        only meant when its target is named. Raises LANGUAGE_UNKNOWN when there is none.
        """
        pairs = [(manifest, *_languages(manifest)) for manifest in manifests]
        found = [
            manifest
            for manifest, source, target in pairs
            if (_matches(self.source_language, source) if self.source_language else True)
            if (_matches(self.target_language, target) if self.target_language else not _matches(source, target))
        ]
        if found or not (self.source_language or self.target_language):
            return found or [manifest for manifest, _, _ in pairs]
        known = ", ".join(sorted({f"{source} to {target}" for _, source, target in pairs}))
        problem = f"no model is for {self.source_language or 'any'!r} to {self.target_language or 'any'!r}"
        message = f"{problem}; there is {known}"
        field = "source" if self.source_language else "target"
        raise invalid(Reason.LANGUAGE_UNKNOWN, message, f"config.{field}_language_code")


class Hypothesis(NamedTuple):
    """One possible translation. `attention`: what each token looked at, [source tokens]; empty unless asked for."""

    text: str
    score: float
    tokens: tuple[str, ...]
    attention: tuple[Array, ...]
    stop_reason: StopReason


class Translation(NamedTuple):
    """The translation of one sentence: hypotheses, best first, and the tokens that the source was cut into."""

    hypotheses: tuple[Hypothesis, ...]
    source_tokens: tuple[str, ...]


def _matches(wanted: str, known: str) -> bool:
    """Whether two languages are the same, or one is a form of the other, such as `en-GB` of `en`."""
    wanted, known = wanted.lower(), known.lower()
    return wanted == known or wanted.startswith(f"{known}-") or known.startswith(f"{wanted}-")


def _languages(manifest: Manifest) -> tuple[str, str]:
    """Source and target of a model."""
    said = manifest.frontend.parameters if manifest.frontend else {}
    return str(said.get("source_language", "")), str(said.get("target_language", ""))
