"""A server process for all made-up requests, and how long they are made up."""

from collections.abc import Iterator

import grpc
import pytest

from tests.fuzz.surface import Beside, Surface, keep
from tests.processes import served
from tests.repositories import MODELS, copy_bundle


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--fuzz-seconds", type=float, default=0.0, help="how long requests are made up, all tests together"
    )


@pytest.fixture(scope="session")
def seconds(request: pytest.FixtureRequest) -> float:
    """For one test that calls the server."""
    whole = float(request.config.getoption("--fuzz-seconds", default=0.0))
    return whole / max(1, sum("every_answer" in item.nodeid for item in request.session.items))


@pytest.fixture(scope="module")
def surface(tmp_path_factory: pytest.TempPathFactory, seconds: float) -> Iterator[Surface]:
    models = tmp_path_factory.mktemp("models")
    for name in MODELS:
        copy_bundle(models, name)
    with (
        served(tmp_path_factory.mktemp("home"), models=models) as process,
        grpc.insecure_channel(process.address) as channel,
    ):
        surface = Surface(process, channel, Beside(channel))
        yield surface
        if seconds:
            print(f"\n{keep(surface.found)} outcomes were not in the corpus, and are now")
