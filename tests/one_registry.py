"""Speed for tests that trace networks."""

from collections.abc import Iterator
from functools import cache

import pytest
from torch.onnx._internal.exporter import _decomp, _registration


@pytest.fixture(scope="session", autouse=True)
def one_registry() -> Iterator[None]:
    """torch makes its tables of operators anew for every export, most of the time of a small one: make them once."""
    build = _decomp.create_onnx_friendly_decomposition_table
    table = cache(lambda known: build(set(known)))
    with pytest.MonkeyPatch.context() as patch:
        registry = _registration.ONNXRegistry
        patch.setattr(registry, "from_torchlib", staticmethod(cache(registry.from_torchlib)))
        patch.setattr(_decomp, "get_onnx_implemented_overloads", cache(_decomp.get_onnx_implemented_overloads))
        patch.setattr(_decomp, "create_onnx_friendly_decomposition_table", lambda known: table(frozenset(known)))
        yield
