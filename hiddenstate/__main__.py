"""`python -m hiddenstate`: the command line."""

from hiddenstate.command import main

if __name__ == "__main__":
    main()
