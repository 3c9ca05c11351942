"""The keyword arguments of the client's methods. Whatever is left out, or None, is left to the server."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, TypedDict

from hiddenstate.results import ResumePoint

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


class SessionOptions(TypedDict, total=False):
    """Which version of a model, and how the server treats the session.

    version, label: which version of it; at most one of them. The server's default version otherwise.
    session_id: name of the session; the client makes one up otherwise.
    durability: what the session survives: nothing, the loss of its stream, or of the server. One that survives is
        resumed by the client itself when its stream is lost.
    resume: go on with a session: the `resume_point` of an earlier call, or its token. Input that is given as a whole or
        as an iterator is given again from its start, and what the server has is not sent again.
    priority: `bulk` takes what live sessions leave.
    cadence: seconds between two messages of a client that sends at a steady rate.
    idle_timeout: seconds that the session is kept without a stream; the server bounds it.
    initial_state: what it begins with instead of the model's own, each tensor by its name, without batch axis.
    timeout: seconds until the whole call fails with DEADLINE_EXCEEDED.
    """

    version: int | None
    label: str | None
    session_id: str | None
    durability: Literal["none", "memory", "stored"] | None
    resume: ResumePoint | str | None
    priority: Literal["live", "bulk"] | None
    cadence: float | None
    idle_timeout: float | None
    initial_state: "Mapping[str, ArrayLike] | None"
    timeout: float | None


class TextOptions(TypedDict, total=False):
    """How one text is generated.

    max_tokens: most tokens, from 1. Server's default: 256.
    temperature: 0 (always the most likely token) to 100. Default 1.
    top_k: choose among the k most likely tokens; 0 is all. Default 0.
    top_p: choose among the fewest most likely tokens that reach this probability, above 0 to 1. Default 1.
    min_p: choose among tokens at least so many times as likely as the best, 0 to 1. Default 0.
    repetition_penalty: 0.01 to 100; 1 is none. Default 1.
    stop: the text ends before the first of these. At most 16 of 1 to 256 characters.
    log_probabilities: tell that of each token.
    alternatives: tell so many most likely tokens in the place of each, 0 to 20.
    """

    max_tokens: int | None
    temperature: float | None
    top_k: int | None
    top_p: float | None
    min_p: float | None
    repetition_penalty: float | None
    stop: str | Sequence[str] | None
    log_probabilities: bool | None
    alternatives: int | None


class GenerateOptions(SessionOptions, TextOptions, total=False):
    """Options of a session that generates.

    model: name; may be left out where one model alone serves the task.
    seed: of all random choices, 0 to 2^64 - 1: the same seed gives the same text. The server draws one otherwise.
    explain: also tell what the gates did at each step: see `explanations` of the stream. Default False.
    """

    model: str | None
    seed: int | None
    explain: bool | None


class SentimentOptions(SessionOptions, total=False):
    """Options of a session that reads.

    model: name; may be left out where one model alone serves the task.
    interim_results: running results while text comes in. Default True.
    explain: also tell what the gates did at each step: see `explanations` of the stream. Default False.
    """

    model: str | None
    interim_results: bool | None
    explain: bool | None


class InferOptions(SessionOptions, total=False):
    """Options of a session on tensors.

    outputs: names of the outputs to send. Default: all.
    last_step_only: send the outputs of each chunk's last step alone. Default False.
    """

    outputs: Sequence[str] | None
    last_step_only: bool | None
