"""What the commands of the training leave behind."""

import pytest

from training.commands import recorded


@pytest.mark.parametrize(
    ("typed", "stands"),
    [
        ("train music", "train music"),
        ("train music --threads 2 --out /tmp/here --export /tmp/there", "train music --threads 2 --export models"),
        ("train music --export=/tmp/there --seed 3 --out=/tmp/here", "train music --export models --seed 3"),
        ("evaluate digits --folds 5", "evaluate digits --folds 5"),
    ],
)
def test_a_bundle_tells_no_folder_of_the_machine_it_was_made_on(typed, stands):
    assert recorded(typed.split()) == f"hiddenstate {stands}"
