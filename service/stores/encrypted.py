"""A store that another one keeps encrypted: AES-256-GCM, each value under a key of its own.

A value is `HSSE`, one byte for the length of the key's id, that id, 16 random bytes, a nonce of 12, and what AES-GCM
gives. Its key is the HMAC-SHA256 of the random bytes under the key of the file, so that this one may encrypt any number
of values. The id of the session is authenticated: a value that was moved to another session is none of it.
"""

import hashlib
import hmac
import os
from collections.abc import Sequence

from service.errors import Reason, ServiceError, invalid
from service.signing import ENCRYPTED, Keys
from service.stores.store import Claim, Entry, Store, StoreError, Write

SALT_BYTES = 16
NONCE_BYTES = 12


class EncryptedStore:
    """Encrypts with the first of its keys, and decrypts with any; what was stored before is read as it is."""

    def __init__(self, store: Store, keys: Keys) -> None:
        """Raises StoreError where the library is missing."""
        try:
            from cryptography.exceptions import InvalidTag
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        except ImportError as error:
            problem = "encrypting snapshots needs the package cryptography: pip install 'hiddenstate[encryption]'"
            raise StoreError(problem) from error
        self.name = store.name
        self._store = store
        self._keys = keys
        self._cipher = AESGCM
        self._wrong = InvalidTag

    async def claim(self, session_id: str, lifetime: float) -> Entry:
        """Become the owner. Raises SNAPSHOT_KEY_UNKNOWN, SNAPSHOT_TRUNCATED, SNAPSHOT_TAMPERED."""
        return self._entry(session_id, await self._store.claim(session_id, lifetime))

    async def write(self, writes: Sequence[Write]) -> list[bool]:
        """Write snapshots."""
        return await self._store.write([self._written(write) for write in writes])

    async def renew(self, claims: Sequence[Claim]) -> list[bool]:
        """Keep sessions longer."""
        return await self._store.renew(claims)

    async def read(self, session_id: str) -> Entry | None:
        """The latest of a session. Raises SNAPSHOT_KEY_UNKNOWN, SNAPSHOT_TRUNCATED, SNAPSHOT_TAMPERED."""
        entry = await self._store.read(session_id)
        return None if entry is None else self._entry(session_id, entry)

    async def remaining(self, session_id: str) -> float | None:
        """Seconds that a session is still kept."""
        return await self._store.remaining(session_id)

    async def listed(self) -> list[tuple[str, bytes]]:
        """All sessions that have a snapshot; those of unknown keys are left out."""
        listed = []
        for session_id, listing in await self._store.listed():
            try:
                listed.append((session_id, self._decrypted(session_id, listing)))
            except ServiceError:
                continue
        return listed

    async def erase(self, session_id: str, epoch: int | None = None) -> bool:
        """Forget a session."""
        return await self._store.erase(session_id, epoch)

    async def purge(self) -> None:
        """Leave nothing behind of what was erased."""
        await self._store.purge()

    async def expire(self) -> int:
        """Forget sessions whose time is over."""
        return await self._store.expire()

    async def incarnation(self) -> str:
        """Who the store is."""
        return await self._store.incarnation()

    async def close(self) -> None:
        """Let go of the store."""
        await self._store.close()

    def _entry(self, session_id: str, entry: Entry) -> Entry:
        return entry if entry.data is None else Entry(entry.epoch, self._decrypted(session_id, entry.data))

    def _written(self, write: Write) -> Write:
        data, listing = (self._encrypted(write.session_id, each) for each in (write.data, write.listing))
        return write._replace(data=data, listing=listing)

    def _encrypted(self, session_id: str, data: bytes) -> bytes:
        key_id = self._keys.current.encode("ascii")
        salt, nonce = os.urandom(SALT_BYTES), os.urandom(NONCE_BYTES)
        cipher = self._cipher(self._key(self._keys.current, salt))
        sealed: bytes = cipher.encrypt(nonce, data, session_id.encode())
        return ENCRYPTED + bytes([len(key_id)]) + key_id + salt + nonce + sealed

    def _decrypted(self, session_id: str, data: bytes) -> bytes:
        if not data.startswith(ENCRYPTED):
            return data
        start = len(ENCRYPTED) + 1
        parts = []
        for length in (data[start - 1] if len(data) >= start else 0, SALT_BYTES, NONCE_BYTES):
            parts.append(data[start : start + length])
            start += length
        key_id = parts[0].decode("ascii", "replace")
        if start >= len(data):
            raise _refused(Reason.SNAPSHOT_TRUNCATED, session_id, "its bytes are not all there")
        if not self._keys.knows(key_id):
            raise _refused(Reason.SNAPSHOT_KEY_UNKNOWN, session_id, f"this server lacks the key {key_id!r}")
        try:
            cipher = self._cipher(self._key(key_id, parts[1]))
            plain: bytes = cipher.decrypt(parts[2], data[start:], session_id.encode())
            return plain
        except self._wrong as error:
            raise _refused(Reason.SNAPSHOT_TAMPERED, session_id, "its bytes were changed") from error

    def _key(self, key_id: str, salt: bytes) -> bytes:
        return hmac.digest(self._keys.keys[key_id], salt, hashlib.sha256)


def _refused(reason: Reason, session_id: str, problem: str) -> ServiceError:
    return invalid(reason, f"what the store has of session {session_id!r} cannot be decrypted: {problem}", "snapshot")
