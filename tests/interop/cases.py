"""What is run with each client, and what has to come of it."""

from __future__ import annotations

import json
import math
import re
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import grpc

from hiddenstate.oip import open_inference_pb2 as oip
from tests.interop import tools
from tests.interop.survival import survives
from tests.interop.tools import CLIENTS, PATIENCE, PROTOS, ClientError, Tool
from tests.repositories import SERIES, TABLE, copy_bundle

SERVICE = "inference.GRPCInferenceService"


@dataclass(frozen=True)
class Case:
    """One run of a client against the server at an address; `run` gives what was seen, or raises ClientError."""

    tool: Tool
    what: str
    run: Callable[[Tool, str], str]


def repository(root: Path) -> Path:
    """The models of the cases, in a folder of their own."""
    for name in (SERIES, TABLE):
        copy_bundle(root, name)
    return root


def output_of(tool: Tool, *arguments: str, stdin: str = "", may_fail: bool = False) -> str:
    """What a client prints. Raises ClientError when it ends with an error or hangs, MissingToolError."""
    command = [*tool.found(), *arguments]
    try:
        done = subprocess.run(
            command, input=stdin, capture_output=True, text=True, timeout=PATIENCE, env=tool.environment(), check=False
        )
    except subprocess.TimeoutExpired:
        raise ClientError(f"hung for {PATIENCE:g} s") from None
    if done.returncode and not may_fail:
        said = (done.stderr.strip() or done.stdout.strip() or "no word").splitlines()
        raise ClientError(f"exit code {done.returncode}: {said[-1]}")
    return done.stdout + done.stderr if may_fail else done.stdout


def script(arguments: Sequence[str], tool: Tool, address: str) -> str:
    """A client of `clients/`, which says what it has seen on its last line."""
    return output_of(tool, *(each.format(address=address) for each in arguments)).strip().splitlines()[-1]


def load(model: str, arguments: Sequence[str], count: int, tool: Tool, address: str) -> str:
    """perf_analyzer sends `count` requests; it counts as many answers, and the server no failure."""
    before = statistics_of(model, address)
    said = output_of(
        tool, "-m", model, "-u", address, "-i", "grpc", "--input-data", "zero", "--shape", "inputs:1,3",
        "--request-count", str(count), *arguments,
    )  # fmt: skip
    found = re.search(r"Request count: (\d+)", said)
    answered = int(found[1]) if found else 0
    after = statistics_of(model, address)
    failures = after.fail.count - before.fail.count
    if answered < count or after.success.count - before.success.count < count or failures:
        raise ClientError(f"{answered} of {count} requests were answered; the server refused {failures}")
    return f"{answered} requests answered, none refused (no benchmark: the machine is shared)"


def statistics_of(model: str, address: str) -> oip.InferStatistics:
    """What the server has counted for a model."""
    with grpc.insecure_channel(address) as channel:
        answer = oip.ModelStatisticsResponse.FromString
        call = channel.unary_unary(f"/{SERVICE}/ModelStatistics", response_deserializer=answer)
        request = oip.ModelStatisticsRequest(name=model).SerializeToString()
        response: oip.ModelStatisticsResponse = call(request, timeout=PATIENCE)
    return response.model_stats[0].inference_stats


def reflection(tool: Tool, address: str) -> str:
    """grpcurl lists what is served, and describes it."""
    services = output_of(tool, "-plaintext", address, "list").split()
    if SERVICE not in services:
        raise ClientError(f"{SERVICE} is not among {services}")
    methods = output_of(tool, "-plaintext", address, "describe", SERVICE).count("rpc ")
    if methods != 12:
        raise ClientError(f"{methods} methods, not 12")
    return f"{len(services)} services; {methods} methods of this one"


def mistake(tool: Tool, address: str) -> str:
    """A step without a start: the code, and the reason among the details."""
    message = json.dumps(step_request(0, 3, {"sequence_id": {"int64Param": "404"}}))
    said = output_of(tool, "-plaintext", "-d", message, address, f"{SERVICE}/ModelInfer", may_fail=True)
    for expected in ("InvalidArgument", "SEQUENCE_NOT_STARTED"):
        if expected not in said:
            raise ClientError(f"{expected} is not in {said.strip().splitlines()[:1]}")
    return "InvalidArgument, SEQUENCE_NOT_STARTED in the details"


def bidirectional(arguments: Callable[[str, str], Sequence[str]], tool: Tool, address: str) -> str:
    """A sequence step by step on a stream gives what the whole gives in one request."""
    steps = 5
    whole = json.loads(output_of(tool, *arguments(address, "ModelInfer"), stdin=json.dumps(step_request(0, steps * 3))))
    requests = [
        step_request(3 * step, 3, {
            "sequence_id": {"uint64Param": str(2**64 - 1)},
            "sequence_start": {"boolParam": step == 0},
            "sequence_end": {"boolParam": step == steps - 1},
        })
        for step in range(steps)
    ]  # fmt: skip
    said = output_of(tool, *arguments(address, "ModelStreamInfer"), stdin="\n".join(map(json.dumps, requests)))
    answers = [each.get("inferResponse") or each.get("infer_response") for each in _documents(said)]
    if [value for answer in answers for value in _values(answer)] != _values(whole):
        raise ClientError("step by step gives something else than the whole")
    return f"{len(answers)} steps on a stream, id 2^64-1: the values of the whole"


def step_request(first: int, count: int, parameters: dict[str, Any] | None = None) -> dict[str, Any]:
    """A request of the series as JSON: `count` numbers of a wave, from the one at `first` on."""
    numbers = [round(math.sin(place), 3) for place in range(first, first + count)]
    tensor = {"name": "inputs", "datatype": "FP32", "shape": [1, count // 3, 3], "contents": {"fp32Contents": numbers}}
    return {"modelName": SERIES, "parameters": parameters or {}, "inputs": [tensor]}


def _grpcurl(address: str, method: str) -> Sequence[str]:
    return ["-plaintext", "-d", "@", address, f"{SERVICE}/{method}"]


def _buf(address: str, method: str) -> Sequence[str]:
    return ["--http2-prior-knowledge", "--protocol", "grpc", "-d", "@-", f"http://{address}/{SERVICE}/{method}"]


def _documents(text: str) -> list[Any]:
    """JSON documents one behind the other."""
    decoder, found, place = json.JSONDecoder(), [], 0
    while place < len(text.rstrip()):
        document, place = decoder.raw_decode(text, place)
        found.append(document)
        place += len(text[place:]) - len(text[place:].lstrip())
    return found


def _values(response: Any) -> list[float]:
    contents = response["outputs"][0]["contents"]
    values: list[float] = contents.get("fp32Contents") or contents["fp32_contents"]
    return values


def _triton(part: str) -> Callable[[Tool, str], str]:
    return partial(script, [str(CLIENTS / "triton_client.py"), "{address}", part])


def _sequences(count: int) -> Sequence[str]:
    """perf_analyzer with so many sequences at once, each of about 20 steps."""
    return ("--streaming", "--async", "--sequence-length", "20", "--num-of-sequences", str(count),
            "--concurrency-range", str(count))  # fmt: skip


CASES = (
    Case(tools.TRITON, "unary calls", _triton("unary")),
    Case(tools.TRITON, "sequences", _triton("sequences")),
    Case(tools.TRITON, "streaming", _triton("streaming")),
    Case(tools.TRITON, "load and unload", _triton("repository")),
    Case(tools.TRITON, "statistics", _triton("statistics")),
    Case(tools.PERF_ANALYZER, "16 sequences at once, streaming", partial(load, SERIES, _sequences(16), 2000)),
    Case(tools.PERF_ANALYZER, "1,024 sequences at once, streaming", partial(load, SERIES, _sequences(1024), 10_000)),
    Case(tools.PERF_ANALYZER, "batches of 2, unary", partial(load, TABLE, ("-b", "2"), 500)),
    Case(tools.GRPCURL, "reflection: list, describe", reflection),
    Case(tools.GRPCURL, "bidirectional, by reflection", partial(bidirectional, _grpcurl)),
    Case(tools.GRPCURL, "a mistake", mistake),
    Case(tools.BUF, "bidirectional, by reflection", partial(bidirectional, _buf)),
    Case(
        tools.K6,
        "8 users, bidirectional, proto files",
        partial(
            script,
            [
                "run",
                "--quiet",
                "--env",
                "ADDRESS={address}",
                "--env",
                f"PROTOS={PROTOS}",
                str(CLIENTS / "k6_stream.js"),
            ],
        ),
    ),
    Case(
        tools.NODE,
        "proto files; unary, bidirectional",
        partial(script, [str(CLIENTS / "node_client.js"), "{address}", str(PROTOS)]),
    ),
    Case(tools.NODE, "sessions that outlive their server", survives),
)
