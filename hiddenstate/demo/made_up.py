"""What the demonstration sends: sentences, a series and digits that nobody has seen, made up for it."""

from __future__ import annotations

import math
import random

PROMPT = "It is a truth universally acknowledged, that"
SNIPPETS = (
    "A warm, funny and beautifully acted film that never once talks down to its audience.",
    "The first half is a joy, but then it collapses into a dull and endless mess of cheap tears.",
)
TAGGED = "The old keeper of the lighthouse quietly counted every ship that passed, and he never slept."
TRANSLATED = ("Click the button to save the changes.", "The selected cells are copied to the new sheet.")
MENU = (
    *("play music", "pause music", "stop", "next", "volume up", "volume down", "call"),
    *("turn light on", "turn light off"),
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
)
"""All that a remote control is told."""
PRONOUNCED = "quokka photosynthesis whistleblower zeitgeistless hiddenstate"

_PIXELS = {" ": 0.0, "-": 5.0, "+": 10.0, "#": 16.0}
DIGITS = (
    (
        "  -##+  ",
        " -#++#- ",
        " ++  ++ ",
        " #-  -# ",
        " #-  -# ",
        " ++  ++ ",
        " -#--#- ",
        "  -##-  ",
    ),
    (
        "  +###- ",
        " -#--+# ",
        "     +# ",
        "   ###- ",
        "     +# ",
        "      #-",
        " #+--+# ",
        " -+##+  ",
    ),
    (
        "    -#  ",
        "   -#+  ",
        "   ++   ",
        "  +# -+ ",
        " -#- #+ ",
        " ######-",
        "    +#  ",
        "    ++  ",
    ),
    (
        " +#####+",
        " -+--+# ",
        "     #- ",
        "   -+#+ ",
        "  +###- ",
        "   #-   ",
        "  +#    ",
        "  #+    ",
    ),
)


def pixels(picture: tuple[str, ...]) -> list[float]:
    """The 64 shades of a picture, 0 (white) to 16 (black), line by line."""
    return [_PIXELS[mark] for line in picture for mark in line]


def sales(months: int, seed: int = 7) -> list[float]:
    """Ice cream, say: what grows, comes back every summer, and is never quite as expected."""
    noise = random.Random(seed)
    return [
        round((120 + 1.1 * month) * (1 + 0.28 * math.sin(2 * math.pi * (month - 3) / 12)) + noise.gauss(0, 6), 1)
        for month in range(months)
    ]
