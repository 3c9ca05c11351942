"""The cache of packages: fetched once, checked, and clear about what to do when that fails."""

import sys

import pytest

from training.data.cache import DataError, Package, cache_folder, check_digest, fetch

WRITE = (sys.executable, "-c", "open('thing_1.bin', 'wb').write(b'content')")


def test_a_package_is_downloaded_once(tmp_path):
    first = fetch(Package("thing", WRITE, "thing_*.bin"), tmp_path)
    broken = Package("thing", (sys.executable, "-c", "raise SystemExit(1)"), "thing_*.bin")
    assert first.read_bytes() == b"content"
    assert fetch(broken, tmp_path) == first


def test_a_failed_download_names_the_command_and_the_advice(tmp_path):
    command = (sys.executable, "-c", "raise SystemExit('no network')")
    with pytest.raises(DataError, match=r"`python -c .*` failed \(no network\)\. Run `update` first\."):
        fetch(Package("thing", command, "thing_*.bin", advice="Run `update` first."), tmp_path)


def test_a_missing_program_is_named_with_where_to_put_the_file(tmp_path):
    with pytest.raises(DataError, match=r"no-such-program is missing.*put the file into"):
        fetch(Package("thing", ("no-such-program", "thing"), "thing_*.bin"), tmp_path)


def test_a_download_that_gives_another_file_is_an_error(tmp_path):
    with pytest.raises(DataError, match=r"gave no file like other_\*"):
        fetch(Package("thing", WRITE, "other_*"), tmp_path)
    assert list((tmp_path / "packages").iterdir()) == []


def test_changed_content_is_refused_and_named():
    with pytest.raises(DataError, match=r"^the text has changed"):
        check_digest(b"other", "0" * 64, "the text")


def test_the_cache_folder_follows_the_environment(tmp_path):
    assert cache_folder({"HIDDENSTATE_CACHE": str(tmp_path)}) == tmp_path
    assert cache_folder({}).parts[-2:] == (".cache", "hiddenstate")
