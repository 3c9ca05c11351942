"""Dynamic time warping: the distances of a plain loop, and the nearest of them."""

import numpy as np
import pytest

from training.nearest import nearest, warping_distances


def plain(one, other, reach):
    cost = np.full((len(one) + 1, len(other) + 1), np.inf)
    cost[0, 0] = 0
    for row in range(1, len(one) + 1):
        for column in range(1, len(other) + 1):
            if abs(row - column) <= reach:
                best = min(cost[row - 1, column - 1], cost[row - 1, column], cost[row, column - 1])
                cost[row, column] = best + np.square(one[row - 1] - other[column - 1]).sum()
    return cost[-1, -1]


@pytest.mark.parametrize("reach", [1, 3, 20])
def test_distances_are_those_of_a_plain_loop(reach):
    dice = np.random.default_rng(1)
    shortest = 9 - min(reach, 6)
    rows, columns = ([dice.normal(size=(n, 2)).astype(np.float32) for n in (9, shortest, 8)] for _ in range(2))
    reach = max(reach, 9 - shortest)
    expected = [[plain(one, other, reach) for other in columns] for one in rows]
    np.testing.assert_allclose(warping_distances(rows, columns, reach), expected, rtol=1e-4)


def test_a_curve_is_nearest_to_itself_at_another_speed():
    even = np.linspace(0, 1, 30)
    known = [np.sin(2 * np.pi * k * even)[:, None].astype(np.float32) for k in (1, 2, 3)]
    asked = [np.sin(2 * np.pi * k * even**1.2)[:, None].astype(np.float32) for k in (3, 1)]
    assert nearest(known, asked).tolist() == [2, 0]
