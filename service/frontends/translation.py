"""Sentences to source tokens, and target tokens back to text as they are settled; words and their sounds alike.

A source is read as a whole, so its tokenizer may do what it likes (normalise, split, add an end token); a target is
written token by token, so each of its tokens stands for bytes of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from tokenizers import Tokenizer

from service.errors import BundleError, Reason
from service.frontends.text import TextFrontend, TokenDecoder, read_tokenizer

KIND = "translation"
"""`FrontendSpec.kind` of a bundle with this frontend."""
_REQUIRED = ("source_tokenizer", "target_tokenizer", "source_language", "target_language", "start_token", "end_token")


class Source(NamedTuple):
    """A sentence as the encoder reads it: the ids of its tokens, and the text of each, for people."""

    ids: tuple[int, ...]
    texts: tuple[str, ...]


class TranslationFrontend:
    """Two tokenizers; immutable, shared by all streams of a model. Languages are BCP-47 tags, such as `en`."""

    def __init__(
        self,
        source: Tokenizer,
        target: Tokenizer,
        *,
        source_language: str,
        target_language: str,
        start_token: str,
        end_token: str,
        separator: str = "",
    ) -> None:
        """`start_token` begins every target and `end_token` ends it; neither has any text. `separator` stands between
        the texts of target tokens, for vocabularies of whole words or sounds. Raises BundleError.
        """
        self.source_language, self.target_language = source_language, target_language
        self._source, self._target, self._separator = source, target, separator
        self._pieces = TextFrontend(target)
        self.vocabulary_size = self._pieces.vocabulary_size
        self.start_id, self.end_id = (_token(target, token) for token in (start_token, end_token))
        silent = (token for token in range(self.vocabulary_size) if not self._pieces.token_bytes(token))
        self.never_written = tuple(token for token in silent if token != self.end_id)
        """Tokens without any text, such as the start: no part of a target."""

    @classmethod
    def from_files(cls, folder: Path, parameters: Mapping[str, object]) -> TranslationFrontend:
        """Read the tokenizers a manifest names. Raises BundleError.

        `parameters`: `source_tokenizer` and `target_tokenizer` (files in `folder`, which may be the same),
        `source_language`, `target_language`, `start_token`, `end_token`, and optionally `separator`.
        """
        said = {name: value for name, value in parameters.items() if isinstance(value, str)}
        if set(said) != set(parameters) or set(said) - {"separator"} != set(_REQUIRED):
            message = f"translation frontend: {', '.join(_REQUIRED)} are needed, {dict(parameters)} was given"
            raise BundleError(Reason.BUNDLE_MANIFEST_INVALID, message)
        source, target = (read_tokenizer(folder / said.pop(f"{side}_tokenizer")) for side in ("source", "target"))
        return cls(source, target, **said)

    def encode(self, text: str) -> Source:
        """A whole sentence; blanks around it make no difference. Empty when there is nothing to read in it."""
        text = text.strip()
        if not text:
            return Source((), ())
        found = self._source.encode(text)
        spans = zip(found.tokens, found.offsets, strict=True)
        # A token that was added has no place in the text.
        return Source(tuple(found.ids), tuple(text[first:last] or token for token, (first, last) in spans))

    def encode_target(self, text: str) -> list[int]:
        """The ids of a target, without its start and its end: what a network learns to write."""
        ids: list[int] = self._target.encode(text.strip(), add_special_tokens=False).ids
        return ids

    def decoder(self, held: str = "", begun: bool = False) -> TargetDecoder:
        """A new decoder, or one that goes on from what another one `held`."""
        return TargetDecoder(self._pieces.decoder(held), self._separator, begun)

    def decode(self, ids: Iterable[int]) -> str:
        """The text of a whole target."""
        decoder = self.decoder()
        return "".join(decoder.feed(token) for token in ids)

    def token_text(self, token: int) -> str:
        """One target token as readable text, for display only: an incomplete character shows as U+FFFD."""
        return self._pieces.token_text(token)


class TargetDecoder:
    """Target tokens, one at a time, to text; holds back the bytes of an unfinished character."""

    def __init__(self, decoder: TokenDecoder, separator: str, begun: bool) -> None:
        self._decoder = decoder
        self._separator = separator
        self.begun = begun
        """Whether a token was fed before."""

    @property
    def held(self) -> str:
        """With `begun` the whole progress: at most three bytes, in hexadecimal."""
        return self._decoder.held

    def feed(self, token: int) -> str:
        """The text that this token completes, with the separator before it unless it is the first."""
        text = self._decoder.feed(token)
        before, self.begun = self._separator if self.begun else "", True
        return before + text


def _token(tokenizer: Tokenizer, token: str) -> int:
    number: int | None = tokenizer.token_to_id(token)
    if number is None:
        raise BundleError(Reason.BUNDLE_MANIFEST_INVALID, f"token {token!r} is not in the target vocabulary")
    return number
