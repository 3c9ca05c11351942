"""What is said about generated text: its options, the messages that ask for it, its tokens and its end."""

from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from service.errors import Reason, invalid
from service.tasks.sampling import Sampling

MAX_ALTERNATIVES = 20
MAX_STOPS = 16
MAX_STOP_CHARACTERS = 256


class StopReason(Enum):
    """Why a text ended."""

    MAX_TOKENS = "max_tokens"
    STOP_SEQUENCE = "stop_sequence"
    END_OF_TEXT = "end_of_text"


@dataclass(frozen=True, slots=True)
class GenerationOptions:
    """How one text is generated.

    `max_token_count` in 1..the model's limit; `alternative_count` (0..20) most likely tokens are told with each;
    `log_probabilities` tells that of each token, in nats, before any sampling option.
    """

    sampling: Sampling = field(default_factory=Sampling)
    max_token_count: int = 256
    stop_sequences: tuple[str, ...] = ()
    log_probabilities: bool = False
    alternative_count: int = 0

    @property
    def tells_odds(self) -> bool:
        """Whether log-probabilities are needed at all."""
        return self.log_probabilities or self.alternative_count > 0

    def check(self, vocabulary_size: int, max_token_count: int, where: str) -> None:
        """Raise OPTION_OUT_OF_RANGE for the first option out of range; `where` is the field they stand in."""
        self.sampling.check(vocabulary_size, where)
        ranges = (
            ("max_token_count", self.max_token_count, 1, max_token_count),
            ("alternative_count", self.alternative_count, 0, MAX_ALTERNATIVES),
        )
        for name, value, low, high in ranges:
            if not low <= value <= high:
                raise invalid(Reason.OPTION_OUT_OF_RANGE, f"{name} is {value}, not in {low}..{high}", f"{where}.{name}")
        stops = self.stop_sequences
        if len(stops) > MAX_STOPS or any(not 1 <= len(stop) <= MAX_STOP_CHARACTERS for stop in stops):
            message = f"at most {MAX_STOPS} stop sequences of 1..{MAX_STOP_CHARACTERS} characters each are taken"
            raise invalid(Reason.OPTION_OUT_OF_RANGE, message, f"{where}.stop_sequences")


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """The options of a session: those of its texts unless a message overrides them, and the seed of its dice."""

    generation: GenerationOptions = field(default_factory=GenerationOptions)
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Prompt:
    """A piece of the text to go on from."""

    text: str


@dataclass(frozen=True, slots=True)
class Generate:
    """Generate from here; None keeps the options of the session."""

    options: GenerationOptions | None = None


class Token(NamedTuple):
    """One token of generated text. `log_probability` is in nats; None unless asked for."""

    text: str
    token_id: int
    log_probability: float | None = None
    alternatives: tuple["Alternative", ...] = ()


class Alternative(NamedTuple):
    """A token that could have been drawn instead."""

    text: str
    token_id: int
    log_probability: float


class Completion(NamedTuple):
    """The end of one text; `token_count` counts the tokens drawn, those of a stop sequence included."""

    stop_reason: StopReason
    token_count: int
    seed: int
    stop_sequence: str = ""
