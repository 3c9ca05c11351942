"""Speed for the tests that trace networks."""

from collections.abc import Iterator

import pytest

import training.export
from tests.one_registry import one_registry  # noqa: F401 - a fixture
from tests.unit.training.exports import traced_once


@pytest.fixture(scope="session", autouse=True)
def _one_trace_of_each_network() -> Iterator[None]:
    """Bundles of the same network share its trace."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training.export, "trace", traced_once)
        yield
