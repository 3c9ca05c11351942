"""One server for all tests that do not change it, and the address of another one where `--address` gives it."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from service.server import Running
from tests.calls import Target, serving, target_at


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--address", help="host:port of a running server of tests/data, for the recorded table (default: in-process)"
    )


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared() -> AsyncIterator[tuple[Running, Target]]:
    async with serving() as both:
        yield both


@pytest.fixture(scope="session")
def server(shared: tuple[Running, Target]) -> Running:
    return shared[0]


@pytest.fixture(scope="session")
def target(shared: tuple[Running, Target]) -> Target:
    return shared[1]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def recorded_target(request: pytest.FixtureRequest, target: Target) -> AsyncIterator[Target]:
    """The server that the recorded table is held against."""
    address = request.config.getoption("--address", default=None)
    if address is None:
        yield target
        return
    async with target_at(address) as other:
        yield other
