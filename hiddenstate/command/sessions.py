"""`hiddenstate sessions`: look at sessions beside their streams, copy them, roll them back, close them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hiddenstate.command.terminal import ADDRESS, Address, Json, note, print_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.table import Table

    from hiddenstate.session_service import SessionCopy, SessionFacts

app = typer.Typer(help="List sessions, look after them, copy and close them.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(metavar="SESSION", help="Name of the session.")]
Seed = Annotated[int | None, typer.Option(help="Of its random choices from here on.", show_default=False)]
STATE_STYLES = {"attached": "green", "detached": "yellow", "parked": "cyan", "ended": "dim"}


@app.command("list")
def list_sessions(
    model: Annotated[str | None, typer.Option("--model", "-m", help="Of this model.", show_default=False)] = None,
    state: Annotated[str | None, typer.Option(help="attached, detached, parked or ended.", show_default=False)] = None,
    prefix: Annotated[str | None, typer.Option(help="What names begin with.", show_default=False)] = None,
    idle: Annotated[float | None, typer.Option(help="Seconds without a step, at least.", show_default=False)] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="At most so many.")] = 100,
    json: Json = False,
    address: Address = ADDRESS,
) -> None:
    """List sessions, latest first: where each lives, how far it has come and until when it is kept."""
    from itertools import islice

    from hiddenstate.client import Client

    with Client(address) as client, _as_said():
        found = list(islice(client.sessions(model=model, state=state, prefix=prefix, min_idle=idle), limit + 1))
    if json:
        for each in found[:limit]:
            print_json(_plain(each))
        return
    from rich.console import Console

    Console().print(sessions_table(found[:limit], datetime.now(UTC)))
    if len(found) > limit:
        note(f"there are more: --limit {2 * limit}")


@app.command()
def show(session: Name, json: Json = False, address: Address = ADDRESS) -> None:
    """Tell all that is told of one session."""
    from hiddenstate.client import Client

    with Client(address) as client:
        found = client.get_session(session)
    if json:
        print_json(_plain(found))
        return
    for name, value in _plain(found).items():
        print(f"{name.replace('_', ' '):26}{'' if value is None else value}")


@app.command()
def close(
    session: Name,
    erase: Annotated[bool, typer.Option("--erase", help="Leave no trace in the store.")] = False,
    json: Json = False,
    address: Address = ADDRESS,
) -> None:
    """End a session, and its stream."""
    from hiddenstate.client import Client

    with Client(address) as client:
        found = client.close_session(session, erase=erase)
    if json:
        print_json({"session_id": session, "session": _plain(found) if found else None})
    elif found is not None:
        print(f"{session} was closed after {found.step_count:,} steps")
    else:
        print(f"{session} is erased" if erase else f"{session} was not there")


@app.command()
def snapshot(
    session: Name,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; -: standard output.", show_default=False)
    ] = None,
    json: Json = False,
    address: Address = ADDRESS,
) -> None:
    """Write a session into a file, SESSION.snapshot unless told otherwise; it goes on."""
    from hiddenstate.client import Client

    with Client(address) as client:
        data = client.snapshot(session)
    if str(output) == "-":
        sys.stdout.buffer.write(data)
        return
    path = output or Path(f"{session}.snapshot")
    path.write_bytes(data)
    if json:
        print_json({"session_id": session, "file": str(path), "byte_count": len(data)})
    else:
        print(f"{path}: {len(data):,} bytes")


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="What `snapshot` wrote.")],
    session: Annotated[
        str | None,
        typer.Option(help="Its name; that of the original rolls it back. Default: a new one.", show_default=False),
    ] = None,
    seed: Seed = None,
    json: Json = False,
    address: Address = ADDRESS,
) -> None:
    """Make a session from a snapshot, or roll one back to it."""
    from hiddenstate.client import Client

    data = file.read_bytes()
    with Client(address) as client:
        made = client.restore(data, session, seed=seed)
    _tell([made], json)


@app.command()
def fork(
    session: Name,
    count: Annotated[int | None, typer.Option("--count", "-n", help="How many; 1.", show_default=False)] = None,
    seed: Annotated[list[int] | None, typer.Option(help="One copy for each.", show_default=False)] = None,
    json: Json = False,
    address: Address = ADDRESS,
) -> None:
    """Copy a session; it goes on."""
    from hiddenstate.client import Client

    with Client(address) as client, _as_said():
        made = client.fork(session, count, seeds=seed)
    _tell(made, json)


def sessions_table(found: Iterable[SessionFacts], now: datetime) -> Table:
    """The sessions, a line each; times are told from now."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column in ("session", "model", "state"):
        table.add_column(column, no_wrap=True)
    for column in ("steps", "messages", "safe", "answers", "age", "idle", "kept for"):
        table.add_column(column, justify="right", no_wrap=True)
    for each in found:
        branch = f" ⑂{each.branch_number}" if each.branch_number else ""
        table.add_row(
            Text(each.session_id, style="bold").append(branch, style="not bold magenta"),
            f"{each.model} {each.version}",
            Text(each.state, style=STATE_STYLES.get(each.state, "")),
            f"{each.step_count:,}",
            f"{each.accepted_sequence_number:,}",
            f"{each.durable_sequence_number:,}" if each.durability != "none" else "",
            f"{each.last_answer_number:,}",
            _span(each.create_time, now),
            _span(each.last_step_time, now),
            _span(now, each.expire_time),
        )
    return table


@contextmanager
def _as_said() -> Iterator[None]:
    """What contradicts itself is a mistake of who said it."""
    try:
        yield
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _tell(made: Iterable[SessionCopy], json: bool) -> None:
    """The sessions that were made, and the token that opens each."""
    for copy in made:
        told = {"session_id": copy.session.session_id, "branch_number": copy.session.branch_number}
        token = {"resume_token": copy.resume_point.token, "kernels_changed": copy.kernels_changed}
        if json:
            print_json(told | token)
        else:
            print(f"{copy.session.session_id}\tbranch {copy.session.branch_number}\t{copy.resume_point.token}")


def _span(since: datetime | None, until: datetime | None) -> str:
    """The time between, such as `3 min`; nothing where one of them is not known."""
    if since is None or until is None:
        return ""
    seconds = max(0.0, (until - since).total_seconds())
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _plain(found: SessionFacts) -> dict[str, Any]:
    times = {name: value.isoformat() for name, value in asdict(found).items() if isinstance(value, datetime)}
    return asdict(found) | times
