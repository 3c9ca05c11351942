"""What the bits of results depend on besides the model: the runtime, and the kernels that it chooses for this CPU."""

import platform
from functools import cache
from importlib.metadata import version
from pathlib import Path

_FLAGS = ("avx", "avx2", "fma", "avx512f", "avx512_vnni", "avx_vnni", "amx_tile", "asimd", "sve")


@cache
def kernels() -> str:
    """A fingerprint: where it is the same, a session goes on with the same bits."""
    try:
        said = Path("/proc/cpuinfo").read_text("utf-8", "replace").split()
    except OSError:
        said = [platform.processor()]
    flags = "+".join(flag for flag in _FLAGS if flag in set(said))
    return f"onnxruntime {version('onnxruntime')} {platform.machine()} {flags}"
