"""Folds that are done stay done: what each of them said is kept, and a command that is given again goes on behind it.

A fold is known again by everything that decided it: the recipe, the recordings or texts in their order, the count of
folds, and every source of this part of the project and of the frontends. Where one of them has changed, or the number
of threads, which sums in another order, the fold is trained again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from training.run import plain

FOLDER = Path("runs")
"""Where the folds of each task are kept, as runs are."""
_SOURCES = (Path(__file__).parent, Path(__file__).parent.parent / "service" / "frontends")


class Folds:
    """What the folds of one cross-validation said, each a line of JSON in `runs/TASK-folds.jsonl`."""

    def __init__(self, task: str, count: int, recipe: Any, data: Iterable[bytes], console: Console) -> None:
        self.path = FOLDER / f"{task}-folds.jsonl"
        self.count, self.console = count, console
        self.key = key(count, recipe, data)

    def said(self, fold: int, train: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What this fold said, counted from 0, as plain JSON data: of an earlier command, or of `train` now."""
        known = self._kept().get(fold)
        if known is not None:
            self.console.print(f"fold {fold + 1}/{self.count} was done before, see {self.path}", markup=False)
            return known
        found = train()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write("\n" + json.dumps({"key": self.key, "fold": fold, "said": found}))
        return found

    def _kept(self) -> dict[int, dict[str, Any]]:
        """What is known of folds of this very cross-validation."""
        try:
            lines = self.path.read_text(encoding="utf-8").splitlines()
        except OSError:
            return {}
        kept = {}
        for line in lines:
            try:
                each = json.loads(line)
            except ValueError:  # a line that was cut off while it was written, or the empty one
                continue
            if each["key"] == self.key:
                kept[each["fold"]] = each["said"]
        return kept


def key(count: int, recipe: Any, data: Iterable[bytes]) -> str:
    """A digest of all that decides what folds say."""
    digest = hashlib.sha256(json.dumps([count, torch.get_num_threads(), plain(recipe)]).encode())
    for part in data:
        digest.update(hashlib.sha256(part).digest())
    for folder in _SOURCES:
        for path in sorted(folder.rglob("*.py")):
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]
