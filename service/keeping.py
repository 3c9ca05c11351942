"""From the settings to the keeper of sessions, its store and its keys."""

from pathlib import Path

from service.catalog import Catalog
from service.config import Settings
from service.errors import Code, Reason, ServiceError
from service.keeper import Keeper
from service.kernels import kernels
from service.revival import Revival
from service.signing import Keys
from service.stores.counted import CountedStore
from service.stores.encrypted import EncryptedStore
from service.stores.file import FileStore
from service.stores.redis import RedisStore
from service.stores.store import Store, StoreError


def keeper_of(settings: Settings, catalog: Catalog) -> Keeper:
    """What keeps sessions that outlive their streams. Raises SETTING_INVALID."""
    if settings.durability == "stored" and not settings.store:
        raise _wrong_setting("durability", "sessions can only be stored in a store: give one with --store")
    store: Store | None = None
    try:
        if settings.store.startswith(("redis://", "rediss://", "unix://")):
            store = RedisStore(settings.store)
        elif settings.store:
            store = FileStore(Path(settings.store), synchronous=settings.store_sync)
    except StoreError as error:
        raise _wrong_setting("store", str(error)) from error
    beside = f"{settings.store}.keys" if isinstance(store, FileStore) else ""
    if isinstance(store, RedisStore) and not settings.signing_keys:
        raise _wrong_setting("signing_keys", "servers that share a store share their keys: name a file of them")
    path = settings.signing_keys or beside
    keys = Keys.from_file(Path(path)) if path else Keys.fresh()
    revival = Revival(catalog, keys, kernels(), settings.idle_timeout)
    if settings.encryption_keys:
        store = _encrypted(store, Path(settings.encryption_keys))
    if store is not None:
        store = CountedStore(store, revival.counters)
    return Keeper(
        revival,
        store,
        interval=settings.checkpoint_interval,
        park_after=settings.park_after,
        max_stream_age=settings.max_stream_age,
    )


def _encrypted(store: Store | None, keys: Path) -> Store:
    """The store, with what it keeps encrypted. Raises SETTING_INVALID."""
    if store is None:
        raise _wrong_setting("encryption_keys", "snapshots are encrypted in a store: give one with --store")
    try:
        return EncryptedStore(store, Keys.from_file(keys))
    except StoreError as error:
        raise _wrong_setting("encryption_keys", str(error)) from error


def _wrong_setting(name: str, problem: str) -> ServiceError:
    return ServiceError(Code.INVALID_ARGUMENT, Reason.SETTING_INVALID, f"{name}: {problem}", field=name)
