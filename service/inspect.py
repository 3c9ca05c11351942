"""Show a bundle to people: what it is, its tensors, how good it is, its files and its graph."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.tree import Tree

from service.bundle import Bundle, Manifest, load_bundle
from service.errors import ServiceError
from service.graph_summary import GraphSummary, summarize

BundleArgument = Annotated[Path, typer.Argument(metavar="BUNDLE", help="A bundle's folder: models/<name>/<version>.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the manifest as JSON.")]


def inspect(bundle: BundleArgument, as_json: JsonOption = False) -> None:
    """Show what a bundle holds: task, tensors, quality, variants, files and graphs. Checks its digests first."""
    console = Console()
    try:
        found = load_bundle(bundle)
    except ServiceError as error:
        Console(stderr=True, highlight=False).print(
            f"{error.reason}: {error.message}", style="red", markup=False, soft_wrap=True
        )
        raise typer.Exit(1) from error
    if as_json:
        console.print_json(found.manifest.model_dump_json())
    else:
        console.print(describe(found))


def describe(bundle: Bundle) -> RenderableType:
    """The whole view of a bundle, for a rich console."""
    manifest = bundle.manifest
    parts: list[RenderableType] = [_tree(bundle), _tensors(manifest)]
    if manifest.quality:
        parts.append(_quality(manifest))
    return Group(*parts)


def _tree(bundle: Bundle) -> Tree:
    manifest = bundle.manifest
    tree = Tree(f"[bold]{manifest.name} {manifest.version}[/]  {escape(manifest.description)}")
    tree.add(f"task {manifest.task}, {manifest.topology.value}, cell {manifest.cell.value}")
    carried = "whole sequences only" if manifest.whole_sequence else f"{manifest.state_bytes()} bytes for each session"
    tree.add(f"state: {carried}")
    if manifest.takes_over:
        tree.add(f"takes over sessions of version {', '.join(map(str, manifest.takes_over))}")
    if manifest.frontend:
        tree.add(f"frontend: {manifest.frontend.kind} {', '.join(manifest.frontend.files)}")
    for head in manifest.heads:
        tree.add(f"head: {head.name} ({head.kind})")
    for text in _variants(bundle):
        tree.add(escape(text))
    made = manifest.provenance
    tree.add(f"made with seed {made.seed} in {made.training_seconds / 60:.1f} minutes, revision {made.revision}")
    for source in manifest.data:
        tree.add(escape(f"data: {source.name} ({source.licence})"))
    files = tree.add(f"files, SHA-256 checked; bundle {bundle.digest[:12]}")
    for name in sorted(manifest.files):
        files.add(f"{name}  {_size(bundle.path(name).stat().st_size)}")
    return tree


def _variants(bundle: Bundle) -> Iterator[str]:
    for name, variant in bundle.manifest.variants.items():
        gate = variant.gate
        figures = f"; {gate.quality_loss:+.4g} {gate.metric}, {gate.speedup:.2f} x fp32 at 64 rows" if gate else ""
        graph = summarize(bundle.path(variant.file).read_bytes())
        yield f"variant {name}: {variant.file}, tolerance {variant.tolerance:.1e}{figures}\n  {_graph(graph)}"
    if encoder := bundle.manifest.encoder:
        yield f"encoder: {encoder.file}\n  {_graph(summarize(bundle.path(encoder.file).read_bytes()))}"
    if explain := bundle.manifest.explain:
        yield f"explain: {explain.file}, {', '.join(layer.name for layer in explain.layers)}"
    for name, reason in bundle.manifest.withheld.items():
        yield f"variant {name} is not shipped: {reason}"


def _graph(summary: GraphSummary | None) -> str:
    if summary is None:
        return "graph: not readable"
    counted = Counter(summary.nodes).most_common()
    nodes = ", ".join(f"{count} {kind}" if count > 1 else kind for kind, count in counted)
    return f"graph: {_size(summary.constant_bytes)} of constants; {nodes}"


def _tensors(manifest: Manifest) -> Table:
    table = Table(title="tensors", title_justify="left")
    for column in ("", "name", "type", "shape", "next"):
        table.add_column(column)
    for kind, specs in (("input", manifest.inputs), ("output", manifest.outputs)):
        for spec in specs:
            table.add_row(kind, spec.name, spec.dtype, _shape(spec.shape), "")
    table.add_row("lengths", manifest.lengths, "int32", "batch", "")
    if manifest.encoder and (context := manifest.context):
        source = manifest.encoder.source
        table.add_row("source", source.name, source.dtype, _shape(source.shape), "")
        table.add_row("context", context.name, "float32", f"batch × memory × {context.width}", "")
    for pair in manifest.state:
        table.add_row("state", pair.name, pair.dtype, _shape(pair.shape), pair.next_name)
    return table


def _quality(manifest: Manifest) -> Table:
    table = Table(title="quality", title_justify="left")
    for column in ("metric", "value", "baseline", "split", "command"):
        table.add_column(column)
    for figure in manifest.quality:
        arrow = "↑" if figure.higher_is_better else "↓"
        baseline = "" if figure.baseline_value is None else f"{figure.baseline_value:.4g} ({figure.baseline})"
        table.add_row(
            f"{figure.metric} {arrow}", f"{figure.value:.4g}", baseline, escape(figure.split), escape(figure.command)
        )
    return table


def _shape(shape: tuple[int | str, ...]) -> str:
    return " × ".join(map(str, shape))


def _size(size: int) -> str:
    return f"{size} B" if size < 1024 else f"{size / 1024:.1f} KiB" if size < 1 << 20 else f"{size / (1 << 20):.1f} MiB"
