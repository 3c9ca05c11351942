"""Where speech begins and ends, and with it an utterance: by steps alone, so that it never depends on how audio came.

Boundaries lie between steps: boundary n is before step n. An endpoint is a matter of what the network heard, not of
how loud it was: a run of steps without a token.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple


class Endpointing(NamedTuple):
    """When an utterance ends: after a silence of so many steps, and after so many steps of speech in any case. None:
    never by itself; a silence of `silence_steps` is told of nevertheless.
    """

    silence_steps: int
    max_steps: int | None = None

    @property
    def ends_utterances(self) -> bool:
        """Whether a pause ends an utterance."""
        return self.max_steps is not None


class Due(NamedTuple):
    """What happens by itself at a boundary: speech ends with a silence, or an utterance has become too long."""

    boundary: int
    what: Literal["silence", "length"]


@dataclass(slots=True)
class SpeechWatch:
    """Follows one utterance after the other. `begun`: the step with which the speech of this one began; `voiced`: the
    boundary behind the last step that was not silent; `spoken`: tokens of the utterance at the end of its last speech;
    `heard`: the boundary behind the last step that was taken.
    """

    rules: Endpointing
    speaking: bool = False
    begun: int | None = None
    voiced: int = 0
    spoken: int = 0
    heard: int = 0

    def hear(self, step: int, *, silent: bool) -> None:
        """Take a step that was not blank alone; whether it was silent."""
        self.heard = step + 1
        if self.speaking and not silent:
            self.voiced = step + 1

    def speech(self, step: int) -> None:
        """Speech has begun with this step, as is known from the last step that was taken."""
        self.speaking = True
        self.voiced = self.heard
        if self.begun is None:
            self.begun = step

    def due(self, until: int) -> Due | None:
        """What is due next, up to this boundary."""
        found = []
        if self.speaking:
            found.append(Due(max(self.voiced + self.rules.silence_steps, self.heard), "silence"))
        if self.rules.max_steps is not None and self.begun is not None:
            found.append(Due(max(self.begun + self.rules.max_steps, self.heard), "length"))
        first = min(found, default=None)
        return first if first is not None and first.boundary <= until else None

    def stop(self, tokens: int) -> None:
        """Speech has ended; what comes is new when the text is longer than `tokens`."""
        self.speaking = False
        self.spoken = tokens

    def next_utterance(self, boundary: int) -> None:
        """The utterance has ended; one that was cut goes on in the next."""
        self.begun = boundary if self.speaking else None
        self.spoken = 0
