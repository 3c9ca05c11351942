"""A client in another language keeps its sessions by the protocol alone, whatever happens to its server."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.chaos.servers import Servers
from tests.interop.tools import CLIENTS, PATIENCE, PROTOS, ClientError, Tool
from tests.proxy import proxy_to
from tests.repositories import GENERATOR, MUSIC, SENTIMENT, copy_bundle

FAULTS = ("kill", "stop", "cut")
"""SIGKILL, and another server over the same store; SIGTERM, which asks clients to move; all connections reset."""
DEALING = 8
"""Milliseconds that the client takes to deal with an answer, so that faults come between answers."""


@dataclass
class Heard:
    """What a client had: the answers of each method in order, and why its streams were lost."""

    answers: dict[str, list[Any]] = field(default_factory=dict)
    lost: Counter[str] = field(default_factory=Counter)
    resumed: Counter[str] = field(default_factory=Counter)

    @property
    def count(self) -> int:
        """Answers of all methods."""
        return sum(map(len, self.answers.values()))

    def add(self, said: dict[str, Any]) -> None:
        """One line of the client."""
        if "lost" in said:
            self.lost[said["lost"]] += 1
        elif "resumed" in said:
            self.resumed[said["method"]] += 1
        else:
            self.answers.setdefault(said["method"], []).append([said["content"], said["item"]])


async def lines_of(command: Sequence[str], environment: dict[str, str]) -> AsyncIterator[dict[str, Any]]:
    """What a client prints, line by line. Raises ClientError when it ends with an error or hangs."""
    client = await asyncio.create_subprocess_exec(
        *command, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    assert client.stdout is not None
    assert client.stderr is not None
    try:
        async with asyncio.timeout(PATIENCE):
            while line := await client.stdout.readline():
                yield json.loads(line)
            said = (await client.stderr.read()).decode().strip().splitlines()
            if await client.wait():
                raise ClientError(f"exit code {client.returncode}: {said[-1] if said else 'no word'}")
    except TimeoutError:
        raise ClientError(f"hung for {PATIENCE:g} s") from None
    finally:
        if client.returncode is None:
            client.kill()
            await client.wait()


async def disturb(servers: Servers, fault: str) -> None:
    """Do something to the server, and have another one in its place."""
    match fault:
        case "kill":
            await servers.kill()
        case "stop":
            await servers.stop()
        case "cut":
            servers.proxy.cut()


async def heard(command: Sequence[str], tool: Tool, servers: Servers, faults: Sequence[str], total: int = 0) -> Heard:
    """Run the client to its end; faults come evenly over its `total` answers."""
    found, due = Heard(), [(place + 1) * total // (len(faults) + 1) for place in range(len(faults))]
    disturbing: asyncio.Task[None] | None = None
    async for said in lines_of(command, tool.environment()):
        found.add(said)
        if due and found.count >= due[0] and (disturbing is None or disturbing.done()):
            disturbing = asyncio.create_task(disturb(servers, faults[-len(due)]))
            due.pop(0)
    if disturbing is not None:
        await disturbing
    if due:
        raise ClientError(f"{len(due)} of {len(faults)} faults came too late: the client was at its end")
    return found


async def compared(tool: Tool) -> str:
    """The client's sessions under faults, and undisturbed."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for name in (GENERATOR, MUSIC, SENTIMENT):
            copy_bundle(home / "models", name)
        async with proxy_to("127.0.0.1:1") as proxy:
            servers = Servers(proxy, home / "models", str(home / "sessions.db"), home / "keys")
            command = [*tool.found(), str(CLIENTS / "node_sessions.js"), proxy.address, str(PROTOS)]
            try:
                await servers.start()
                expected = await heard([*command, "0"], tool, servers, ())
                found = await heard([*command, str(DEALING)], tool, servers, FAULTS, expected.count)
            finally:
                servers.close()
    if expected.lost:
        raise ClientError(f"streams were lost though nothing happened: {dict(expected.lost)}")
    for method, answers in expected.answers.items():
        if found.answers.get(method) != answers:
            raise ClientError(f"{method}: {_difference(found.answers.get(method, []), answers)}")
        if not found.resumed[method]:
            raise ClientError(f"{method} was never resumed")
    if "SESSION_MOVES" not in found.lost:
        raise ClientError(f"no stream was asked to move: {dict(found.lost)}")
    return (
        f"{len(expected.answers)} sessions, resumed {found.resumed.total()} times (kill -9, move, reset): "
        f"all {found.count} answers, each once, as undisturbed"
    )


def survives(tool: Tool, _: str) -> str:
    """The case: it brings servers of its own, since they are killed."""
    return asyncio.run(compared(tool))


def _difference(found: Sequence[Any], expected: Sequence[Any]) -> str:
    place = next(
        (place for place, (one, other) in enumerate(zip(found, expected, strict=False)) if one != other),
        min(len(found), len(expected)),
    )
    return f"{len(found)} answers where {len(expected)} were due; number {place + 1} is {found[place : place + 1]}"
