"""Live sequences of Open Inference clients: each is a session of the engine, found again by its id at every step."""

import asyncio
import secrets
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from service.catalog import Served
from service.errors import Code, Reason, ServiceError, invalid
from service.rpc.oip.parameters import Place
from service.state import Array
from service.stream import Message
from service.tasks.inference import Inference, InferenceOptions, Outputs, Tensors
from service.tasks.task import End

GENERIC = "inference"
REMEMBERED = 4096
"""Sequences that failed, of which the reason is kept for the next step that asks."""

Reply: TypeAlias = Callable[[Outputs | ServiceError], None]
"""Takes what a request is answered, exactly once."""


class LiveSequence:
    """One sequence, its session, and the requests that wait for its answers, in order."""

    def __init__(
        self, served: Served, name: str, place: Place, owner: object, on_end: "Callable[[LiveSequence], object]"
    ) -> None:
        """Open the session. Raises what `Engine.open` raises."""
        self.served = served
        self.owner = owner
        self.key = (name, place.sequence_id)
        self.ending = False
        self._task: Inference = served.tasks[GENERIC]  # type: ignore[assignment]  # the generic task of every version
        session_id = place.sequence_id or secrets.token_hex(16)
        self._stream = served.engine.open(self._task, InferenceOptions(), session_id, place.patience)
        self._stream.on_answers = self._deliver
        self._on_end = on_end
        self._replies: deque[Reply] = deque()
        self._number = 0
        self._turn = asyncio.Lock()
        self._over = asyncio.Event()

    async def step(self, inputs: Mapping[str, Array], reply: Reply, *, end: bool) -> None:
        """Run steps; `reply` is called once they are done. Raises what is wrong with them: the sequence is as before.

        `end`: they are the last ones.
        """
        if self._turn.locked() or self._stream.inbox:
            async with self._turn:
                await self._stream.has_room()
                self._take(inputs, reply, end=end)
        else:
            self._take(inputs, reply, end=end)

    def close(self) -> None:
        """The client is gone."""
        self.served.engine.close(self._stream)

    @property
    def error(self) -> ServiceError | None:
        """What it ended with, if it has not ended well."""
        return self._stream.error

    async def ended(self) -> None:
        """Return once it has ended."""
        await self._over.wait()

    def _deliver(self) -> None:
        """Hand every answer to its request. The engine calls this, with answers of the tick or at the end."""
        for answer in self._stream.take():
            self._replies.popleft()(answer.item)
        if not self._stream.finished:
            return
        for reply in self._replies:
            reply(self.error or not_started(*self.key))
        self._replies.clear()
        # It knows this object: a circle that the collector would find late.
        self._stream.on_answers = None
        self._over.set()
        self._on_end(self)

    def _take(self, inputs: Mapping[str, Array], reply: Reply, *, end: bool) -> None:
        if self._stream.finished or self.ending:
            raise self._stream.error or not_started(*self.key)
        steps = self._checked(inputs)
        self.ending = end
        self._replies.append(reply)
        self._submit(Tensors(inputs, steps))
        if end:
            self._submit(End())

    def _checked(self, inputs: Mapping[str, Array]) -> int:
        steps = self._task.steps(self._stream.progress, inputs)
        most = self.served.engine.limits.max_message_steps
        if steps > most:
            raise invalid(Reason.MESSAGE_TOO_LARGE, f"{steps} steps in one request: 1 to {most} are taken", "inputs")
        return steps

    def _submit(self, payload: Any) -> None:
        self._number += 1
        self.served.engine.submit(self._stream, Message(self._number, payload))


class LiveSequences:
    """All of them, by the name of their model and their id."""

    def __init__(self) -> None:
        self._live: dict[tuple[str, str], LiveSequence] = {}
        self._owned: dict[object, set[LiveSequence]] = {}
        self._failed: OrderedDict[tuple[str, str], ServiceError] = OrderedDict()

    def find(self, name: str, sequence_id: str, owner: object) -> LiveSequence | None:
        """The sequence of a step, if it is live. Raises SESSION_ID_IN_USE when it belongs to another stream."""
        live = self._live.get((name, sequence_id))
        if live is not None and live.owner is not owner:
            problem = f"sequence {sequence_id} was started on another stream: go on there, or choose another id"
            raise ServiceError(Code.ALREADY_EXISTS, Reason.SESSION_ID_IN_USE, problem)
        return live

    def missing(self, name: str, sequence_id: str) -> ServiceError:
        """Why a sequence is not live: what it failed with, or SEQUENCE_NOT_STARTED."""
        return self._failed.get((name, sequence_id)) or not_started(name, sequence_id)

    async def start(self, served: Served, name: str, place: Place, owner: object) -> LiveSequence:
        """Begin a sequence, once one of the same id that is about to end has ended. Raises what `Engine.open` raises;
        a live sequence of the same id is as before.
        """
        before = self._live.get((name, place.sequence_id))
        if before is not None and before.ending:
            await before.ended()
        return self.open(served, name, place, owner)

    def open(self, served: Served, name: str, place: Place, owner: object) -> LiveSequence:
        """Begin a sequence; one without an id is found by nobody."""
        live = LiveSequence(served, name, place, owner, self._forget)
        if place.sequence_id:
            self._live[live.key] = live
            self._failed.pop(live.key, None)
        self._owned.setdefault(owner, set()).add(live)
        return live

    def leave(self, owner: object) -> None:
        """A stream, or a request, is over: what it has not ended ends with it."""
        for live in tuple(self._owned.get(owner, ())):
            live.close()

    def _forget(self, live: LiveSequence) -> None:
        """A sequence has ended."""
        if live.error is not None and live.key[1]:
            self._failed[live.key] = live.error
            if len(self._failed) > REMEMBERED:
                self._failed.popitem(last=False)
        if self._live.get(live.key) is live:
            del self._live[live.key]
        owned = self._owned[live.owner]
        owned.discard(live)
        if not owned:
            del self._owned[live.owner]


def not_started(name: str, sequence_id: str) -> ServiceError:
    """A step, or an end, of a sequence that is not live."""
    problem = f"model {name!r} has no live sequence {sequence_id}: its first request needs sequence_start"
    return invalid(Reason.SEQUENCE_NOT_STARTED, problem, "parameters[sequence_start]")
