"""The server's commands, mounted into `hiddenstate` by the entry-point group `hiddenstate.commands`."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from service.config import Settings, load_settings
from service.errors import ServiceError
from service.inspect import inspect

__all__ = ["inspect", "serve"]


def _about(name: str) -> str:
    field = Settings.model_fields[name]
    default = str(field.default) if field.default != "" else "none"
    return f"{field.description} [default: {default}]"


def _flag(name: str) -> Any:
    return typer.Option(help=_about(name), show_default=False)


def serve(
    config: Annotated[Path | None, typer.Option(help="TOML file with settings", show_default=False)] = None,
    listen: Annotated[str | None, _flag("listen")] = None,
    metrics_listen: Annotated[str | None, _flag("metrics_listen")] = None,
    models: Annotated[Path | None, _flag("models")] = None,
    device: Annotated[str | None, _flag("device")] = None,
    allow_fallback: Annotated[bool | None, _flag("allow_fallback")] = None,
    precision: Annotated[str | None, _flag("precision")] = None,
    threads: Annotated[int | None, _flag("threads")] = None,
    max_sessions: Annotated[int | None, _flag("max_sessions")] = None,
    max_batch_rows: Annotated[int | None, _flag("max_batch_rows")] = None,
    max_chunk_steps: Annotated[int | None, _flag("max_chunk_steps")] = None,
    max_backlog_steps: Annotated[int | None, _flag("max_backlog_steps")] = None,
    max_backlog_bytes: Annotated[int | None, _flag("max_backlog_bytes")] = None,
    max_context_bytes: Annotated[int | None, _flag("max_context_bytes")] = None,
    max_message_bytes: Annotated[int | None, _flag("max_message_bytes")] = None,
    max_text_characters: Annotated[int | None, _flag("max_text_characters")] = None,
    idle_timeout: Annotated[float | None, _flag("idle_timeout")] = None,
    durability: Annotated[str | None, _flag("durability")] = None,
    store: Annotated[str | None, _flag("store")] = None,
    store_sync: Annotated[str | None, _flag("store_sync")] = None,
    park_after: Annotated[float | None, _flag("park_after")] = None,
    max_stream_age: Annotated[float | None, _flag("max_stream_age")] = None,
    signing_keys: Annotated[str | None, _flag("signing_keys")] = None,
    encryption_keys: Annotated[str | None, _flag("encryption_keys")] = None,
    checkpoint_interval: Annotated[float | None, _flag("checkpoint_interval")] = None,
    drain_timeout: Annotated[float | None, _flag("drain_timeout")] = None,
    log_format: Annotated[str | None, _flag("log_format")] = None,
    log_level: Annotated[str | None, _flag("log_level")] = None,
) -> None:
    """Serve the models of a repository over gRPC.

    Settings come from flags, then HIDDENSTATE_… variables (HIDDENSTATE_LISTEN, …), then the TOML file of --config.
    """
    flags = {name: value for name, value in locals().items() if name != "config" and value is not None}
    try:
        settings = load_settings(flags, os.environ, config)
        _run(settings)
    except ServiceError as error:
        typer.secho(f"error: {error.message} ({error.reason})", fg="red", err=True)
        raise typer.Exit(2 if error.reason == "SETTING_INVALID" else 1) from error


def _run(settings: Settings) -> None:
    # Imported here so that `hiddenstate serve --help` and a wrong flag do not wait for ONNX Runtime.
    from service.logs import configure_logs
    from service.server import serve as serve_until_stopped

    configure_logs(settings.log_format, settings.log_level)
    if sys.platform == "win32":
        asyncio.run(serve_until_stopped(settings))
        return
    import uvloop

    uvloop.run(serve_until_stopped(settings))
