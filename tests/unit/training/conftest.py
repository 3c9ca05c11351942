"""Speed for the tests that trace networks."""

from collections.abc import Iterator
from functools import cache

import pytest
from torch.onnx._internal.exporter import _registration


@pytest.fixture(scope="session", autouse=True)
def _one_registry() -> Iterator[None]:
    """torch builds its table of ONNX operators anew for every export, half the time of a small one: build it once."""
    with pytest.MonkeyPatch.context() as patch:
        registry = _registration.ONNXRegistry
        patch.setattr(registry, "from_torchlib", staticmethod(cache(registry.from_torchlib)))
        yield
