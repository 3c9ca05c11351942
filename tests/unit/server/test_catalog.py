"""The catalog: which version a client gets, and what it is told when there is none."""

from typing import Any, cast

import pytest

from service.bundle import load_bundle
from service.catalog import Catalog, Served, Serving
from service.errors import BundleError, Code, Reason, ServiceError
from service.repository import Loaded, Refused
from tests.repositories import GENERATOR, PLAIN, REPOSITORY, SENTIMENT, copy_bundle

NOTHING: Any = None


def served(folder, *tasks: str) -> Served:
    """A version that serves some tasks, without an engine."""
    loaded = Loaded(load_bundle(folder), NOTHING, "fp32")
    return Served(loaded, Serving(NOTHING, cast(Any, dict.fromkeys(("inference", *tasks))), "fp32"))


@pytest.fixture
def catalog(tmp_path):
    return Catalog(
        [
            served(REPOSITORY / GENERATOR / "1", "text_generation"),
            served(REPOSITORY / PLAIN / "1"),
            served(copy_bundle(tmp_path, PLAIN, as_version=12)),
            served(copy_bundle(tmp_path, PLAIN, as_version=3)),
            served(REPOSITORY / SENTIMENT / "1", "sentiment"),
        ],
        [
            Refused(PLAIN, "13", BundleError(Reason.BUNDLE_MISSING_FILE, "golden.npz is missing")),
            Refused("gone", "1", BundleError(Reason.BUNDLE_DAMAGED, "it is damaged")),
        ],
    )


def refused(catalog: Catalog, task: str, name: str, version: int = 0) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        catalog.find(task, name, version)
    return caught.value


def test_the_newest_version_that_serves_is_found_unless_one_is_named(catalog):
    assert catalog.find("inference", PLAIN, 0).manifest.version == 12
    assert catalog.find("inference", PLAIN, 3).manifest.version == 3


def test_the_name_may_be_left_out_where_one_model_alone_does_the_task(catalog):
    assert catalog.find("sentiment", "", 0).manifest.name == SENTIMENT
    error = refused(catalog, "inference", "")
    assert (error.code, error.reason) == (Code.INVALID_ARGUMENT, Reason.MODEL_NAME_MISSING)
    assert f"{GENERATOR}, {PLAIN}, {SENTIMENT}" in error.message


def test_an_unknown_name_is_answered_with_those_that_serve(catalog):
    error = refused(catalog, "inference", "nowhere")
    assert (error.code, error.reason) == (Code.NOT_FOUND, Reason.MODEL_NOT_FOUND)
    assert PLAIN in error.message


def test_an_unknown_version_is_answered_with_those_there_are(catalog):
    error = refused(catalog, "inference", PLAIN, 7)
    assert (error.code, error.reason) == (Code.NOT_FOUND, Reason.MODEL_VERSION_NOT_FOUND)
    assert "12" in error.message


@pytest.mark.parametrize(("name", "version"), [(PLAIN, 13), ("gone", 0), ("gone", 1)])
def test_a_refused_version_is_not_ready_and_says_why(catalog, name: str, version: int):
    error = refused(catalog, "inference", name, version)
    assert (error.code, error.reason) == (Code.FAILED_PRECONDITION, Reason.MODEL_NOT_READY)
    assert "missing" in error.message or "damaged" in error.message


def test_a_model_of_another_task_is_a_mismatch_that_names_the_right_ones(catalog):
    error = refused(catalog, "sentiment", GENERATOR)
    assert (error.code, error.reason) == (Code.INVALID_ARGUMENT, Reason.MODEL_TASK_MISMATCH)
    assert "is for text_generation, not for sentiment" in error.message
    assert SENTIMENT in error.message


def test_a_model_without_a_frontend_is_for_tensors_alone(catalog):
    error = refused(catalog, "text_generation", PLAIN)
    assert error.reason == Reason.MODEL_TASK_MISMATCH
    assert "tensors alone" in error.message
    assert GENERATOR in error.message
