"""One session alone: what a task answers on a model, by the server's own task code, without a server."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

import numpy as np

from service.model import Arrays, Model
from service.session import Chunk, Segment
from service.tasks.task import End, Reaction, Task, Turn


def answers_alone(model: Model, task: Task[Any], options: Any, messages: Iterable[Any]) -> list[Any]:
    """The values of all items but interim ones that a session gives for these messages and the end of input.

    Each chunk is one run. The server may cut and batch them otherwise, which changes nothing (laws 1 and 2). Raises
    ServiceError for what the server would refuse.
    """
    progress, state, values = task.begin(options), model.initial_state(1), list[Any]()
    waiting = deque(enumerate([*messages, End()], start=1))
    chunk: Chunk | None = None
    while chunk is not None or waiting:
        if chunk is None:
            number, message = waiting.popleft()
            chunk = task.accept(progress, message, number, 0.0)
        outputs, state = _run(model, chunk, state)
        reaction = _react(task, progress, chunk, outputs)
        values += [item.value for item in reaction.items if not item.interim]
        if reaction.done:
            break
        state = model.initial_state(1) if reaction.reset else state
        chunk = reaction.chunk
    return values


def _run(model: Model, chunk: Chunk, state: Arrays) -> tuple[Arrays, Arrays]:
    """Outputs [1, steps, ...] and next state of a chunk; a mark runs nothing."""
    if chunk.steps == 0:
        return {}, state
    return model.run(
        {name: rows[None] for name, rows in chunk.inputs.items()}, np.array([chunk.steps], np.int32), state
    )


def _react(task: Task[Any], progress: Any, chunk: Chunk, outputs: Arrays) -> Reaction:
    turn = Turn(progress, 0, chunk.steps, (Segment(chunk, 0, chunk.steps),))
    (reaction,) = task.react([turn], outputs, 0.0)
    return reaction
