"""The settings of the server: flags over environment over a TOML file over defaults; an unknown key is an error."""

import tomllib
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from service.errors import Code, Reason, ServiceError

ENVIRONMENT_PREFIX = "HIDDENSTATE_"
# Read by the client and by training, not by the server.
FOREIGN_VARIABLES = frozenset({"HIDDENSTATE_ADDRESS", "HIDDENSTATE_CACHE"})


def _address(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65_535:
        raise ValueError(f"{text!r} is no address: write host:port, e.g. 127.0.0.1:50051 (port 0: any free one)")
    return text


Address = Annotated[str, AfterValidator(_address)]


class Settings(BaseModel):
    """All settings of `hiddenstate serve`. Durations are in seconds, sizes in bytes unless said otherwise."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    listen: Address = Field("127.0.0.1:50051", description="host:port of the gRPC server")
    metrics_listen: Address | Literal[""] = Field(
        "127.0.0.1:9090", description="host:port of the Prometheus endpoint; empty for none"
    )
    models: Path = Field(Path("models"), description="model repository: a folder of <name>/<version>/")
    device: str = Field("cpu", description="cpu, cuda, cuda:<number>, or auto")
    allow_fallback: bool = Field(False, description="run on the CPU, and say so, where CUDA is asked for and missing")
    precision: Literal["fp32", "int8", "auto"] = Field(
        "fp32", description="variant to serve; auto takes int8 where a bundle has it"
    )
    threads: int = Field(1, ge=1, le=256, description="threads of one model run")
    max_sessions: int = Field(4096, ge=1, le=1_000_000, description="live sessions of one model")
    max_batch_rows: int = Field(256, ge=1, le=8192, description="sessions that run together in one tick")
    max_chunk_steps: int = Field(64, ge=1, le=4096, description="steps of one session in one tick")
    max_backlog_steps: int = Field(131_072, ge=2, description="steps one session may have waiting")
    max_backlog_bytes: int = Field(16 << 20, ge=1024, description="bytes of steps one session may have waiting")
    max_context_bytes: int = Field(
        512 << 20, ge=1 << 20, description="bytes for sources that the sessions of one model are decoding"
    )
    max_message_bytes: int = Field(4 << 20, ge=1024, le=64 << 20, description="size of one message")
    max_text_characters: int = Field(65_536, ge=1, description="characters of text in one message")
    idle_timeout: float = Field(600.0, gt=0, description="silence after which a session ends")
    durability: Literal["none", "memory", "stored"] = Field(
        "none", description="what sessions survive that do not say: nothing, the loss of their stream, of the server"
    )
    store: str = Field(
        "", description="where sessions survive the server: a file, or redis://host:port/0; empty for nowhere"
    )
    store_sync: Literal["normal", "full"] = Field(
        "normal", description="what a power cut may take from a file store: normal: the latest writes; full: nothing"
    )
    park_after: float = Field(
        60.0, ge=0, description="silence after which a session that can be resumed gives its slot up; 0: never"
    )
    max_stream_age: float = Field(
        0.0, ge=0, description="age at which a stream of a stored session is asked to move to another server; 0: never"
    )
    signing_keys: str = Field(
        "", description="file of keys for tokens and snapshots; empty: beside the file store, else new at each start"
    )
    encryption_keys: str = Field(
        "", description="file of keys that snapshots in the store are encrypted with; empty: they are not"
    )
    checkpoint_interval: float = Field(0.1, gt=0, description="time between two writes of sessions to the store")
    drain_timeout: float = Field(10.0, ge=0, description="time that open streams get to finish at shutdown")
    log_format: Literal["auto", "console", "json"] = Field(
        "auto", description="auto: console at a terminal, else JSON lines"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="least severe level logged")


def load_settings(flags: Mapping[str, Any], environment: Mapping[str, str], file: Path | None = None) -> Settings:
    """Merge the sources and check them. Raises SETTING_INVALID naming the key, where it stands, and the remedy."""
    merged = dict(_known(_read_toml(file), str(file))) if file else {}
    merged |= _known(_from_environment(environment), "the environment", _variable)
    merged |= _known(flags, "the flags")
    try:
        return Settings(**merged)
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, fault['loc'][:1]))}: {fault['msg']}" for fault in error.errors()]
        raise _setting_error("; ".join(faults)) from error


def _known(values: Mapping[str, Any], source: str, spell: Callable[[str], str] = str) -> Mapping[str, Any]:
    """The values, if every key is one of ours; `spell`: how the source spells a key. Raises SETTING_INVALID."""
    for key in values:
        if key not in Settings.model_fields:
            near = get_close_matches(key, Settings.model_fields, n=1)
            known = ", ".join(spell(name) for name in sorted(Settings.model_fields))
            hint = f"did you mean {spell(near[0])!r}?" if near else f"known are {known}"
            raise _setting_error(f"unknown setting {spell(key)!r} in {source}: {hint}")
    return values


def _variable(key: str) -> str:
    return f"{ENVIRONMENT_PREFIX}{key.upper()}"


def _from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        name.removeprefix(ENVIRONMENT_PREFIX).lower(): value
        for name, value in environment.items()
        if name.startswith(ENVIRONMENT_PREFIX) and name not in FOREIGN_VARIABLES
    }


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise _setting_error(f"cannot read {file}: {error.strerror}") from error
    except ValueError as error:
        raise _setting_error(f"{file} is not TOML: {error}") from error


def _setting_error(message: str) -> ServiceError:
    return ServiceError(Code.INVALID_ARGUMENT, Reason.SETTING_INVALID, message)
