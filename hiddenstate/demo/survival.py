"""`hiddenstate demo --resume`: a text that goes on though its server is killed, and then its client is lost."""

from __future__ import annotations

import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from hiddenstate.client import Client
from hiddenstate.command.words import paced
from hiddenstate.demo.made_up import PROMPT
from hiddenstate.demo.scenes import SEED, TEMPERATURE
from hiddenstate.local_server import StartError, local_server
from hiddenstate.options import GenerateOptions
from hiddenstate.results import ResumePoint, Token
from hiddenstate.resuming import ResumeEvent
from hiddenstate.sessions import GenerateSession

WIDTH = 100
TOKENS, TOKENS_PER_SECOND = 420, 40.0
AT_ONCE = 6
"""Tokens asked for together: the next ones are written when these are on the screen."""
KILLED_AT, LOST_AT = (120, 250), 56 * AT_ONCE
"""Tokens after which the server is killed, and the client is lost: between two requests, as they are in any case."""

console = Console(highlight=False)
console.width = min(console.width, WIDTH)


class Mortal:
    """A server that is killed and started again, on one port and one store."""

    def __init__(self, models: str, folder: Path, stack: ExitStack) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        self._said = (models, "--listen", self.address, "--store", str(folder / "sessions.db"))
        self._stack = stack
        self.start()

    def start(self) -> None:
        """Serve. Raises StartError."""
        self._server = self._stack.enter_context(local_server(*self._said))

    @property
    def pid(self) -> int:
        """The id of the process that serves."""
        return self._server.process.pid

    def die(self) -> threading.Thread:
        """SIGKILL; the thread that is given starts the next one."""
        self._server.process.kill()
        self._server.process.wait()
        starting = threading.Thread(target=self.start, daemon=True)
        starting.start()
        return starting


class Screen:
    """The text as it grows and, below it, what has just happened."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._text = Text(PROMPT, style="dim")
        self._news = Text()
        self._style = ""

    def write(self, token: Token) -> None:
        """One more token."""
        self._text.append(token.text, self._style)
        self._show()

    def tell(self, news: str, *, style: str = "", after: str | None = None) -> None:
        """What happened; the text goes on in the colour `after`."""
        self._news = Text(f"\n{news}", style)
        self._style = self._style if after is None else after
        self._show()

    def resuming(self, event: ResumeEvent) -> None:
        """What the client says of its attempts."""
        if event.resumed:
            self.tell(f"resumed at attempt {event.attempt}: the text goes on where it stood", style="green")
        else:
            self.tell(f"{event.reason}: attempt {event.attempt} in {event.wait:.2f} s", style="yellow")

    def _show(self) -> None:
        self._live.update(Group(self._text, self._news), refresh=True)


def run(models: str) -> int:
    """Show it; gives the exit code: 0 when the text is the one that is written when nothing happens."""
    try:
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            server = Mortal(models, Path(folder), stack)
            return _show(server)
    except StartError as error:
        console.print(f"[red]error: {error}[/]", soft_wrap=True)
        return 1


def _show(server: Mortal) -> int:
    with Client(server.address) as client:
        model = next((each.name for each in client.models() if _writes(each.task, each.state)), "")
    if not model:
        console.print("[red]error: no model of this repository writes text[/]")
        return 1
    console.print(
        f"[bold]{model}[/] writes at {server.address}, {AT_ONCE} tokens at a time. Its state lives on the server, in "
        "process memory and, a moment later, in a file. The server is about to be killed; so is this client.\n"
    )
    with _screen() as screen:
        tokens = _disturbed(server, model, screen)
    undisturbed: list[Token] = []
    with Client(server.address) as client, client.generate_session(**_options(model)) as session:
        session.prompt(PROMPT)
        _write(session, TOKENS, undisturbed.append)
    same = tokens == undisturbed
    verdict = "[green]the same, bit for bit[/]" if same else "[red]another text[/]"
    console.print(
        f"\nOnce more, with nobody killed: {verdict} ({len(tokens)} tokens, their log-probabilities included)."
    )
    return 0 if same else 1


def _options(model: str) -> GenerateOptions:
    return {"model": model, "seed": SEED, "temperature": TEMPERATURE}


def _writes(task: str, state: str) -> bool:
    return (task, state) == ("text_generation", "ready")


@contextmanager
def _screen() -> Iterator[Screen]:
    with Live(console=console, auto_refresh=False, vertical_overflow="visible") as live:
        yield Screen(live)
    if not console.is_terminal:
        console.print()


def _disturbed(server: Mortal, model: str, screen: Screen) -> list[Token]:
    """The tokens of a text whose server is killed, and whose client is lost."""
    tokens: list[Token] = []
    starting: list[threading.Thread] = []

    def disturb(token: Token) -> None:
        tokens.append(token)
        screen.write(token)
        if len(tokens) in KILLED_AT:
            screen.tell(f"kill -9 {server.pid}", style="bold red", after="cyan" if not starting else "magenta")
            starting.append(server.die())

    said: GenerateOptions = {**_options(model), "durability": "stored"}
    with Client(server.address, on_resume=screen.resuming) as client, client.generate_session(**said) as session:
        session.prompt(PROMPT)
        point = _write(session, LOST_AT, disturb, TOKENS_PER_SECOND)
    assert point is not None
    screen.tell(f"this client is gone; it had saved the token {point.token[:16]}…", style="bold red", after="green")
    with Client(server.address, on_resume=screen.resuming) as client, client.generate_session(resume=point) as session:
        _write(session, TOKENS - len(tokens), disturb, TOKENS_PER_SECOND)
    for thread in starting:
        thread.join()
    servers = f"{len(starting)} server{'s' if len(starting) != 1 else ''}"
    screen.tell(f"{len(tokens)} tokens; {servers} and one client were lost on the way", style="dim")
    return tokens


def _write(
    session: GenerateSession, count: int, watch: Callable[[Token], None], pace: float = 0.0
) -> ResumePoint | None:
    """Let so many tokens be written, a few at a time; gives what to save to go on from there."""
    for start in range(0, count, AT_ONCE):
        tokens = session.generate(max_tokens=min(AT_ONCE, count - start), log_probabilities=True)
        for token in paced(tokens, pace):
            watch(token)
    return session.resume_point
