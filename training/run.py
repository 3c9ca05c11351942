"""The folder of one training: what was asked for, what came out, and everything an export or evaluation needs."""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from service.bundle import Provenance, QualityFigure

LEARNING = (
    "data",
    "tasks",
    "loop.py",
    "networks.py",
    "attention_network.py",
    "speech_network.py",
    "filterbank.py",
    "acoustics.py",
    "bands.py",
    "batches.py",
    "regularize.py",
    "../service/frontends",
)
"""The sources that decide what is learned."""
RUN_FILE, WEIGHTS_FILE, TOKENIZER_FILE = "run.json", "weights.pt", "tokenizer.json"


@dataclass(frozen=True)
class Run:
    """A finished training. `recipe` holds its fields as plain data; `data` the user's own file, if there was one."""

    folder: Path
    task: str
    recipe: Mapping[str, Any]
    data: str | None
    command: str
    seconds: float
    revision: str
    hardware: str
    valid: float
    figures: tuple[QualityFigure, ...] = ()

    @classmethod
    def load(cls, folder: Path) -> Run:
        """Read `run.json`. Raises ValueError when the folder holds no finished run."""
        try:
            said = json.loads((folder / RUN_FILE).read_text(encoding="utf-8"))
        except OSError as error:
            raise ValueError(f"{folder} holds no finished run; make one with `hiddenstate train TASK`") from error
        figures = tuple(QualityFigure(**figure) for figure in said.pop("figures"))
        return cls(folder=folder, figures=figures, **said)

    def save(self) -> None:
        """Write `run.json`."""
        said = {name: value for name, value in vars(self).items() if name not in ("folder", "figures")}
        said["figures"] = [figure.model_dump() for figure in self.figures]
        (self.folder / RUN_FILE).write_text(json.dumps(said, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

    def with_figures(self, *figures: QualityFigure) -> Run:
        """The run with these figures, in place of those of the same metric on the same split."""
        measured = {(figure.metric, figure.split) for figure in figures}
        kept = [figure for figure in self.figures if (figure.metric, figure.split) not in measured]
        return replace(self, figures=(*kept, *figures))

    def provenance(self) -> Provenance:
        """How the model was made, for its manifest."""
        return Provenance(
            recipe=self.task,
            seed=self.recipe["seed"],
            training_seconds=round(self.seconds, 1),
            revision=self.revision,
            command=self.command,
            hardware=self.hardware,
        )


def save_weights(folder: Path, weights: Mapping[str, Tensor], frontend_files: Mapping[str, bytes]) -> None:
    """Write what a network and its frontend are made from again."""
    torch.save(dict(weights), folder / WEIGHTS_FILE)
    for name, content in frontend_files.items():
        (folder / name).write_bytes(content)


def load_weights(folder: Path) -> dict[str, Tensor]:
    """Read the weights that `save_weights` wrote."""
    weights: dict[str, Tensor] = torch.load(folder / WEIGHTS_FILE, weights_only=True)
    return weights


def same_files(folder: Path, frontend_files: Mapping[str, bytes]) -> bool:
    """Whether the folder holds these frontend files, byte for byte."""
    return all(
        (folder / name).is_file() and (folder / name).read_bytes() == content
        for name, content in frontend_files.items()
    )


def plain(recipe: Any) -> dict[str, Any]:
    """A recipe as plain data."""
    return asdict(recipe)


def source_revision() -> str:
    """The commit of the source tree, marked when what makes a model was changed since; `unknown` outside of one."""
    here = Path(__file__).parent
    try:
        commit = _git("rev-parse", "--short=12", "HEAD", folder=here)
        changed = _git("status", "--porcelain", "--", *LEARNING, folder=here)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return f"{commit}, with changes" if changed else commit


def _git(*words: str, folder: Path) -> str:
    done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, timeout=10, check=True)
    return done.stdout.strip()


def hardware() -> str:
    """The processor and the threads in use."""
    return f"{platform.machine()} CPU, {torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}"
