"""What is no package is said to be none."""

import pytest

from training.data.cache import DataError
from training.data.debian import package_files


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"odd", "is not a Debian package"),
        (b"!<arch>\n", "holds no data.tar"),
        (b"!<arch>\n" + f"{'data.tar.zst':<48}{3:<10}`\n".encode() + b"odd", "Python does not know"),
    ],
)
def test_an_error_names_the_package_and_what_is_wrong(content, message):
    with pytest.raises(DataError, match=f"thing.*{message}"):
        package_files(content, "thing")
