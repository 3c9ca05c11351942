"""ModelInfer and ModelStreamInfer: requests by themselves, and steps of sequences, to the engines."""

import asyncio
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from hiddenstate.oip import open_inference_pb2 as oip
from service.bundle import Manifest
from service.catalog import Catalog, Served
from service.errors import Code, Reason, ServiceError, invalid
from service.rpc.oip.parameters import Place, count_of, place_of
from service.rpc.oip.sequences import GENERIC, LiveSequence, LiveSequences
from service.rpc.oip.statistics import Requests, RequestStatistics
from service.rpc.oip.tensors import rows_of, write_classes, write_output
from service.state import Array
from service.tasks.inference import InferenceOptions, Outputs

VERSION = re.compile("[1-9][0-9]{0,8}")
UNARY = object()
"""Owns the sequences that no stream has started: they live until they end or expire."""

Answer = Callable[[oip.ModelInferResponse], None] | ServiceError
"""Fills the response, wherever it is a part of; or what went wrong."""
Answered = Callable[[Answer], None]
"""Takes what a request is answered, exactly once."""


@dataclass(slots=True)
class Asked:
    """A request on its way to its answer. `wanted`: names of outputs, with the number of classes wanted instead of
    values (0: values); none for all outputs. `began`: when it came, on the clock of `time.perf_counter`.
    """

    id: str
    served: Served
    wanted: Mapping[str, int]
    typed: bool
    marked: bool
    began: float
    statistics: Requests
    reply: Answered

    def answer(self, row: Outputs | ServiceError) -> None:
        """Reply with the outputs [steps, ...] of the only row, or with what went wrong."""
        seconds = time.perf_counter() - self.began
        if isinstance(row, ServiceError):
            self.statistics.failed(seconds)
            self.reply(row)
            return
        self.statistics.succeeded(seconds)
        self.reply(partial(self.fill, {name: tensor[np.newaxis] for name, tensor in row.tensors.items()}))

    def answer_all(self, rows: Sequence[Outputs | ServiceError]) -> None:
        """The same for several rows, each with as many steps."""
        seconds = time.perf_counter() - self.began
        if errors := [row for row in rows if isinstance(row, ServiceError)]:
            self.statistics.failed(seconds)
            self.reply(errors[0])
            return
        self.statistics.succeeded(seconds)
        given = [row.tensors for row in rows if isinstance(row, Outputs)]
        self.reply(partial(self.fill, {name: np.stack([each[name] for each in given]) for name in given[0]}))

    def fill(self, tensors: Mapping[str, Array], response: oip.ModelInferResponse) -> None:
        """Write outputs [batch, steps, ...] as the request wants them."""
        manifest = self.served.manifest
        response.model_name, response.model_version, response.id = manifest.name, str(manifest.version), self.id
        if self.marked:
            response.parameters["triton_final_response"].bool_param = True
        for name in self.wanted or tensors:
            if name not in tensors:
                continue
            if count := self.wanted.get(name, 0):
                write_classes(response, name, tensors[name], count, _labels(manifest, name), typed=self.typed)
            else:
                write_output(response, name, tensors[name], typed=self.typed)


class OpenInference:
    """Serves the requests of all clients of the protocol."""

    def __init__(self, catalog: Catalog, statistics: RequestStatistics) -> None:
        self._catalog = catalog
        self._statistics = statistics
        self.sequences = LiveSequences()

    async def infer(self, request: oip.ModelInferRequest) -> oip.ModelInferResponse:
        """Answer one request. Raises what is wrong with it."""
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[Answer] = loop.create_future()
        owner = object()
        try:
            await self.ask(request, UNARY, owner, lambda answer: _set(answered, answer))
            answer = await answered
        finally:
            self.sequences.leave(owner)
        if isinstance(answer, ServiceError):
            raise answer
        response = oip.ModelInferResponse()
        answer(response)
        return response

    async def ask(self, request: oip.ModelInferRequest, owner: object, alone: object, reply: Answered) -> None:
        """Submit a request; `reply` is called once it is answered. Raises what is wrong with it; nothing has changed.

        `owner` owns the sequence that it may start; `alone` owns it if it is a sequence of its own.
        """
        began = time.perf_counter()
        place = place_of(request)
        live = self._live(request, place, owner)
        served = live.served if live else self._catalog.find(GENERIC, request.model_name, version_of(request))
        try:
            manifest = served.manifest
            rows = rows_of(request, manifest)
            asked = self._asked(request, served, place, began, reply)
            if not place.sequence_id or not is_stateful(manifest):
                await self._alone(asked, rows, place, alone)
                return
            if len(rows) != 1:
                problem = f"{len(rows)} rows: a request of a sequence has one"
                raise invalid(Reason.TENSOR_SHAPE_MISMATCH, problem, "inputs")
            if live is None:
                _check_fresh(served, rows[0])
                live = await self.sequences.start(served, request.model_name, place, owner)
            await live.step(rows[0], asked.answer, end=place.end)
        except ServiceError as error:
            self._statistics.of(served).failed(time.perf_counter() - began)
            raise _in_words_of_request(error) from None

    def _live(self, request: oip.ModelInferRequest, place: Place, owner: object) -> LiveSequence | None:
        """The sequence that a request goes on with; None where it starts one."""
        if not place.sequence_id or place.start:
            return None
        live = self.sequences.find(request.model_name, place.sequence_id, owner)
        if live is None:
            served = self._catalog.named(request.model_name)
            if served is not None and not is_stateful(served.manifest):
                return None
            raise self.sequences.missing(request.model_name, place.sequence_id)
        version = version_of(request)
        if version not in (0, live.served.manifest.version):
            problem = f"sequence {place.sequence_id} runs on version {live.served.manifest.version}, not {version}"
            raise invalid(Reason.MODEL_VERSION_NOT_FOUND, problem, "model_version")
        return live

    def _asked(
        self,
        request: oip.ModelInferRequest,
        served: Served,
        place: Place,
        began: float,
        reply: Answered,
    ) -> Asked:
        wanted = {output.name: count_of(output) for output in request.outputs}
        served.tasks[GENERIC].check_outputs(wanted)  # type: ignore[attr-defined]  # the generic task of every version
        typed = not request.raw_input_contents
        return Asked(request.id, served, wanted, typed, place.marked, began, self._statistics.of(served), reply)

    async def _alone(self, asked: Asked, rows: Sequence[Mapping[str, Array]], place: Place, owner: object) -> None:
        """Each row is a sequence of its own."""
        served = asked.served
        if place.sequence_id and served.manifest.whole_sequence and not (place.start and place.end):
            problem = "this model takes whole sequences: send each in one request, without a sequence_id"
            raise invalid(Reason.OPTION_OUT_OF_RANGE, problem, "parameters[sequence_id]")
        most = served.engine.limits.max_batch_rows
        if len(rows) > most:
            raise invalid(Reason.TENSOR_SHAPE_MISMATCH, f"{len(rows)} rows: 1 to {most} are taken", "inputs")
        for row in rows:
            _check_fresh(served, row)
        gathered: list[Outputs | ServiceError | None] = [None] * len(rows)
        missing = len(rows)

        def part(index: int, outputs: Outputs | ServiceError) -> None:
            nonlocal missing
            gathered[index] = outputs
            missing -= 1
            if not missing:
                asked.answer_all([each for each in gathered if each is not None])

        own = place._replace(sequence_id="")
        opened: list[LiveSequence] = []
        try:
            for _ in rows:
                opened.append(self.sequences.open(served, request_name(served), own, owner))
        except ServiceError:
            for live in opened:
                live.close()
            raise
        for index, (live, row) in enumerate(zip(opened, rows, strict=True)):
            await live.step(row, partial(part, index), end=True)


def is_stateful(manifest: Manifest) -> bool:
    """Whether a sequence goes on from request to request."""
    return bool(manifest.state)


def request_name(served: Served) -> str:
    """The name that requests call a version by."""
    return served.manifest.name


def version_of(request: oip.ModelInferRequest) -> int:
    """The version that is named; 0 for none. Raises MODEL_VERSION_NOT_FOUND."""
    return version_number(request.model_name, request.model_version)


def version_number(name: str, version: str) -> int:
    """A version as a number; 0 for none. Raises MODEL_VERSION_NOT_FOUND."""
    if not version:
        return 0
    if not VERSION.fullmatch(version):
        message = f"model {name!r} has no version {version!r}: versions are numbers from 1 on"
        raise ServiceError(Code.NOT_FOUND, Reason.MODEL_VERSION_NOT_FOUND, message)
    return int(version)


def _check_fresh(served: Served, row: Mapping[str, Array]) -> None:
    """Raise what is wrong with the first steps of a sequence, before there is one."""
    task = served.tasks[GENERIC]
    task.steps(task.begin(InferenceOptions()), row)  # type: ignore[attr-defined]  # the generic task of every version


def _in_words_of_request(error: ServiceError) -> ServiceError:
    """What the generic task says of a chunk and of its config, both of which are one request here."""
    error.violations = tuple(
        replace(each, field=each.field.removeprefix("chunk.").removeprefix("config.")) for each in error.violations
    )
    return error


def _labels(manifest: Manifest, output: str) -> Sequence[str]:
    """The names of the classes of an output, where the model has them."""
    labels = next((head.parameters.get("labels") for head in manifest.heads if head.name == output), None)
    return [str(label) for label in labels] if isinstance(labels, list | tuple) else []


def _set(future: "asyncio.Future[Answer]", answer: Answer) -> None:
    if not future.done():
        future.set_result(answer)
