"""The clients of `make interop`, as far as they are installed; each that is not is named by a skipped test."""

from collections.abc import Iterator

import pytest

from tests.interop.cases import CASES, Case, repository
from tests.interop.tools import MissingToolError
from tests.processes import Process, served


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    models = repository(tmp_path_factory.mktemp("models"))
    with served(tmp_path_factory.mktemp("home"), models=models) as running:
        yield running


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.tool.name}: {case.what}")
def test_a_client_that_others_wrote_works_unchanged(case: Case, request: pytest.FixtureRequest):
    try:
        case.tool.found()
    except MissingToolError as missing:
        pytest.skip(str(missing))
    process: Process = request.getfixturevalue("process")
    assert case.run(case.tool, process.address)
    assert process.popen.poll() is None
