"""A client that may be killed at any moment: with each answer it saves where to go on, and begins there.

python -m tests.saving_client ADDRESS FILE
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from hiddenstate import Client, ResumePoint

ANSWERS = 120
DEALING = 0.01
"""Seconds that an answer takes to be dealt with, so that a kill comes in the midst of one."""


def saved(path: Path) -> list[dict[str, Any]]:
    """The answers that were dealt with; a line that was not written to its end is none."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        path.write_text(whole, encoding="utf-8")
    return [json.loads(line) for line in whole.splitlines()]


def main(address: str, path: Path) -> None:
    """Go on behind the last answer that was saved, or begin."""
    answers = saved(path)
    options: dict[str, Any] = {"resume": ResumePoint(*answers[-1]["point"])} if answers else {"durability": "memory"}
    with Client(address) as client, path.open("a", encoding="utf-8") as file:
        stream = client.generate("It is", model="tiny-generator", seed=5, max_tokens=ANSWERS, **options)
        for token in stream:
            time.sleep(DEALING)
            point = stream.resume_point
            assert point is not None
            said = [point.token, point.received_answer_number, point.session_id]
            file.write(json.dumps({"token": token.token_id, "point": said}) + "\n")
            file.flush()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
