"""Tokens: what a client holds to come back to its session, and which session that is."""

from dataclasses import dataclass

from service.errors import ServiceError
from service.kept import Kept, bad_token, not_found, rolled_back
from service.signing import Keys, said_by, token_of
from service.snapshot import Durability, Label

FIELD = "config.session.resume_token"


@dataclass(frozen=True, slots=True)
class Asked:
    """The session that a caller wants to resume: on this branch, created then (seconds since 1970)."""

    session_id: str
    principal: str
    branch_number: int
    created: float

    def check(self, label: Label, branch_number: int) -> None:
        """Raise SESSION_NOT_FOUND for another session of that name, SESSION_ROLLED_BACK for another branch of it."""
        if (label.principal, label.created) != (self.principal, self.created) or label.durability is Durability.NONE:
            raise self.unknown()
        if branch_number != self.branch_number:
            raise rolled_back(label.session_id)

    def checked(self, kept: Kept) -> Kept:
        """The session, if it is the one that was asked for."""
        self.check(kept.label, kept.stream.branch_number)
        return kept

    def unknown(self) -> ServiceError:
        """There is no such session."""
        return not_found(self.session_id, FIELD)


class Tokens:
    """Signed with the keys of the server: not secret, and not to be made by anybody else."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def of(self, kept: Kept) -> str:
        """What resumes a session."""
        label = kept.label
        said = (label.session_id, label.model, label.version, label.variant, label.task)
        return token_of(self._keys, (*said, kept.stream.branch_number, label.created))

    def read(self, token: str, task: str, principal: str) -> Asked:
        """What a caller asks for with a token. Raises RESUME_TOKEN_INVALID."""
        try:
            session_id, _, _, _, own_task, branch_number, created = said_by(self._keys, token)
        except ValueError as error:
            raise bad_token(f"this token was not given by this server, or by one with its keys ({error})") from error
        if own_task != task:
            raise bad_token(f"the token is of a session for {own_task}, not for {task}")
        return Asked(str(session_id), principal, int(branch_number), float(created))
