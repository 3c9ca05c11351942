"""The report compares what was promised with what was measured, and writes rows of a fixed form."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.bench.report import targets, write
from tests.bench.scenarios import Row, Sample, limit_of, speedups

ROWS = [
    Row("echo", 1, 1, 20_000, p50_ms=0.05, p99_ms=0.1),
    Row("runtime", 1, 1, 50_000),
    Row("infer", 1, 1, 9_000, 14_286, 0.63, 0.12, 0.2),
    Row("infer", 64, 1, 12_000, 24_000, 0.5, 5.0, 9.0),
    Row("generate int8, naive", 64, 1, 5_000),
    Row("generate int8", 64, 1, 30_000),
]


def test_each_promise_is_measured_against_its_bound():
    found = {target.name: (round(target.measured, 2), target.met) for target in targets(ROWS)}
    assert found == {
        "64 sessions, served over limit": (0.5, False),
        "one session, p50 over (echo + run)": (1.71, True),
        "text int8, ours over the naive server": (6.0, True),
    }


def test_what_was_not_measured_is_not_promised():
    assert targets(ROWS[:2]) == []
    assert speedups(ROWS[:2]) == {}


def test_the_limit_is_the_time_of_the_message_and_the_time_of_the_run_together():
    samples = [Sample(rate, 1.0, 1.0, 1.0, 0.1) for rate in (10_000, 20_000, 90_000)]
    assert limit_of(samples, [5_000, 60_000, 70_000]) == pytest.approx(1 / (1 / 20_000 + 1 / 60_000))


def test_the_file_holds_rows_with_the_promised_keys(tmp_path: Path):
    write(ROWS, tmp_path / "bench.json")
    document = json.loads((tmp_path / "bench.json").read_text())
    wanted = {"scenario", "sessions", "steps_per_message", "served_per_s", "limit_per_s", "ratio", "p50_ms", "p99_ms"}
    assert len(document["rows"]) == len(ROWS)
    assert all(wanted <= row.keys() for row in document["rows"])
