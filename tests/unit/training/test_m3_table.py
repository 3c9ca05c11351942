"""The table of M3 weighs every value alike, and each series alike beside it."""

import numpy as np

from training.m3_table import OURS, Column, differences, table
from training.tasks.forecast_baselines import Baseline


def test_both_means_and_the_share_within_the_interval():
    truth = {"yearly": np.full((2, 1), 100.0), "monthly": np.full((2, 3), 100.0)}
    points = {"yearly": truth["yearly"], "monthly": np.full((2, 3), 300.0)}
    columns = [
        Column(
            name,
            truth[name],
            {
                OURS: Baseline(OURS, points[name], truth[name] - 1, points[name]),
                "naive": Baseline("naive", truth[name]),
            },
        )
        for name in truth
    ]
    assert differences(columns).splitlines()[2] == "| naive | +0.00 ± 0.00 | +100.00 ± 0.00 |"
    head, _, ours, naive = table(columns).splitlines()
    assert "yearly (2) | monthly (2)" in head
    assert ours == f"| {OURS} | 0.00 | 100.00 | 75.00 | 50.00 | 100.0% / 100.0% / **100.0%** |"
    assert naive == "| naive | 0.00 | 0.00 | 0.00 | 0.00 |  |"
