"""Gates to look at: any task on an explain graph, which also tells what the gates did at every step."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

from service.bundle import Gate, WatchedLayer
from service.session import Chunk
from service.state import Array
from service.tasks.task import Drawing, Item, Reaction, Remembering, Task, Turn


class LayerActivations(NamedTuple):
    """The gates of one layer at one step, each [hidden]."""

    name: str
    gates: tuple[tuple[Gate, Array], ...]


class Explanation(NamedTuple):
    """What one step did: its number in the session from 0, what it read, and the layers from input to output."""

    step_number: int
    input_text: str
    layers: tuple[LayerActivations, ...]


@runtime_checkable
class Readable(Protocol):
    """A task that can say what a step reads."""

    def step_text(self, chunk: Chunk, step: int) -> str:
        """What step `step` of the chunk reads, for people."""
        ...


@dataclass(slots=True)
class Watching:
    """The progress of the task itself, and how many steps have run."""

    progress: Any
    step_count: int = 0

    @property
    def busy(self) -> bool:
        """As the task itself."""
        return bool(self.progress.busy)

    @busy.setter
    def busy(self, busy: bool) -> None:
        self.progress.busy = busy


class Explaining:
    """A task whose sessions also tell what the gates did: an explanation for each step, before the task's own items."""

    def __init__(self, task: Task[Any], layers: Sequence[WatchedLayer]) -> None:
        """`layers`: where the outputs of the graph hold the gates."""
        self.name = task.name
        self._task = task
        self._layers = tuple(layers)
        if isinstance(task, Remembering):
            self.plain = task.plain.joined((Watching,))
        if isinstance(task, Drawing):
            self.reseeded = lambda progress, options, seed: task.reseeded(progress.progress, options, seed)

    def begin(self, options: Any) -> Watching:
        """A session of the task."""
        return Watching(self._task.begin(options))

    def accept(self, progress: Watching, message: Any, sequence_number: int, now: float) -> Chunk:
        """As the task itself."""
        return self._task.accept(progress.progress, message, sequence_number, now)

    def react(self, turns: Sequence[Turn[Watching]], outputs: Mapping[str, Array], now: float) -> Sequence[Reaction]:
        """What the task answers, and before it the gates of every step that has run."""
        inner = [turn._replace(progress=turn.progress.progress) for turn in turns]
        reactions = self._task.react(inner, outputs, now)
        return [
            reaction._replace(items=(*self._explanations(turn, outputs), *reaction.items)) if turn.steps else reaction
            for turn, reaction in zip(turns, reactions, strict=True)
        ]

    def _explanations(self, turn: Turn[Watching], outputs: Mapping[str, Array]) -> Iterator[Item]:
        # [steps, gates, hidden] of each layer; a copy, since the outputs of the whole batch would live on with it.
        gates = [outputs[layer.output][turn.row, : turn.steps].copy() for layer in self._layers]
        place = 0
        for chunk, start, stop in turn.segments:
            for step in range(start, stop):
                layers = tuple(
                    LayerActivations(layer.name, tuple(zip(layer.gates, values[place], strict=True)))
                    for layer, values in zip(self._layers, gates, strict=True)
                )
                text = self._task.step_text(chunk, step) if isinstance(self._task, Readable) else ""
                yield Item(chunk.sequence_number, Explanation(turn.progress.step_count, text, layers), numbered=False)
                turn.progress.step_count += 1
                place += 1
