"""`knownas` and `python -m knownas`."""

import sys

from knownas.cli import run


def main() -> None:
    """Run a command line and exit: 0 done, 1 failed, 2 wrong input."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
