"""Who calls: the principal that a session belongs to."""

from typing import Any

ANONYMOUS = ""


def principal_of(context: Any) -> str:
    """The identity that the transport has proved of a caller, such as the name in a client's certificate; anonymous
    where there is none. Nothing that a caller merely says of itself counts.
    """
    identities = context.peer_identities()
    return next(iter(identities)).decode("utf-8", "replace") if identities else ANONYMOUS
