"""Time stamps become steps of the calendar, and the calendar goes on."""

import numpy as np
import pytest

from service.errors import Reason, ServiceError
from service.frontends.calendar import Calendar, Frequency


def micro(*times: str) -> np.ndarray:
    return np.array(times, "datetime64[us]").astype(np.int64)


@pytest.mark.parametrize(
    ("frequency", "times", "steps", "following"),
    [
        ("monthly", ["2024-01-31", "2024-02-29", "2024-05-31"], [1, 1, 3], ["2024-06-30", "2024-07-31"]),
        ("quarterly", ["2023-10-01", "2024-01-01", "2024-07-15"], [1, 1, 2], ["2024-10-15", "2025-01-15"]),
        ("yearly", ["1990-06-30", "1991-01-01"], [1, 1], ["1992-01-01", "1993-01-01"]),
        ("weekly", ["2024-01-01", "2024-01-08", "2024-01-22"], [1, 1, 2], ["2024-01-29", "2024-02-05"]),
        ("daily", ["2024-02-28", "2024-02-29", "2024-03-02"], [1, 1, 2], ["2024-03-03", "2024-03-04"]),
        ("hourly", ["2024-01-01T23:00", "2024-01-02T00:01"], [1, 1], ["2024-01-02T01:01", "2024-01-02T02:01"]),
        ("other", ["2024-01-01T00:00", "2024-01-01T00:30", "2024-01-01T01:31"], [1, 1, 2], ["2024-01-01T02:01"]),
    ],
)
def test_stamps_are_counted_in_steps_and_go_on(frequency, times, steps, following):
    found, calendar = Calendar.of(Frequency(frequency)).advance(micro(*times))
    assert found.tolist() == steps
    assert calendar.following(len(following)).tolist() == micro(*following).tolist()
    one, calendar_cut = Calendar.of(Frequency(frequency)).advance(micro(times[0]))
    two, calendar_cut = calendar_cut.advance(micro(*times[1:]))
    assert ([*one, *two], calendar_cut) == (steps, calendar)


@pytest.mark.parametrize(
    ("frequency", "times"),
    [
        ("monthly", ["2024-02-01", "2024-02-20"]),
        ("daily", ["2024-02-02", "2024-02-01"]),
        ("other", ["2024-01-01", "2024-01-01"]),
        ("other", ["2024-01-01", "2024-01-02", "2024-01-02T01:00"]),
    ],
)
def test_a_stamp_that_is_not_a_step_later_is_refused(frequency, times):
    with pytest.raises(ServiceError) as caught:
        Calendar.of(Frequency(frequency)).advance(micro(*times))
    assert caught.value.reason == Reason.TIME_NOT_LATER
    assert caught.value.violations[0].field == f"observations.times[{len(times) - 1}]"


def test_nothing_follows_what_has_no_time_or_no_known_step():
    assert Calendar.of(Frequency.MONTHLY).following(3) is None
    assert Calendar.of(Frequency.OTHER).advance(micro("2024-01-01"))[1].following(3) is None
