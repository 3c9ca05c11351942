"""The one place that imports ONNX Runtime: where a graph runs, and with which settings."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

# ONNX Runtime writes a device id and a telemetry queue to the disk at import unless this is set before.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime as ort

from service.errors import BundleError, Code, Reason, ServiceError

# What fails is raised; the runtime's own lines would only break up a structured log.
ort.set_default_logger_severity(4)


@dataclass(frozen=True, slots=True)
class Device:
    """Where a graph runs. `fallback` says why it is not the device that was asked for; None when it is."""

    kind: str
    number: int = 0
    fallback: str | None = None

    def __str__(self) -> str:
        return self.kind if self.kind == "cpu" else f"{self.kind}:{self.number}"


def resolve_device(wanted: str, *, allow_fallback: bool = False) -> Device:
    """The device named `cpu`, `cuda`, `cuda:<number>` or `auto` (CUDA where there is one, else the CPU).

    Raises ServiceError with SETTING_INVALID for another name, and with DEVICE_NOT_AVAILABLE when CUDA is asked for,
    there is none, and no fallback is allowed.
    """
    match = re.fullmatch(r"(cpu|auto)|cuda(?::(\d{1,3}))?", wanted)
    if match is None:
        message = f"device {wanted!r} is none of cpu, cuda, cuda:<number>, auto"
        raise ServiceError(Code.INVALID_ARGUMENT, Reason.SETTING_INVALID, message, field="device")
    if match[1] == "cpu":
        return Device("cpu")
    if "CUDAExecutionProvider" in ort.get_available_providers():
        return Device("cuda", int(match[2] or 0))
    if match[1] == "auto":
        return Device("cpu", fallback="auto: this build of ONNX Runtime has no CUDA")
    problem = f"{wanted} was asked for, but this build of ONNX Runtime has no CUDA"
    if allow_fallback:
        return Device("cpu", fallback=problem)
    remedy = "install onnxruntime-gpu in place of onnxruntime, take --device cpu, or allow the fallback"
    raise ServiceError(Code.FAILED_PRECONDITION, Reason.DEVICE_NOT_AVAILABLE, f"{problem}; {remedy}")


def open_runtime(graph: Path, device: Device, threads: int = 1) -> ort.InferenceSession:
    """Load a graph. Raises BundleError(BUNDLE_DAMAGED) when the file is no graph that this runtime knows, and
    ServiceError(DEVICE_NOT_AVAILABLE) when the device refuses it.
    """
    providers: list[str | tuple[str, dict[str, str]]] = ["CPUExecutionProvider"]
    if device.kind == "cuda":
        # TF32 keeps 10 bits of a product: golden vectors would not replay.
        cuda = {"device_id": str(device.number), "use_tf32": "0"}
        providers.insert(0, ("CUDAExecutionProvider", cuda))
    try:
        runtime = ort.InferenceSession(str(graph), _settings(threads), providers=providers)
    except Exception as error:
        text = str(error).splitlines()[0]
        raise BundleError(Reason.BUNDLE_DAMAGED, f"{graph}: ONNX Runtime cannot load it: {text}") from error
    if device.kind == "cuda" and "CUDAExecutionProvider" not in runtime.get_providers():
        message = f"{device} did not start; check the driver and the CUDA libraries, or take --device cpu"
        raise ServiceError(Code.FAILED_PRECONDITION, Reason.DEVICE_NOT_AVAILABLE, message)
    return runtime


def _settings(threads: int) -> ort.SessionOptions:
    settings = ort.SessionOptions()
    settings.intra_op_num_threads = threads
    settings.inter_op_num_threads = 1
    settings.log_severity_level = 4
    # Idle threads that spin starve the event loop and the neighbours of this process.
    settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
    settings.add_session_config_entry("session.inter_op.allow_spinning", "0")
    # Memory patterns are remembered for every shape that was ever seen; ticks have ever new shapes.
    settings.enable_mem_pattern = False
    return settings
