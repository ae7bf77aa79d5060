"""Clean checkouts: what is committed, and nothing else, is delivered."""

from __future__ import annotations

import subprocess
from pathlib import Path

from delivery.pipeline.ancestry import ORIGIN_MAIN
from delivery.runner.errors import RunnerError


def git(folder: Path, *words: str) -> str:
    """Run git in ``folder`` and return what it prints.

    :raises RunnerError: it failed
    """
    done = subprocess.run(
        ["git", "-C", str(folder), *words],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RunnerError(f"git {' '.join(words)} in {folder}: {done.stderr.strip()}")
    return done.stdout.strip()


def uncommitted(repository: Path) -> tuple[str, ...]:
    """Names of files whose content is not what HEAD holds."""
    status = git(repository, "status", "--porcelain", "--untracked-files=normal")
    return tuple(line.strip().rpartition(" ")[2] for line in status.splitlines())


def check_out(repository: Path, commit: str, folder: Path) -> str:
    """Make a checkout of ``commit`` with its history in ``folder``, on a branch main.

    There origin's main is that commit, as after a push of it.
    It borrows the repository's objects, which makes it small and quick to copy.

    :param commit: anything that git resolves to one.
    :returns: the full SHA.
    :raises RunnerError: there is no such commit, or ``folder`` is not empty
    """
    sha = git(repository, "rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}")
    options = ("--quiet", "--shared", "--no-checkout", "--no-tags")
    git(repository, "clone", *options, str(repository.resolve()), str(folder))
    git(folder, "checkout", "--quiet", "-B", "main", sha)
    mark_as_pushed(folder)
    return sha


def mark_as_pushed(checkout: Path) -> None:
    """Make origin's main be what ``checkout`` holds, as a push would have made it."""
    git(checkout, "update-ref", ORIGIN_MAIN, "HEAD")
