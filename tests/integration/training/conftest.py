"""Speed for the tests that trace networks."""

from tests.one_registry import one_registry  # noqa: F401 - a fixture
