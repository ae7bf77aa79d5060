"""The files that a checkout holds, as git sees them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path


@dataclass(frozen=True)
class Repository:
    """Tracked files of a checkout, and those about to be.

    :param root: folder of the checkout.
    """

    root: Path

    @cached_property
    def files(self) -> tuple[Path, ...]:
        """Paths relative to the root, of files that exist."""
        command = ["git", "ls-files", "-z", "--cached", "--others"]
        listed = subprocess.run(
            [*command, "--exclude-standard"],
            cwd=self.root,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split("\0")
        paths = (Path(name) for name in listed if name)
        return tuple(path for path in paths if (self.root / path).is_file())

    def texts(self) -> Iterator[tuple[Path, str]]:
        """Every file that is text, with its content."""
        for path in self.files:
            content = (self.root / path).read_bytes()
            if b"\0" not in content[:8192]:
                yield path, content.decode("utf-8", "replace")

    def shell_files(self) -> list[Path]:
        """Shell scripts, by their ending or their first line."""
        return [
            path
            for path, text in self.texts()
            if path.suffix in (".sh", ".bash") or _has_shell_shebang(text)
        ]


def _has_shell_shebang(text: str) -> bool:
    first = text.partition("\n")[0]
    words = first.removeprefix("#!").replace("/", " ").split()
    return first.startswith("#!") and bool({"sh", "bash", "dash"} & set(words))
