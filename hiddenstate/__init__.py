"""The client of hiddenstate: stream text, sentiment and tensors through models whose state lives on the server.

    import hiddenstate

    with hiddenstate.Client("127.0.0.1:50051") as client:
        for token in client.generate("It is a truth universally", model="austen"):
            print(token.text, end="", flush=True)

Nothing heavy is imported before it is used: gRPC when a client is made, numpy when tensors are sent.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hiddenstate.async_client import AsyncClient
    from hiddenstate.client import Client
    from hiddenstate.errors import ServerError, Violation
    from hiddenstate.explanation import LayerGates, StepExplanation
    from hiddenstate.results import (
        Completion,
        Model,
        ModelProblem,
        OpenedSession,
        Quality,
        ResumePoint,
        Sentiment,
        TensorType,
        Token,
        TokenAlternative,
    )
    from hiddenstate.resuming import ResumeEvent, ResumeLimits
    from hiddenstate.session_service import SessionCopy, SessionFacts

_HOMES = {
    "AsyncClient": "async_client",
    "Client": "client",
    "Completion": "results",
    "LayerGates": "explanation",
    "Model": "results",
    "ModelProblem": "results",
    "OpenedSession": "results",
    "Quality": "results",
    "ResumeEvent": "resuming",
    "ResumeLimits": "resuming",
    "ResumePoint": "results",
    "Sentiment": "results",
    "ServerError": "errors",
    "SessionCopy": "session_service",
    "SessionFacts": "session_service",
    "StepExplanation": "explanation",
    "TensorType": "results",
    "Token": "results",
    "TokenAlternative": "results",
    "Violation": "errors",
}

__all__ = [
    "AsyncClient",
    "Client",
    "Completion",
    "LayerGates",
    "Model",
    "ModelProblem",
    "OpenedSession",
    "Quality",
    "ResumeEvent",
    "ResumeLimits",
    "ResumePoint",
    "Sentiment",
    "ServerError",
    "SessionCopy",
    "SessionFacts",
    "StepExplanation",
    "TensorType",
    "Token",
    "TokenAlternative",
    "Violation",
]


def __getattr__(name: str) -> Any:
    """Import the module of a public name when it is first used (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """The public names."""
    return __all__
