"""What `--explain` and `--plot` do, whatever the task: show the gates while answers come, and draw them at the end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from hiddenstate.command.terminal import note, print_json
from hiddenstate.explanation import StepExplanation


class Explained(Protocol):
    """Answers as they come, and what the gates did up to them."""

    @property
    def explanations(self) -> list[StepExplanation]:
        """Grows while the answers are read."""
        ...

    def __iter__(self) -> Iterator[Any]:
        """The answers."""
        ...


def show_gates(answers: Explained) -> None:
    """Read all answers, printing the gates of each step as it comes."""
    from rich.console import Console

    from hiddenstate.command.gates import GateLines

    lines = GateLines(Console(highlight=False))
    for _ in answers:
        lines.print_new(answers.explanations)
    lines.print_new(answers.explanations)


def print_all_json(answers: Explained) -> None:
    """Print all answers as JSON, one a line, each behind the steps that were explained before it."""
    printed = 0
    for answer in answers:
        printed = _print_steps(answers.explanations, printed)
        print_json(answer)
    _print_steps(answers.explanations, printed)


def plot_gates(steps: list[StepExplanation], path: Path) -> None:
    """Draw the gates of all steps into a picture."""
    from hiddenstate.command.gates import save_heat_map

    save_heat_map(steps, path)
    note(f"wrote {path}")


def _print_steps(steps: list[StepExplanation], printed: int) -> int:
    for step in steps[printed:]:
        layers = [
            {"name": layer.name, "gates": {gate: values.tolist() for gate, values in layer.gates.items()}}
            for layer in step.layers
        ]
        print_json({**{name: value for name, value in asdict(step).items() if name != "layers"}, "layers": layers})
    return len(steps)
