"""Chores of the keeper: work that is done over and over, whatever becomes of one time."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from service.stores.store import StoreError

log = structlog.get_logger()


async def repeat(seconds: float, work: Callable[[], Awaitable[None]]) -> None:
    """Do it again and again, with so many seconds between, until cancelled."""
    while True:
        await asyncio.sleep(seconds)
        try:
            await work()
        except StoreError as error:
            log.warning("the store does not answer; durability falls behind", error=str(error))
        except Exception:
            log.exception("sessions could not be kept")
