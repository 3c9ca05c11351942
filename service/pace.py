"""The pace: when work moves to a thread and when answers go out."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Pace:
    """Times in seconds.

    `inline_limit`: a run expected to be shorter stays on the loop, a longer one goes to a thread, since a hop costs
    25 to 55 µs. A message costs the transport about `write_cost`; merged answers wait at most `max_merge`, and no
    longer than keeps the transport below `write_share` of a core. `patience` is how long a chunk may wait before it
    is late, where the client declared no cadence. For `gather_time` at most a tick waits while messages keep coming.
    """

    inline_limit: float = 0.0005
    write_cost: float = 0.00004
    write_share: float = 0.1
    max_merge: float = 0.05
    patience: float = 0.05
    gather_time: float = 0.001

    def merge_time(self, writers: int) -> float:
        """How long answers may be gathered when `writers` streams get some in each tick; nothing when it is one."""
        return min((writers - 1) * self.write_cost / self.write_share, self.max_merge)
