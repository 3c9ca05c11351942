"""Sources of pairs through a bundle, with the decoder that the server uses."""

from __future__ import annotations

from collections.abc import Sequence

from service.bundle import Bundle
from service.model import load_model
from service.offline import translate
from service.tasks.translating import Translation, TranslationOptions


def decoded(
    bundle: Bundle, variant: str, sources: Sequence[str], options: TranslationOptions | None = None
) -> list[Translation]:
    """The translation of each source; `options`: as the bundle recommends, by default."""
    return translate(bundle, load_model(bundle, variant), sources, options)


def best(translations: Sequence[Translation]) -> list[str]:
    """The text of the best hypothesis of each."""
    return [each.hypotheses[0].text for each in translations]
