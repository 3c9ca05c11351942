"""Series from CSV, and fan charts that show where they go."""

from datetime import datetime

import pytest
import typer
from rich.console import Console

from hiddenstate.command.fan_chart import HEIGHT, FanChart, save_fans
from hiddenstate.command.observations import Row, grouped, rows_of
from hiddenstate.tasks.forecast import Forecast

FORECAST = Forecast((4.0, 5.0), {0.1: (3.0, 2.0), 0.5: (4.0, 5.0), 0.9: (5.0, 8.0)}, (), 4, 1)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("value\n1\n\n2.5\n", [Row("", None, 1.0), Row("", None, 2.5)]),
        ("1\nNA\n", [Row("", None, 1.0), Row("", None, None)]),
        ("2024,1\n2025,\n", [Row("", datetime(2024, 1, 1), 1.0), Row("", datetime(2025, 1, 1), None)]),
        ("Time,Value\n2024-Q3,1\n", [Row("", datetime(2024, 7, 1), 1.0)]),
        ("value,series,time,note\n1,a,2024-05,x\n", [Row("a", datetime(2024, 5, 1), 1.0)]),
        ("2024-05-06T07:08,1\n", [Row("", datetime(2024, 5, 6, 7, 8), 1.0)]),
    ],
)
def test_columns_are_found_by_name_or_by_their_number(text, rows):
    assert list(rows_of(text.splitlines())) == rows


@pytest.mark.parametrize(
    ("text", "message"),
    [("value\n1\nx\n", "line 3"), ("a,b,c\n", "line 1 must name"), ("time,value\n2024-13,1\n", "line 2")],
)
def test_what_is_wrong_is_named_with_its_line(text, message):
    with pytest.raises(typer.BadParameter, match=message):
        list(rows_of(text.splitlines()))


def test_series_are_told_apart():
    found = grouped(rows_of("series,value\na,1\nb,2\na,3\n".splitlines()))
    assert {name: [row.value for row in rows] for name, rows in found.items()} == {"a": [1.0, 3.0], "b": [2.0]}


def drawn(past, width=40) -> list[str]:
    console = Console(width=width, color_system=None, record=True, file=None, quiet=False, force_terminal=False)
    with console.capture() as captured:
        console.print(FanChart("flour", past, FORECAST))
    return captured.get().splitlines()


def test_a_chart_at_the_terminal_has_a_scale_a_line_and_a_fan():
    lines = drawn([1.0, 2.0, None, 3.0])
    assert len(lines) == HEIGHT + 1
    assert lines[0].strip().startswith("7.")
    assert "░" in "".join(lines)
    assert any(0x2800 < ord(character) < 0x2900 for character in "".join(lines))
    assert "4 values" in drawn([1.0, 2.0, None, 3.0], width=100)[-1]


def test_a_long_past_is_cut_to_the_width_and_a_flat_one_does_no_harm():
    assert max(map(len, drawn([float(n % 7) for n in range(500)]))) <= 40
    assert len(drawn([4.0, 4.0])) == HEIGHT + 1


def test_a_picture_is_written(tmp_path):
    save_fans([FanChart(name, [1.0, None, 3.0], FORECAST) for name in "abc"], tmp_path / "fan.png")
    assert (tmp_path / "fan.png").read_bytes().startswith(b"\x89PNG")
