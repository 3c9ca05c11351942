"""The baseline of translation: Apertium, a system of rules written by people (Forcada et al., 2011)."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence

from training.data.cache import DataError

PAIR = "eng-spa"
_ADVICE = f"install it (Debian: apt-get install apertium-{PAIR})"


def installed() -> bool:
    """Whether Apertium is on this machine."""
    return shutil.which("apertium") is not None


def apertium(sentences: Sequence[str], pair: str = PAIR) -> list[str]:
    """The translation of each sentence, words that it does not know left as they are. Raises DataError."""
    if not installed():
        raise DataError(f"the baseline needs Apertium: {_ADVICE}")
    # An empty line ends a sentence, so that no rule reaches into the next one.
    given = "\n\n".join(sentence.replace("\n", " ") for sentence in sentences)
    done = subprocess.run(("apertium", "-u", pair), input=given, capture_output=True, text=True, check=False)
    lines = [line.strip() for line in done.stdout.split("\n\n")]
    if done.returncode or len(lines) != len(sentences):
        raise DataError(f"`apertium {pair}` failed ({done.stderr.strip() or len(lines)}): {_ADVICE}")
    return lines
