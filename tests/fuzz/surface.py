"""The server under made-up requests: what every answer has to be, and a sequence beside it that must not notice."""

from __future__ import annotations

import json
import queue
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import numpy as np
from google.protobuf.message_factory import GetMessageClass

from hiddenstate.oip import open_inference_pb2 as oip
from service.errors import Reason
from tests.calls import Call, described, ended, path_of
from tests.processes import Process
from tests.repositories import SERIES

CORPUS = Path(__file__).parent / "corpus.jsonl"
PATIENCE = 5.0
LENGTHY_PATIENCE = 0.4
"""Seconds for a stream of a task: what is honest and long, such as 100,000 tokens, ends with them."""
STEPS = 32
ANSWERED = "answered"


def reason_of(error_message: str) -> str:
    """The reason that an answer of ModelStreamInfer begins with; `answered` where it is no error."""
    reason = error_message.partition(": ")[0] if error_message else ANSWERED
    assert reason == ANSWERED or reason in Reason.__members__, error_message
    return reason


def call(channel: grpc.Channel, method: str, requests: Sequence[bytes]) -> Call:
    """Send all, read all."""
    answers: list[Any] = []
    answer = GetMessageClass(described(method).output_type).FromString
    try:
        if described(method).client_streaming:
            stream = channel.stream_stream(path_of(method), response_deserializer=answer)
            timeout = PATIENCE if method == "ModelStreamInfer" else LENGTHY_PATIENCE
            answers.extend(stream(iter(requests), timeout=timeout))
        else:
            unary = channel.unary_unary(path_of(method), response_deserializer=answer)
            answers.append(unary(requests[0], timeout=PATIENCE))
    except grpc.RpcError as error:
        return ended(answers, error)
    return Call(answers, "OK")


def outcomes(method: str, requests: Sequence[bytes], found: Call) -> set[str]:
    """What a call came to, or each request of a stream. Raises what an answer must not be."""
    if found.code not in ("OK", "DEADLINE_EXCEEDED"):
        assert found.code not in ("INTERNAL", "UNKNOWN", "CANCELLED", "UNAVAILABLE"), found
        assert found.domain == "hiddenstate", found
        assert found.reason in Reason.__members__, found
        assert found.message, found
    if method == "ModelStreamInfer":
        assert found.code == "OK", found
        assert len(found.answers) == len(requests), "one answer for each request"
        return {reason_of(each.error_message) for each in found.answers}
    return {found.reason or found.code}


@dataclass
class Beside:
    """A sequence that goes on by one step after every call; its bits are those of the whole, over and over."""

    channel: grpc.Channel
    steps: np.ndarray = field(default_factory=lambda: np.random.default_rng(9).standard_normal((STEPS, 3), np.float32))
    step: int = 0

    def __post_init__(self) -> None:
        whole = oip.ModelInferRequest(model_name=SERIES)
        self._put(whole, self.steps)
        unary = self.channel.unary_unary(path_of("ModelInfer"), response_deserializer=oip.ModelInferResponse.FromString)
        self.expected = np.frombuffer(unary(whole.SerializeToString()).raw_output_contents[0], "<f4").reshape(STEPS, -1)
        self.sent: list[bytes] = []
        self._more: Callable[[bytes], None]
        self._answers = self._open()

    def go_on(self) -> None:
        """One more step."""
        request = oip.ModelInferRequest(model_name=SERIES)
        request.parameters["sequence_id"].string_param = "beside"
        request.parameters["sequence_start"].bool_param = self.step == 0
        request.parameters["sequence_end"].bool_param = self.step == STEPS - 1
        self._put(request, self.steps[self.step : self.step + 1])
        self._more(request.SerializeToString())
        answer = next(self._answers)
        assert not answer.error_message, answer.error_message
        assert answer.infer_response.raw_output_contents[0] == self.expected[self.step].tobytes()
        self.step = (self.step + 1) % STEPS

    def _open(self) -> Iterator[Any]:
        waiting: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._more = waiting.put
        answer = oip.ModelStreamInferResponse.FromString
        stream = self.channel.stream_stream(path_of("ModelStreamInfer"), response_deserializer=answer)
        return iter(stream(iter(waiting.get, None)))

    @staticmethod
    def _put(request: oip.ModelInferRequest, steps: np.ndarray) -> None:
        request.inputs.add(name="inputs", datatype="FP32", shape=[1, *steps.shape])
        request.raw_input_contents.append(steps.tobytes())


@dataclass
class Surface:
    """One server, the sequence beside, and the smallest requests that were found for each outcome of a method."""

    process: Process
    channel: grpc.Channel
    beside: Beside
    found: dict[tuple[str, str], list[bytes]] = field(default_factory=dict)

    def check(self, method: str, requests: list[bytes]) -> None:
        """Make a call. Raises when an answer is none of ours, or somebody else was touched."""
        came_to = outcomes(method, requests, call(self.channel, method, requests))
        assert self.process.popen.poll() is None, "the server has died"
        faults = [event for event in self.process.events if event["level"] in ("error", "critical")]
        assert not faults
        self.beside.go_on()
        for each in came_to - {"DEADLINE_EXCEEDED"}:
            known = self.found.get((method, each))
            if known is None or sum(map(len, requests)) < sum(map(len, known)):
                self.found[method, each] = requests


def corpus() -> list[dict[str, Any]]:
    """What was found before: a `method`, an `outcome` that it had, and the smallest `requests`, in hexadecimal."""
    return [json.loads(line) for line in CORPUS.read_text(encoding="utf-8").splitlines()] if CORPUS.exists() else []


def keep(found: dict[tuple[str, str], list[bytes]]) -> int:
    """Add to the corpus what has an outcome that is not in it yet; returns how many that were."""
    known = {(each["method"], each["outcome"]) for each in corpus()}
    fresh = {key: requests for key, requests in sorted(found.items()) if key not in known}
    lines = [
        json.dumps({"method": method, "outcome": came_to, "requests": [each.hex() for each in requests]}) + "\n"
        for (method, came_to), requests in fresh.items()
    ]
    with CORPUS.open("a", encoding="utf-8") as file:
        file.writelines(lines)
    return len(fresh)
