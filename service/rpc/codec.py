"""What `streaming` needs of each task: how its messages are read and written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from hiddenstate.v1 import session_pb2
from service.bundle import Manifest
from service.tasks.task import Answer


class Codec(Protocol):
    """How one task's messages are read and written; the task itself knows no protobuf."""

    task: str
    request_type: Any

    def options(self, config: Any) -> Any:
        """The task's options in a config. Raises ServiceError for what is out of range or not served."""
        ...

    def payload(self, request: Any, manifest: Manifest) -> Any:
        """The task's message in a request that is neither config, end nor acknowledgement, for the model at hand."""
        ...

    def opened(self, opened: session_pb2.Opened, options: Any) -> Any:
        """The first response."""
        ...

    def responses(self, answers: Sequence[Answer]) -> Iterable[Any]:
        """Responses for answers, in order; as few as the contract allows."""
        ...
