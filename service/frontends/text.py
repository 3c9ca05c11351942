"""Text to token ids and back, a piece at a time, the same for training, verification and serving.

Text is cut into pieces (a word with the space before it, a number, a run of punctuation, a run of line ends) by one
regular expression, and each piece is tokenised alone with the `tokenizers` library. No piece depends on more than one
character behind its end, so a stream only has to hold back the last, unfinished piece: whatever the cuts of the input,
the ids are those of the whole text. Pieces are at most `longest_piece` characters, so a stream holds at most that much.
"""

import codecs
import functools
import re
from collections.abc import Mapping
from pathlib import Path

from tokenizers import Tokenizer, decoders

from service.errors import BundleError, Reason
from service.plain import Part

LONGEST_PIECE = 256


def piece_pattern(longest: int = LONGEST_PIECE) -> re.Pattern[str]:
    """The rule that cuts text into pieces of at most `longest` + 1 characters (one for the leading space).

    Every alternative is greedy, bounded, and looks at no more than the one character behind its end: this is what makes
    streaming exact. Together they match any character, so pieces joined give the text again.
    """
    letters = rf"[ ']?[^\W\d_]{{1,{longest}}}"
    digits = rf" ?\d{{1,{longest}}}"
    # \w also holds numbers that are not decimal digits (½, Ⅷ): they belong to neither class above, so they go here.
    marks = rf" ?(?:[^\w\s]|_){{1,{longest}}}"
    line_ends = rf"\n{{1,{longest}}}"
    return re.compile(rf"{letters}|{digits}|{marks}|{line_ends}|(?s:.)")


def read_tokenizer(path: Path) -> Tokenizer:
    """Read a tokenizer file of the `tokenizers` library. Raises BundleError when it is missing or is none."""
    try:
        content = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BundleError(Reason.BUNDLE_MISSING_FILE, f"{path}: {error.strerror}") from error
    try:
        return Tokenizer.from_str(content)
    except Exception as error:  # the library raises bare Exception on malformed files
        raise BundleError(Reason.BUNDLE_DAMAGED, f"{path} is not a tokenizer: {error}") from error


class TextFrontend:
    """A tokenizer with the rule that cuts its input; immutable, shared by all streams of a model."""

    def __init__(
        self, tokenizer: Tokenizer, start_token: str | None = None, longest_piece: int = LONGEST_PIECE
    ) -> None:
        """`start_token` is the id every sequence begins with (its text is empty); None when there is none."""
        self.pattern = piece_pattern(longest_piece)
        self.vocabulary_size: int = tokenizer.get_vocab_size()
        self.start_ids: tuple[int, ...] = ()
        if start_token is not None:
            start_id = tokenizer.token_to_id(start_token)
            if start_id is None:
                raise BundleError(
                    Reason.BUNDLE_MANIFEST_INVALID, f"start token {start_token!r} is not in the vocabulary"
                )
            self.start_ids = (start_id,)
        self._texts = _token_bytes(tokenizer)

        @functools.lru_cache(maxsize=1 << 14)
        def piece_ids(piece: str) -> tuple[int, ...]:
            return tuple(tokenizer.encode(piece, add_special_tokens=False).ids)

        self.piece_ids = piece_ids

    @classmethod
    def from_files(cls, folder: Path, parameters: Mapping[str, object]) -> "TextFrontend":
        """Read the tokenizer a manifest names.

        `parameters`: `tokenizer` (file in `folder`, default tokenizer.json), `start_token` (optional),
        `longest_piece` (characters, default 256). Raises BundleError when a file or a parameter is wrong.
        """
        unknown = set(parameters) - {"tokenizer", "start_token", "longest_piece"}
        name, start = parameters.get("tokenizer", "tokenizer.json"), parameters.get("start_token")
        longest = parameters.get("longest_piece", LONGEST_PIECE)
        if unknown or not isinstance(name, str) or not isinstance(start, str | None) or not isinstance(longest, int):
            raise BundleError(Reason.BUNDLE_MANIFEST_INVALID, f"text frontend: wrong parameters {dict(parameters)}")
        if not 1 <= longest <= 4096:
            raise BundleError(
                Reason.BUNDLE_MANIFEST_INVALID, f"text frontend: longest_piece {longest} is not in 1..4096"
            )
        return cls(read_tokenizer(folder / name), start, longest)

    def stream(self, held: str = "") -> "TextStream":
        """A new stream, or one that goes on from what another one held."""
        return TextStream(self, held)

    def decoder(self, held: str = "") -> "TokenDecoder":
        """A new decoder, or one that goes on from what another one held."""
        return TokenDecoder(self, held)

    def encode(self, text: str) -> list[int]:
        """The ids of a whole text, start ids not included: what any stream over it gives in all."""
        return [token for piece in self.pattern.findall(text) for token in self.piece_ids(piece)]

    def token_bytes(self, token: int) -> bytes:
        """The bytes one token stands for; a special token stands for none."""
        return self._texts[token]

    def token_text(self, token: int) -> str:
        """One token as readable text, for display only: an incomplete character shows as U+FFFD."""
        return self._texts[token].decode("utf-8", errors="replace")


class TextStream:
    """Text in any cuts to token ids; `held` is its whole progress, at most one piece."""

    def __init__(self, frontend: TextFrontend, held: str = "") -> None:
        self._frontend = frontend
        self.held = held

    def feed(self, text: str) -> list[int]:
        """The ids that no further text can change."""
        if not text:
            return []
        pieces = self._frontend.pattern.findall(self.held + text)
        self.held = pieces.pop()
        return [token for piece in pieces for token in self._frontend.piece_ids(piece)]

    def flush(self) -> list[int]:
        """The ids of what is held: the text ends here. Text fed later begins a new piece."""
        ids = self._frontend.encode(self.held)
        self.held = ""
        return ids


class TokenDecoder:
    """Token ids, one at a time, to text; holds back the bytes of an unfinished character."""

    def __init__(self, frontend: TextFrontend, held: str = "") -> None:
        """`held`: hexadecimal, what `held` of another decoder said."""
        self._frontend = frontend
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._decoder.setstate((bytes.fromhex(held), 0))

    @property
    def held(self) -> str:
        """The whole progress, at most three bytes, in hexadecimal."""
        return self._decoder.getstate()[0].hex()

    def feed(self, token: int) -> str:
        """The text that this token completes; empty while a character is unfinished."""
        return self._decoder.decode(self._frontend.token_bytes(token))

    def flush(self) -> str:
        """What is left of an unfinished character (U+FFFD), or nothing."""
        text = self._decoder.decode(b"", final=True)
        self._decoder.reset()
        return text


def text_parts(frontend: TextFrontend) -> dict[type, Part]:
    """Streams and decoders of a frontend as plain data: what they hold."""
    return {
        TextStream: Part(lambda stream: stream.held, frontend.stream),
        TokenDecoder: Part(lambda decoder: decoder.held, frontend.decoder),
    }


def _token_bytes(tokenizer: Tokenizer) -> list[bytes]:
    """The bytes of every token id; special tokens stand for none."""
    special = {token for token, added in tokenizer.get_added_tokens_decoder().items() if added.special}
    alphabet = _byte_alphabet() if isinstance(tokenizer.decoder, decoders.ByteLevel) else None
    table = []
    for token in range(tokenizer.get_vocab_size()):
        text = tokenizer.id_to_token(token) or ""
        if token in special:
            table.append(b"")
        elif alphabet is None:
            table.append(text.encode())
        else:
            table.append(bytes(alphabet[character] for character in text))
    return table


def _byte_alphabet() -> dict[str, int]:
    """Which character stands for which byte in a byte-level vocabulary: visible Latin-1 ones for themselves, the rest,
    in order, for the characters from U+0100 on (the convention of byte-level BPE files).
    """
    visible = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    rest = [byte for byte in range(256) if byte not in visible]
    return {chr(byte): byte for byte in visible} | {chr(0x100 + place): byte for place, byte in enumerate(rest)}
