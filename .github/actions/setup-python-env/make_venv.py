"""Makes one of the repository's virtualenvs from its locks and prints where it is."""

import sys

from devtools.layout import Layout
from devtools.venvs import ensure_shared_venv


def main(name: str) -> None:
    """Make the virtualenv ``name``, unless one of the same locks is there."""
    layout = Layout.discover()
    layout.logs.mkdir(parents=True, exist_ok=True)
    print(ensure_shared_venv(layout, name, lambda line: print(line, file=sys.stderr)))


if __name__ == "__main__":
    main(sys.argv[1])
