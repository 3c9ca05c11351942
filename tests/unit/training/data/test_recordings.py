"""Recordings of gestures: the formats they come in, how they are split, and the user's own."""

import io
import zipfile

import numpy as np
import pytest

from training.data import cricket, fingerspelling, japanese_vowels
from training.data.cache import DataError
from training.data.own_recordings import load_own
from training.data.recordings import Recording, fold_of
from training.data.wheels import inner_file

FRAME = np.zeros((2, 1), np.float32)


def test_channels_are_parted_by_colons():
    text = "@problemName X\n@data\n1,2,3:4,5,6:1\n7,8:9,10:2\n"
    first, second = japanese_vowels.parse(text)
    assert first.frames.tolist() == [[1, 4], [2, 5], [3, 6]]
    assert [first.label, second.label] == [0, 1]
    with pytest.raises(DataError, match="recording 1 is damaged"):
        japanese_vowels.parse("@data\n1,x:2,3:1\n")


def test_a_series_ends_before_its_padding():
    (series,) = cricket.parse("3\t0.5\t-1\tNaN\n\n")
    assert (series.frames.tolist(), series.label) == ([[0.5], [-1.0]], 2)
    with pytest.raises(DataError, match="line 1 is damaged"):
        cricket.parse("3\tx\n")


def test_depth_of_a_hand_counts_from_its_wrist_in_the_unit_of_the_other_two():
    frames = np.full((1, 2, 21, 3), 5.0, np.float32)
    frames[:, 0] = np.nan
    frames[:, 1, 4, 2] = 5.5
    hands = fingerspelling.in_one_unit(frames.reshape(1, -1), "ase").reshape(2, 21, 3)
    assert np.isnan(hands[0]).all()
    assert hands[1, 4].tolist() == [5.0, 5.0, 0.5 * fingerspelling.DEPTH]
    assert hands[1, 0].tolist() == [5.0, 5.0, 0.0]


def test_folds_are_groups_where_there_are_several_and_else_spread_every_class():
    grouped = [Recording(FRAME, 0, group) for group in ("b", "a", "c", "b")]
    assert fold_of(grouped, 2) == [1, 0, 0, 1]
    classes = [Recording(FRAME, label) for label in (0, 0, 1, 0, 1)]
    assert fold_of(classes, 2) == [0, 1, 0, 0, 1]


def test_what_a_package_does_not_hold_is_named():
    package = zipfile.ZipFile(io.BytesIO(), "w")
    with pytest.raises(DataError, match=r"does not hold a/b\.csv"):
        inner_file(package, "a/b.csv")


def rows(label: str, sequence: str, values: list[float]) -> list[str]:
    return [f"{sequence},{label},{place / 50},{value},{-value}" for place, value in enumerate(values)]


def test_own_recordings_in_one_file_are_split_by_class(tmp_path):
    lines = ["sequence,label,t,x,y"]
    for number in range(10):
        lines += rows("up" if number % 2 else "down", f"s{number}", [0.5, 1.0, number])
    (tmp_path / "own.csv").write_text("\n".join(lines))
    found = load_own(tmp_path / "own.csv", "sensors")
    assert (found.labels, found.columns, round(found.frame_rate)) == (("down", "up"), ("x", "y"), 50)
    assert [len(found.train), len(found.valid), len(found.test)] == [6, 2, 2]
    assert found.held_out
    assert found.train[0].frames.tolist() == [[0.5, -0.5], [1.0, -1.0], [0.0, -0.0]]


def test_own_recordings_in_folders_are_labelled_by_their_folder(tmp_path):
    for label in ("a", "b"):
        (tmp_path / label).mkdir()
        for number in range(5):
            (tmp_path / label / f"{number}.csv").write_text(f"x\n{number}\n2\n")
    found = load_own(tmp_path, "sensors")
    assert (found.labels, found.columns, found.frame_rate) == (("a", "b"), ("x",), 25.0)
    (tmp_path / "b" / "9.csv").write_text("y\n1\n")
    with pytest.raises(DataError, match="other columns"):
        load_own(tmp_path, "sensors")


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("x,y\n1,2\n", "sensors", "missing: label, sequence"),
        ("sequence,label\n1,a\n", "sensors", "0 columns of values"),
        ("sequence,label,x\n1,a,1\n", "hands", "126 columns of landmarks"),
        ("sequence,label,x\n1,a,one\n", "sensors", "line 2: x is 'one'"),
        ("sequence,label,x\n1,a,\n", "sensors", "line 2: x is ''"),
        ("sequence,label,x\n1,a,1\n1,b,1\n", "sensors", "line 3: sequence 1 has the labels a, b"),
        ("sequence,label,t,x\n1,a,0.2,1\n1,a,0.1,1\n", "sensors", "line 3: t goes from 0.2 to 0.1"),
        ("sequence,label,x\n1,a,1\n2,b,1\n", "sensors", "5 recordings or more"),
    ],
)
def test_what_is_wrong_with_own_recordings_is_named(tmp_path, text, kind, message):
    (tmp_path / "own.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        load_own(tmp_path / "own.csv", kind)


def test_a_missing_file_and_an_empty_folder_are_named(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        load_own(tmp_path / "none.csv", "sensors")
    with pytest.raises(DataError, match="a folder for each class"):
        load_own(tmp_path, "sensors")
