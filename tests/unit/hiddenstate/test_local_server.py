"""What the metrics page says, and what is said when a server does not start."""

import pytest

from hiddenstate.local_server import StartError, local_server, parse_metrics

PAGE = """\
# HELP ticks Ticks.
# TYPE ticks counter
ticks_total{model="a b",version="1"} 3.0
ticks_total{model="quoted \\" }"} 4e2
up 1
nothing NaN
"""


def test_samples_are_read_with_their_labels_and_comments_are_passed_over():
    samples = parse_metrics(PAGE)
    assert [(each.name, dict(each.labels), each.value) for each in samples[:3]] == [
        ("ticks_total", {"model": "a b", "version": "1"}, 3.0),
        ("ticks_total", {"model": 'quoted \\" }'}, 400.0),
        ("up", {}, 1.0),
    ]
    assert len(samples) == 4


def test_a_server_that_does_not_start_says_why():
    with pytest.raises(StartError, match="no-such-flag"), local_server("models", "--no-such-flag"):
        pass
