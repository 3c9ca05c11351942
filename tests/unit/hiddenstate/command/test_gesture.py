"""`hiddenstate gesture`: frames from lines, lines from answers, bars and curves."""

import io
import math

import pytest
import typer
from rich.console import Console

from hiddenstate.command.frames import Frame, read_frames, recordings
from hiddenstate.command.gesture import plain_line
from hiddenstate.command.watching import Watching, save_curves
from hiddenstate.tasks.gesture import Gesture, GestureEvent


def test_a_line_is_a_frame_and_an_empty_field_was_not_seen():
    assert list(read_frames(["1,2\n", "\n", "3,4\n"])) == [Frame("", [1, 2], ""), Frame("", [3, 4], "")]
    (frame,) = read_frames(["t,x,y,label\n", "0.1,5,,wave\n"])
    assert (frame.values[0], math.isnan(frame.values[1]), frame.label) == (5, True, "wave")


def test_lines_of_the_same_sequence_are_a_recording():
    lines = ["sequence,label,t,x", "a,up,0,1", "a,up,1,2", "b,down,0,3"]
    assert list(recordings(read_frames(lines))) == [("up", [[1], [2]]), ("down", [[3]])]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["x,y", "1,2", "3"], "line 3 has 1 fields"),
        (["x,y", "1,two"], "line 2: 'two' is not a number"),
        (["t,x", "0.2,1", "0.1,1"], "line 3: the time goes from 0.2 to 0.1"),
        (["t,x", ",1"], "line 2: the time"),
    ],
)
def test_what_is_wrong_with_a_line_is_named(lines, message):
    with pytest.raises(typer.BadParameter, match=message):
        list(read_frames(lines))


RUNNING = Gesture("a", {"a": 0.6, "b": 0.4}, 3, 2, False, 1)
FINAL = Gesture("b", {"b": 0.9, "a": 0.1}, 3, 9, True, 4)
ONSET, OFFSET = GestureEvent("onset", 3, 0.3, "", 0.6), GestureEvent("offset", 12, 1.2, "b", 0.9)


def test_a_pipe_gets_what_is_settled_parted_by_tabs():
    lines = [plain_line(each) for each in (ONSET, RUNNING, OFFSET, FINAL)]
    assert lines == ["onset\t0.30 s", "", "offset\t1.20 s\tb", "b\t0.900\t3\t9"]


def test_a_terminal_shows_bars_below_what_is_settled():
    watching = Watching(classes=1)
    for answer in (ONSET, OFFSET, FINAL, RUNNING):
        watching.add(answer)
    console = Console(file=io.StringIO(), width=80, height=20)
    console.print(watching)
    lines = console.file.getvalue().splitlines()
    assert [line.split()[0] for line in lines] == ["0.30", "1.20", "b", "frames", "a"]
    assert lines[-1].count("━") == 18
    assert lines[-1].endswith("60%")


def test_the_picture_shows_the_probabilities_of_every_gesture(tmp_path):
    save_curves([ONSET, RUNNING, OFFSET, FINAL], tmp_path / "curves.svg")
    assert "<svg" in (tmp_path / "curves.svg").read_text()
