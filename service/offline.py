"""Many conversations through a model without a server: the scheduler and the task that serve it, in a plain loop.

What is measured here is what a client gets: no session knows its neighbours, so it makes no difference how many there
are at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from service.batch import Outcome, Row
from service.bundle import Bundle, Manifest
from service.decoding import scheduler_for
from service.model import Model
from service.scheduler import Limits
from service.session import Session
from service.specs import decoding_of, state_specs
from service.state import Array
from service.tasks.inference import input_specs
from service.tasks.task import End, Task, Turn
from service.tasks.translating import SourceText, Translation, TranslationOptions
from service.tasks.translation import TranslationTask

AT_ONCE = 64
"""Sessions that are open at the same time, unless told otherwise."""
MAX_ROWS = 1024
_PATIENCE = 1.0


@dataclass(slots=True)
class _Talk:
    """One conversation: what is still to be said, and what was answered."""

    progress: Any
    messages: deque[Any]
    items: list[Any] = field(default_factory=list)
    said: int = 0


class Conversations:
    """Sessions of one task on one model."""

    def __init__(self, model: Model, manifest: Manifest, task: Task[Any], at_once: int = AT_ONCE) -> None:
        limits = Limits(max_sessions=at_once, max_batch_rows=MAX_ROWS, whole_sequence=manifest.whole_sequence)
        self._at_once = at_once
        self._model = model
        self._inputs = input_specs(manifest)
        self._task = task
        self._table, self._scheduler = scheduler_for(state_specs(manifest), limits, decoding_of(manifest))
        self._talks: dict[Session, _Talk] = {}

    def answers(self, options: Any, conversations: Iterable[Sequence[Any]]) -> Iterator[list[Any]]:
        """The items that answer each conversation, all of its messages and then its end, in order. Raises what the task
        raises for a message, and what the model raises.
        """
        waiting = iter(conversations)
        order: deque[_Talk] = deque()
        while True:
            while len(self._talks) < self._at_once and (messages := next(waiting, None)) is not None:
                order.append(self._open(options, messages, str(len(order))))
            while order and order[0].progress is None:
                yield order.popleft().items
            if not order:
                return
            self._tick()

    def _open(self, options: Any, messages: Sequence[Any], name: str) -> _Talk:
        talk = _Talk(self._task.begin(options), deque([*messages, End()]))
        session = self._scheduler.open(f"{id(talk)}", 0.0, _PATIENCE)
        self._talks[session] = talk
        self._feed(session, talk)
        return talk

    def _feed(self, session: Session, talk: _Talk) -> None:
        while talk.messages and not talk.progress.busy:
            talk.said += 1
            chunk = self._task.accept(talk.progress, talk.messages.popleft(), talk.said, 0.0)
            self._scheduler.submit(session, chunk)

    def _tick(self) -> None:
        plan = self._scheduler.plan(0.0)
        assert plan is not None, "a conversation waits for nothing"
        if plan.marks:
            self._react(self._scheduler.pass_marks(plan.marks), {})
        if plan.batch is not None:
            batch = plan.batch
            outcome = Outcome(
                *self._model.run(batch.inputs(self._inputs), batch.lengths, self._table.gather(batch.slots))
            )
            self._react(self._scheduler.commit(batch, outcome), outcome.outputs)

    def _react(self, rows: Sequence[tuple[Row, int]], outputs: Mapping[str, Array]) -> None:
        turns = [Turn(self._talks[row.session].progress, place, row.steps, row.segments) for row, place in rows]
        for (row, _), reaction in zip(rows, self._task.react(turns, outputs, 0.0), strict=True):
            session, talk = row.session, self._talks[row.session]
            talk.items += [item.value for item in reaction.items if not item.interim]
            if reaction.reset:
                self._scheduler.reset(session)
            if reaction.done:
                self._scheduler.close(session)
                del self._talks[session]
                talk.progress = None
                continue
            if reaction.chunk is not None:
                self._scheduler.submit(session, reaction.chunk)
            self._feed(session, talk)


def translate(
    bundle: Bundle, model: Model, sentences: Iterable[str], options: TranslationOptions | None = None
) -> list[Translation]:
    """The translation of each sentence, as the server of `bundle` gives it. Raises ServiceError for options that do not
    fit the model, and for a sentence that is empty or too long.
    """
    task = TranslationTask.from_bundle(bundle)
    conversations = ([SourceText(sentence)] for sentence in sentences)
    found = Conversations(model, bundle.manifest, task).answers(options or TranslationOptions(), conversations)
    return [item for items in found for item in items if isinstance(item, Translation)]
