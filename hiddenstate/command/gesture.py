"""`hiddenstate gesture`: which gesture it is, while its frames come in."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hiddenstate.command.frames import Frame, read_frames, recordings
from hiddenstate.command.terminal import ADDRESS, Address, Json, lines_of, note, print_json
from hiddenstate.command.words import paced

if TYPE_CHECKING:
    from hiddenstate import Client
    from hiddenstate.tasks.gesture import Gesture, GestureEvent, GestureOptions


def gesture(
    file: Annotated[
        Path | None, typer.Argument(help="CSV file of frames; -: standard input.", show_default=False)
    ] = None,
    model: Annotated[str, typer.Option("--model", "-m", help="Model. Default: the only one that watches.")] = "",
    events: Annotated[bool, typer.Option("--events", "-e", help="Find where gestures begin and end.")] = False,
    threshold: Annotated[float, typer.Option(help="Probability that counts as seen. 0: the model's.", min=0)] = 0.0,
    frame_rate: Annotated[float, typer.Option(help="Frames a second, for times. 0: the model's.", min=0)] = 0.0,
    pace: Annotated[float, typer.Option(help="Frames a second to send, to watch it. 0: at once.", min=0)] = 0.0,
    classes: Annotated[int, typer.Option(help="Classes to show. 0: all.", min=0)] = 5,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Draw probabilities over time into this picture.", show_default=False)
    ] = None,
    json: Json = False,
    address: Address = ADDRESS,
) -> None:
    """Name gestures while they are made: bars of the likeliest classes, and where each begins and ends.

    A line is a frame. A first line may name columns: `t` is a time, `label` is passed over, and lines of the same
    `sequence` are a gesture each. Frames may come through a pipe:  glove | hiddenstate gesture --events -m cricket
    """
    from hiddenstate.client import Client

    if file is None and sys.stdin.isatty():
        raise typer.BadParameter("give a CSV file of frames, or frames through a pipe")
    options: GestureOptions = {
        "model": model,
        "detect_events": events,
        "threshold": threshold,
        "frame_rate": frame_rate,
        # A picture shows whatever was likeliest at some time.
        "classes": 0 if plot else classes,
    }
    with lines_of(file) as source, Client(address) as client:
        frames = read_frames(source)
        first = next(frames, None)
        if first is None:
            raise typer.BadParameter("there is no frame")
        every = _before(first, frames)
        if first.sequence:
            _print_each(client, every, options, json=json)
            return
        values = paced((frame.values for frame in every), pace)
        _watch(client.gesture(values, **options), classes, plot, json=json)


def _before(first: Frame, rest: Iterable[Frame]) -> Iterator[Frame]:
    yield first
    yield from rest


def _print_each(client: Client, frames: Iterable[Frame], options: GestureOptions, *, json: bool) -> None:
    """A line for each recording: what it is, how sure that is, and the label that the file gives it."""
    import numpy as np

    labels: list[str] = []
    right = 0

    def pieces() -> Iterator[object]:
        for label, rows in recordings(frames):
            labels.append(label)
            yield np.array(rows, np.float32)

    for place, found in enumerate(client.gestures(pieces(), **options)):  # type: ignore[arg-type]
        right += found.label == labels[place]
        if json:
            print_json(found)
        else:
            print(f"{found.label}\t{found.probability:.3f}\t{labels[place]}".rstrip("\t"), flush=True)
    if any(labels):
        note(f"{right} of {len(labels)} as labelled")


def _watch(answers: Iterable[Gesture | GestureEvent], classes: int, plot: Path | None, *, json: bool) -> None:
    taken: list[Gesture | GestureEvent] = []
    if json:
        for answer in _kept(answers, taken):
            print_json(answer)
    elif sys.stdout.isatty():
        from hiddenstate.command.watching import show_live

        show_live(_kept(answers, taken), classes)
    else:
        for answer in _kept(answers, taken):
            if line := plain_line(answer):
                print(line, flush=True)
    if plot is not None:
        from hiddenstate.command.watching import save_curves

        save_curves(taken, plot)
        note(f"wrote {plot}")


def _kept(
    answers: Iterable[Gesture | GestureEvent], taken: list[Gesture | GestureEvent]
) -> Iterator[Gesture | GestureEvent]:
    for answer in answers:
        taken.append(answer)
        yield answer


def plain_line(answer: Gesture | GestureEvent) -> str:
    """A final result as label, probability, first frame and frames; an event as kind, seconds and label, by tabs."""
    from hiddenstate.tasks.gesture import GestureEvent

    if isinstance(answer, GestureEvent):
        return f"{answer.kind}\t{answer.seconds:.2f} s\t{answer.label}".rstrip("\t")
    if not answer.is_final:
        return ""
    return f"{answer.label}\t{answer.probability:.3f}\t{answer.start_frame}\t{answer.frame_count}"
