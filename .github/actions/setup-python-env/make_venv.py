"""Makes one of the repository's virtualenvs and prints where it is."""

import sys

from devtools.layout import Layout
from devtools.venvs import ensure_venv


def main(name: str) -> None:
    """Make the virtualenv ``name`` from its locks, unless it is there."""
    layout = Layout.discover()
    layout.logs.mkdir(parents=True, exist_ok=True)
    ensure_venv(layout, name, lambda line: print(line, file=sys.stderr))
    print(layout.venv(name))


if __name__ == "__main__":
    main(sys.argv[1])
