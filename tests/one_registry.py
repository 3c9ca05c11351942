"""Speed for tests that trace networks."""

from collections.abc import Iterator
from functools import cache

import pytest
import torch._dynamo.config
from torch.export import exported_program
from torch.onnx._internal.exporter import _decomp, _registration


@pytest.fixture(scope="session", autouse=True)
def one_registry() -> Iterator[None]:
    """torch makes its tables of operators anew for every export, most of the time of a small one: make them once.

    It also keeps the shapes that it found, to find them again. Where the axes are symbols, that takes longer than to
    work them out anew.
    """
    build = _decomp.create_onnx_friendly_decomposition_table
    table = cache(lambda known: build(set(known)))
    with pytest.MonkeyPatch.context() as patch:
        registry = _registration.ONNXRegistry
        patch.setattr(registry, "from_torchlib", staticmethod(cache(registry.from_torchlib)))
        patch.setattr(_decomp, "get_onnx_implemented_overloads", cache(_decomp.get_onnx_implemented_overloads))
        patch.setattr(_decomp, "create_onnx_friendly_decomposition_table", lambda known: table(frozenset(known)))
        patch.setattr(
            exported_program, "_collect_all_valid_cia_ops", cache(exported_program._collect_all_valid_cia_ops)
        )
        patch.setattr(torch._dynamo.config, "fake_tensor_cache_enabled", False)
        yield
