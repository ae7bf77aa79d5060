"""`python -m delivery.platform`, the same as `python -m delivery platform`."""

import sys

from delivery.platform.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
