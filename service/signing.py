"""Keys in files. They sign what leaves the server and comes back: snapshots and resume tokens."""

import hashlib
import hmac
import json
import os
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from service.errors import Code, Reason, ServiceError

KEY_BYTES = 32
MAC_BYTES = 32
ENCRYPTED = b"HSSE"
"""What the encrypted values of a store begin with."""


@dataclass(frozen=True)
class Keys:
    """Keys by their id; the one called `current` signs (HMAC-SHA256) or encrypts, all of them are accepted."""

    keys: Mapping[str, bytes]
    current: str

    @classmethod
    def fresh(cls) -> "Keys":
        """One random key."""
        key_id = secrets.token_hex(4)
        return cls({key_id: secrets.token_bytes(KEY_BYTES)}, key_id)

    @classmethod
    def from_file(cls, path: Path) -> "Keys":
        """Keys in a file, `<id> <key in hexadecimal>` a line, the current one first. A file that is not there is made,
        readable to its owner alone, with one random key. Raises SETTING_INVALID.
        """
        if not path.exists():
            _write_key(path, cls.fresh())
        try:
            lines = [line.split() for line in path.read_text("ascii").splitlines() if line.strip()]
            keys = {key_id: bytes.fromhex(key) for key_id, key in lines}
            if not keys or len(keys) != len(lines) or any(len(key) < KEY_BYTES for key in keys.values()):
                raise ValueError("no key, two of one id, or one shorter than 32 bytes")
        except (OSError, ValueError) as error:
            message = f"{path}: not a file of keys, which has `<id> <64 hexadecimal digits>` a line ({error})"
            raise ServiceError(Code.INVALID_ARGUMENT, Reason.SETTING_INVALID, message) from error
        return cls(keys, lines[0][0])

    def sign(self, data: bytes) -> tuple[str, bytes]:
        """The id of the key in use, and the code of the data."""
        return self.current, hmac.digest(self.keys[self.current], data, hashlib.sha256)

    def knows(self, key_id: str) -> bool:
        """Whether there is such a key."""
        return key_id in self.keys

    def verify(self, key_id: str, data: bytes, code: bytes) -> bool:
        """Whether the data was signed so; takes the same time whatever the answer."""
        return hmac.compare_digest(hmac.digest(self.keys[key_id], data, hashlib.sha256), code)


def _write_key(path: Path, keys: Keys) -> None:
    """Whoever comes first makes the file; another process that starts at the same time reads that one's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(f"{keys.current} {keys.keys[keys.current].hex()}\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(beside, path)
    except FileExistsError:
        pass
    finally:
        beside.unlink()


def token_of(keys: Keys, said: Sequence[str | int | float]) -> str:
    """What a client holds to come back: signed, not secret."""
    payload = json.dumps(said, separators=(",", ":")).encode()
    key_id, code = keys.sign(payload)
    return ".".join((key_id, *(urlsafe_b64encode(part).decode().rstrip("=") for part in (payload, code))))


def said_by(keys: Keys, token: str) -> list[str | int | float]:
    """What `token_of` put into a token. Raises ValueError for one that this server did not sign."""
    key_id, *parts = token.split(".")
    payload, code = (urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in parts)
    if not keys.knows(key_id) or not keys.verify(key_id, payload, code):
        raise ValueError("it was not signed with a key of this server")
    said: list[str | int | float] = json.loads(payload)
    return said
