"""Entry point of ``python3 -m devtools``: finds a Python 3.11, then runs the CLI."""

import os
import shutil
import sys

REQUIRED = (3, 11)


def _require_python() -> None:
    """Hand over to ``python3.11`` when this interpreter is another version."""
    if sys.version_info[:2] == REQUIRED:
        return
    name = "python%d.%d" % REQUIRED
    other = shutil.which(name)
    if other is None:
        sys.stderr.write("error: %s is needed: apt-get install %s\n" % (name, name))
        raise SystemExit(1)
    os.execv(other, [other, "-m", "devtools"] + sys.argv[1:])


if __name__ == "__main__":
    _require_python()
    from devtools.cli import main

    raise SystemExit(main(sys.argv[1:]))
