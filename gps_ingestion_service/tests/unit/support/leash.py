"""What the tests start ends with them, also where nobody has the time to end it.

pytest-xdist gives its processes some seconds after Ctrl-C, and then kills them.
"""

import os
import subprocess
from functools import cache
from pathlib import Path

# Before the command line of a program that the main thread starts, and waits for.
LEASH = ("setpriv", "--pdeathsig", "KILL", "--")

# PostgreSQL is no child of ours: pg_ctl starts it and ends. Of a server that was
# stopped there is no such file.
_GUARD = """
while read -r file; do set -- "$@" "$file"; done
for file do kill -QUIT "$(head -n 1 "$file")"; done
"""


def end_with_us(server: Path) -> None:
    """Once this process is gone, however it went, so is the server.

    Args:
        server: the file that holds its process id for as long as it runs.
    """
    names, _ = _guard()
    os.write(names, f"{server}\n".encode())


@cache
def _guard() -> tuple[int, "subprocess.Popen[bytes]"]:
    """What ends the servers once the pipe to it is closed, as it is with this process;
    the pipe, and the guard itself."""
    theirs, ours = os.pipe()
    guard = subprocess.Popen(
        ["sh", "-c", _GUARD],
        stdin=theirs,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    os.close(theirs)
    return ours, guard
