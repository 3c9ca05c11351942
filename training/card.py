"""The model card: the manifest of a bundle as Markdown for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from service.bundle import Manifest

CARD_FILE = "MODEL_CARD.md"


def card(manifest: Manifest) -> str:
    """The whole card. Every figure in it stands in the manifest as well."""
    sections = [
        f"# {manifest.name}, version {manifest.version}",
        manifest.description,
        _table(("", ""), _summary(manifest)),
        "## Quality",
        _quality(manifest),
        "## Variants",
        "\n".join(_variants(manifest)),
        "## Data",
        _table(("data", "licence", "source"), [(d.name, d.licence, d.source) for d in manifest.data])
        or "None was used.",
        "## How it was made",
        "\n".join(_making(manifest)),
        "## Tensors",
        _table(("tensor", "type", "shape"), _tensors(manifest)),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _summary(manifest: Manifest) -> list[tuple[str, str]]:
    each = "row of a session" if manifest.encoder else "session"
    carried = "none: takes whole sequences" if manifest.whole_sequence else f"{manifest.state_bytes()} bytes a {each}"
    rows = [
        ("task", manifest.task),
        ("topology", manifest.topology.value),
        ("cell", manifest.cell.value),
        ("state", carried),
        ("steps in one chunk", f"at most {manifest.limits.max_chunk_steps}"),
    ]
    if manifest.encoder:
        longest = manifest.limits.max_sequence_steps
        rows[-1] = ("steps of a source", f"at most {longest}" if longest else "any")
    return rows + ([("frontend", manifest.frontend.kind)] if manifest.frontend else [])


def _quality(manifest: Manifest) -> str:
    """A table of figures, and the commands that give them again."""
    if not manifest.quality:
        return "No figure was given."
    rows = []
    for figure in manifest.quality:
        better = "higher is better" if figure.higher_is_better else "lower is better"
        baseline = "" if figure.baseline_value is None else f"{figure.baseline_value:.4g} ({figure.baseline})"
        rows.append((f"{figure.metric} ({better})", f"{figure.value:.4g}", baseline, figure.split))
    anchors = dict.fromkeys(figure.anchor for figure in manifest.quality if figure.anchor)
    published = "".join(f"\n\nPublished by others: {one.value:.4g}, {one.system} ({one.source})." for one in anchors)
    commands = dict.fromkeys(figure.command for figure in manifest.quality)
    shown = "\n".join(f"    {command}" for command in commands)
    return f"{_table(('metric', 'this model', 'baseline', 'split'), rows)}{published}\n\nMeasured with:\n\n{shown}"


def _variants(manifest: Manifest) -> Iterable[str]:
    for name, variant in manifest.variants.items():
        yield f"- **{name}** (`{variant.file}`): replays its golden vectors within {variant.tolerance:.1e}."
        if gate := variant.gate:
            change = f"costs {gate.quality_loss:+.4g} {gate.metric} (bound {gate.quality_loss_bound:.4g})"
            yield f"  It {change} and is {gate.speedup:.2f} times as fast as fp32 at 64 rows."
    for name, reason in manifest.withheld.items():
        yield f"- **{name}** is not shipped: {reason}."


def _making(manifest: Manifest) -> Iterable[str]:
    made = manifest.provenance
    yield f"- seed {made.seed}, trained for {made.training_seconds / 60:.1f} minutes" + (
        f" on {made.hardware}" if made.hardware else ""
    )
    yield f"- source revision {made.revision}"
    if made.command:
        yield f"- command: `{made.command}`"


def _tensors(manifest: Manifest) -> Iterable[tuple[str, str, str]]:
    for spec in (*manifest.inputs, *manifest.outputs):
        yield spec.name, spec.dtype, ", ".join(map(str, spec.shape))
    yield manifest.lengths, "int32", "batch"
    if manifest.encoder and (context := manifest.context):
        source = manifest.encoder.source
        yield f"{source.name} → {context.name}", f"{source.dtype} → float32", f"batch, time, {context.width}"
    for pair in manifest.state:
        yield f"{pair.name} → {pair.next_name}", pair.dtype, ", ".join(map(str, pair.shape))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows]
    return "\n".join([f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *lines]) if lines else ""
