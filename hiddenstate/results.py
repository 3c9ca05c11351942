"""What a client gets: plain frozen data, free of protocol buffers."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OpenedSession:
    """What the server opened, or resumed.

    variant: the precision in use. seed: that of all random choices.
    resume_token: opens the session again; empty when it cannot be resumed.
    next_sequence_number: of the first message that the server has not; one less have arrived before.
    durability: what the session survives: `none`, `memory` (the loss of its stream) or `stored` (of the server).
    kernels_changed: it was resumed on other kernels, so that results may differ in their last bits.
    """

    session_id: str
    model: str
    version: int
    variant: str
    seed: int
    resume_token: str
    next_sequence_number: int = 1
    durability: str = "none"
    kernels_changed: bool = False


@dataclass(frozen=True, slots=True)
class ResumePoint:
    """What to save in order to go on with a session after its client was restarted; plain values alone.

    received_answer_number: the last numbered answer that was taken. session_id: lets a proxy route by it.
    """

    token: str
    received_answer_number: int = 0
    session_id: str = ""


@dataclass(frozen=True, slots=True)
class TokenAlternative:
    """A token that could have been chosen. `log_probability` is natural, under the model itself."""

    text: str
    token_id: int
    log_probability: float


@dataclass(frozen=True, slots=True)
class Token:
    """A token of generated text; the texts of all tokens joined are the whole text.

    answer_number: its number among the answers of the session, from 1.
    log_probability: natural, under the model itself, before sampling options; None unless asked for.
    alternatives: the most likely tokens in its place, best first.
    """

    text: str
    token_id: int
    answer_number: int
    log_probability: float | None = None
    alternatives: tuple[TokenAlternative, ...] = ()


@dataclass(frozen=True, slots=True)
class Completion:
    """How a text ended.

    stop_reason: `max_count`, `stop_sequence` or `end_of_sequence`.
    token_count: tokens that were generated, those of a stop sequence included.
    stop_sequence: the one that appeared; empty when another reason ended it.
    seed: gives the same text again.
    """

    stop_reason: str
    token_count: int
    stop_sequence: str
    seed: int
    answer_number: int


@dataclass(frozen=True, slots=True)
class Sentiment:
    """How favourable a text is, so far or (`is_final`) as a whole.

    score: -1, most negative, to 1, most positive.
    label: the most likely class.
    probabilities: of each class, from the most negative to the most positive; they add up to 1.
    token_count: tokens that were read.
    sequence_number: the piece of text it was given after, counted from 1.
    """

    score: float
    label: str
    probabilities: Mapping[str, float]
    token_count: int
    is_final: bool
    sequence_number: int


@dataclass(frozen=True, slots=True)
class TensorType:
    """Name, element type (as numpy names it) and shape of a tensor, without the batch axis; -1 is the time axis."""

    name: str
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Quality:
    """A measured figure of a model, beside its baseline, with the command that gives it again."""

    metric: str
    value: float
    higher_is_better: bool
    split: str
    baseline: str
    baseline_value: float | None
    command: str


@dataclass(frozen=True, slots=True)
class ModelProblem:
    """Why a model cannot be used: a stable reason and one sentence for people."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Model:
    """One version of a model on the server.

    task, topology, cell, state: words in lower case, such as `text_generation`, `one_to_many`, `lstm`, `ready`.
    batch_independence: `bitwise`, `within_tolerance`, or `unspecified` when it was not probed.
    """

    name: str
    version: int
    labels: tuple[str, ...]
    is_default: bool
    task: str
    topology: str
    cell: str
    description: str
    state: str
    problem: ModelProblem | None
    services: tuple[str, ...]
    inputs: tuple[TensorType, ...]
    outputs: tuple[TensorType, ...]
    state_tensors: tuple[TensorType, ...]
    state_byte_count: int
    whole_sequence: bool
    variant: str
    device: str
    batch_independence: str
    quality: tuple[Quality, ...]
    class_labels: tuple[str, ...]
    digest: str
