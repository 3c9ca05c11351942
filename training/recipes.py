"""Recipes: what every training's choices have in common, and how the command line varies them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, Protocol, Self, TypeVar, cast

from training.networks import CellName


class CellRecipe(Protocol):
    """A frozen dataclass that holds all choices of a training of a recurrent network."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def cell(self) -> CellName:
        """What its recurrent layers are made of."""

    @property
    def seed(self) -> int:
        """Of all that is drawn."""

    def smoke(self) -> Self:
        """The same shape in a size that trains in seconds, to try the whole path."""


R = TypeVar("R", bound=CellRecipe)


def varied(standard: R, cell: str | None, smoke: bool, seed: int | None) -> R:
    """The recipe with another cell or seed where one is given, in its smoke size where that is asked for."""
    chosen = replace(standard, cell=cast(CellName, cell or standard.cell), seed=standard.seed if seed is None else seed)
    return chosen.smoke() if smoke else chosen
