"""Where a decoder looked: one row for each token that it wrote, one column for each token of the source."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from service.tasks.translating import Translation


def draw_attention(translation: Translation, target: Path) -> Path:
    """Write the picture of the best hypothesis, which has attention; returns `target`."""
    import matplotlib as mpl

    mpl.use("Agg")  # pictures go to files; no display is needed
    from matplotlib import pyplot

    found, columns = translation.hypotheses[0], translation.source_tokens
    weights = np.array(found.attention)  # [target tokens, source tokens]
    figure, axes = pyplot.subplots(figsize=(1.6 + 0.34 * len(columns), 1.2 + 0.28 * len(weights)), layout="constrained")
    axes.imshow(weights, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axes.set(xticks=range(len(columns)), yticks=range(len(weights)), yticklabels=found.tokens[: len(weights)])
    axes.set_xticklabels(columns, rotation=60, ha="left", rotation_mode="anchor")
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    figure.savefig(target, dpi=150)
    pyplot.close(figure)
    return target
