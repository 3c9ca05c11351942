"""`python -m training.table README.md`: the table of the shipped models, written from their manifests.

It goes between the two markers of the file, in place of what stands there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Annotated

import numpy as np
import onnx_ir as ir
import typer

from service.bundle import Bundle, Cell, Manifest, QualityFigure
from training.examine import newest_bundles

BEGIN, END = "<!-- models: written by `python -m training.table README.md` -->", "<!-- models: end -->"
COLUMNS = ("model", "task", "network", "MB: fp32, int8", "figure", "baseline", "published by others", "training")
SHOWN_FIGURES = 2


def main(
    path: Annotated[Path, typer.Argument(help="The Markdown file that holds the markers.")],
    models: Annotated[Path, typer.Option(help="The model repository.")] = Path("models"),
) -> None:
    """Write the table of the shipped models into a Markdown file."""
    path.write_text(rewritten(path.read_text(encoding="utf-8"), table(newest_bundles(models))), encoding="utf-8")


def rewritten(text: str, content: str) -> str:
    """The text with `content` between its markers. Raises ValueError when it has none."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"there is no place for the table: it needs the lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{content}\n{END}{after}"


def table(bundles: Iterable[Bundle]) -> str:
    """One row for each bundle, by task and name."""
    rows = [_row(bundle) for bundle in sorted(bundles, key=lambda each: (each.manifest.task, each.manifest.name))]
    return "\n".join(_line(cells) for cells in (COLUMNS, ("---",) * len(COLUMNS), *rows))


def parameters(bundle: Bundle) -> int:
    """Numbers that were learned, in the graphs that serve fp32. Networks merged into one have zeros between them."""
    manifest = bundle.manifest
    files = {manifest.variants["fp32"].file} | ({manifest.encoder.file} if manifest.encoder else set())
    values = [value for file in files for value in ir.load(bundle.path(file)).graph.initializers.values()]
    weights = [value.const_value.numpy() for value in values if value.const_value is not None]
    return sum(int(np.count_nonzero(array)) for array in weights if array.dtype in (np.float16, np.float32))


def _row(bundle: Bundle) -> tuple[str, ...]:
    manifest = bundle.manifest
    groups = _groups(manifest.quality)
    return (
        f"[{manifest.name}](models/{manifest.name}/{manifest.version}/MODEL_CARD.md)",
        f"{manifest.task.replace('_', ' ')}, {manifest.topology.value}",
        _network(bundle),
        ", ".join(_size(bundle, variant) for variant in manifest.variants),
        "<br>".join(f"**{group[0].value:.4g}** {group[0].metric}, {group[0].split}" for group in groups),
        "<br>".join(_baselines(groups)),
        "<br>".join(dict.fromkeys(_anchor(figure) for group in groups for figure in group if figure.anchor)),
        _training(manifest),
    )


def _groups(figures: Sequence[QualityFigure]) -> list[list[QualityFigure]]:
    """Figures of one metric on one split, which differ in their baselines: the first ones, and all of folds."""
    groups = [list(group) for _, group in groupby(figures, key=lambda each: (each.metric, each.split))]
    return [group for place, group in enumerate(groups) if place < SHOWN_FIGURES or group[0].of_folds]


def _network(bundle: Bundle) -> str:
    manifest = bundle.manifest
    layers = manifest.explain.layers if manifest.explain else ()
    sizes = " + ".join(str(layer.hidden) for layer in layers)
    cell = "dense" if manifest.cell is Cell.NONE else f"{manifest.cell.value.upper()} {sizes}".rstrip()
    return f"{cell}, {_count(parameters(bundle))} parameters"


def _count(number: int) -> str:
    return f"{number / 1e6:.1f} M" if number >= 1e6 else f"{number / 1e3:.0f} k"


def _size(bundle: Bundle, variant: str) -> str:
    """Megabytes of what a server reads to serve a variant."""
    manifest = bundle.manifest
    files = {spec.file for name, spec in manifest.variants.items() if name == variant}
    files |= {manifest.encoder.file} if manifest.encoder else set()
    return f"{sum(bundle.path(file).stat().st_size for file in files) / 1e6:.2g}"


def _baselines(groups: Iterable[Sequence[QualityFigure]]) -> Iterator[str]:
    """The baselines of each group; a name is told once."""
    told: set[str | None] = set()
    for group in groups:
        values = [
            f"{figure.baseline_value:.4g}" + ("" if figure.baseline in told else f" ({figure.baseline})")
            for figure in group
            if figure.baseline_value is not None
        ]
        told |= {figure.baseline for figure in group}
        yield ", ".join(values)


def _anchor(figure: QualityFigure) -> str:
    anchor = figure.anchor
    return f"{anchor.value:.4g} {anchor.system} ({anchor.source})" if anchor else ""


def _training(manifest: Manifest) -> str:
    seconds = manifest.provenance.training_seconds
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


if __name__ == "__main__":
    typer.run(main)
