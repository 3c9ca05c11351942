"""Server processes over one store, behind one address."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from contextlib import ExitStack
from pathlib import Path

from hiddenstate.local_server import LocalServer, local_server
from tests.proxy import Proxy
from tests.repositories import REPOSITORY
from tests.talks import FEATURES, TINY

SHIPPED = Path(__file__).parents[2] / "models"


class Servers:
    """One server at a time that clients reach through a proxy; a frozen one may stand beside it."""

    def __init__(self, proxy: Proxy, models: Path, store: str, keys: Path) -> None:
        self.starts = 0
        self.proxy = proxy
        self._said = (
            str(models), "--store", store, "--signing-keys", str(keys), "--checkpoint-interval", "0.05",
            "--drain-timeout", "1",
        )  # fmt: skip
        self._stack = ExitStack()
        self._server: LocalServer | None = None

    @property
    def server(self) -> LocalServer:
        """The one that serves."""
        assert self._server is not None
        return self._server

    async def start(self) -> None:
        """A new server, at which all clients arrive from now on."""
        self._server = await asyncio.to_thread(self._stack.enter_context, local_server(*self._said))
        self.proxy.target = self._server.address
        self.starts += 1

    async def kill(self) -> None:
        """SIGKILL, and the next one."""
        self.server.process.kill()
        await asyncio.to_thread(self.server.process.wait)
        await self.start()

    async def stop(self) -> None:
        """SIGTERM, and the next one."""
        await asyncio.to_thread(self.server.stop)
        await self.start()

    async def freeze(self, thawed_seconds: float) -> list[str]:
        """SIGSTOP; another one serves; SIGCONT, for so long; gives what the frozen one logged when it was back."""
        frozen = self.server
        os.kill(frozen.process.pid, signal.SIGSTOP)
        try:
            await self.start()
            self.proxy.cut()
            before = len(frozen.log)
            await asyncio.sleep(thawed_seconds)
        finally:
            os.kill(frozen.process.pid, signal.SIGCONT)
        await asyncio.sleep(thawed_seconds)
        said = list(frozen.log)[before:]
        frozen.process.kill()
        return said

    def close(self) -> None:
        """End all of them."""
        self._stack.close()


def repository(folder: Path, *, tiny: bool) -> dict[str, list[str]]:
    """Make a repository with a model for every task, shipped ones where there are any; gives their names by task."""
    names: dict[str, list[str]] = {task: [name] for task, name in TINY.items()}
    if not tiny:
        names |= {task: found for task in TINY if (found := _shipped(task))}
    for found in names.values():
        for name in found:
            source = SHIPPED if (SHIPPED / name).exists() else REPOSITORY
            shutil.copytree(source / name, folder / name)
    return names


def _shipped(task: str) -> list[str]:
    by_task = {
        "text_generation": ["austen"],
        "sentiment": ["movie-sentiment"],
        "tagging": ["brown-tagger"],
        "classification": ["digits", "breast-cancer"],
        "forecast": ["m3-monthly", "m3-yearly"],
        "translation": ["help-en-es"],
        "gesture": ["fingerspelling", "japanese-vowels", "cricket"],
        "music": ["chorales"],
        "transcription": ["spoken-commands"],
    }
    known = [name for name in by_task.get(task, []) if (SHIPPED / name).exists()]
    return [name for name in known if task not in ("classification", "gesture") or name in FEATURES]
