"""Golden vectors: written and read back, compared only where rows are valid."""

import numpy as np
import pytest

from service.bundle import GoldenChunk, largest_difference, largest_gap, read_golden, write_golden
from service.errors import BundleError, Reason


def chunk(value: float) -> GoldenChunk:
    return GoldenChunk(
        {"inputs": np.array([[1, 2], [3, 0]])},
        np.array([2, 1], np.int32),
        {"logits": np.full((2, 2, 3), value, np.float32)},
        {"state_0": np.full((2, 4), value, np.float32)},
    )


def test_chunks_survive_a_round_trip(tmp_path):
    write_golden(tmp_path / "golden.npz", [chunk(1.0), chunk(2.0)])
    first, second = read_golden(tmp_path / "golden.npz")
    assert first.inputs["inputs"].tolist() == [[1, 2], [3, 0]]
    assert first.lengths.dtype == np.int32
    assert second.outputs["logits"].max() == 2.0
    assert second.next_state["state_0"].shape == (2, 4)


def test_chunks_without_state_survive_a_round_trip(tmp_path):
    bare = GoldenChunk(chunk(1.0).inputs, chunk(1.0).lengths, chunk(1.0).outputs, {})
    write_golden(tmp_path / "golden.npz", [bare])
    assert read_golden(tmp_path / "golden.npz")[0].next_state == {}


def test_equal_chunks_give_equal_files(tmp_path):
    for name in ("a.npz", "b.npz"):
        write_golden(tmp_path / name, [chunk(1.0)])
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_a_pickle_is_never_loaded(tmp_path):
    np.savez(tmp_path / "golden.npz", **{"0/lengths": np.array([{"a": 1}], dtype=object)})
    with pytest.raises(BundleError) as caught:
        read_golden(tmp_path / "golden.npz")
    assert caught.value.reason is Reason.BUNDLE_GOLDEN_MISMATCH


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no archive", b"\x93NUMPY"])
def test_a_file_that_is_no_archive_is_refused(tmp_path, content):
    (tmp_path / "golden.npz").write_bytes(content)
    with pytest.raises(BundleError):
        read_golden(tmp_path / "golden.npz")


def test_an_archive_of_other_arrays_is_refused(tmp_path):
    np.savez(tmp_path / "golden.npz", weights=np.zeros(3))
    with pytest.raises(BundleError):
        read_golden(tmp_path / "golden.npz")


def test_padding_is_not_compared():
    expected, found = np.zeros((2, 3, 1)), np.zeros((2, 3, 1))
    found[1, 2] = 9.0
    assert largest_difference(expected, found, np.array([3, 2], np.int32)) == 0.0
    assert largest_difference(expected, found, np.array([3, 3], np.int32)) == 9.0


def test_a_difference_is_relative_where_the_expected_value_is_over_one():
    assert largest_gap(np.array([50.0, 0.5]), np.array([50.5, 0.5])) == pytest.approx(0.01)
    assert largest_gap(np.array([0.5]), np.array([0.75])) == 0.25


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_never_agrees(bad):
    assert largest_gap(np.array([bad]), np.array([1.0])) == float("inf")
    assert largest_gap(np.array([bad]), np.array([bad])) == float("inf")


def test_other_shapes_never_agree():
    assert largest_gap(np.zeros(3), np.zeros(4)) == float("inf")
    assert largest_difference(np.zeros((1, 2)), np.zeros((1, 3)), np.array([1], np.int32)) == float("inf")
