"""What a session that is in a store alone is listed by, written beside its snapshot."""

import json
from typing import NamedTuple


class Listing(NamedTuple):
    """`created`, `stepped`: when it was opened and took its last step, in seconds since 1970 (0: no step yet);
    `learned`: the task of the model.
    """

    created: float
    stepped: float
    principal: str
    model: str
    version: int
    learned: str

    def encode(self) -> bytes:
        """As a store keeps it."""
        return json.dumps(self, separators=(",", ":"), ensure_ascii=False).encode()

    @classmethod
    def decode(cls, data: bytes) -> "Listing":
        """What a store has kept. Raises ValueError or TypeError for anything else."""
        return cls(*json.loads(data))
