"""Scratch clones of this repository."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from delivery.pipeline.ancestry import ORIGIN_MAIN
from delivery.runner.source import check_out, git, mark_as_pushed

ROOT = Path(__file__).resolve().parents[3]
AUTHOR = ("-c", "user.name=Planted", "-c", "user.email=planted@example.invalid")


@dataclass(frozen=True)
class Checkout:
    """A clone of the commit that is checked out here.

    :param folder: of the clone.
    """

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> Checkout:
        """Clone; what is not committed here is not in it."""
        check_out(ROOT, "HEAD", folder)
        return cls(folder)

    def copy(self, folder: Path) -> Checkout:
        """A clone of this clone, to plant one thing more in."""
        check_out(self.folder, "HEAD", folder)
        return Checkout(folder)

    def leave_main(self) -> None:
        """Make origin's main be the commit before: HEAD was never merged."""
        git(self.folder, "update-ref", ORIGIN_MAIN, "HEAD^")

    def go_back(self) -> None:
        """Be the commit before; the one that is left stays known, as on GitHub."""
        git(self.folder, "reset", "--quiet", "--hard", "HEAD^")
        mark_as_pushed(self.folder)

    @property
    def commit(self) -> str:
        """The full SHA of its HEAD."""
        return git(self.folder, "rev-parse", "HEAD")

    def plant(self, files: dict[str, str]) -> None:
        """Commit files, each with its new text, by paths in the repository."""
        for name, text in files.items():
            (self.folder / name).write_text(text, encoding="utf-8")
        git(self.folder, "add", *files)
        git(self.folder, *AUTHOR, "commit", "--quiet", "--message", "Plant a fault")
        mark_as_pushed(self.folder)

    def read(self, name: str) -> str:
        """The text of a file, by its path in the repository."""
        return (self.folder / name).read_text(encoding="utf-8")
