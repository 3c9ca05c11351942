"""The command line: `hiddenstate`."""

import os
import sys


def main() -> None:
    """Run the command line; the exit code is 1 for an error, 2 for wrong usage, 130 when interrupted."""
    # Imported here: asking for the entry point alone is free.
    from hiddenstate.command.app import app
    from hiddenstate.command.terminal import complain
    from hiddenstate.errors import ServerError

    try:
        app(prog_name="hiddenstate")
    except ServerError as error:
        complain(error)
        sys.exit(1)
    except BrokenPipeError:
        # Whoever read our output has enough. What is still buffered must not be written at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except (OSError, UnicodeDecodeError) as error:
        complain(error)
        sys.exit(1)
