"""Odoo 18.0 from its official repository, one pinned commit of it.

A commit's id is the digest of all that it holds, and git computes it anew from what it
receives: nothing but the pinned source can arrive.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from devtools.commands import run
from devtools.environment import clean_environment
from devtools.errors import DevtoolsError
from devtools.odoo_server import write_private
from devtools.odoo_tree import OdooTree, inspect_tree

# The one that the pipelines build and test as well.
PINNED = Path(__file__).parents[1] / "odoo_addons/tms_management/odoo-source.toml"
URL_VARIABLE, COMMIT_VARIABLE = "TMS_ODOO_SOURCE_URL", "TMS_ODOO_SOURCE_COMMIT"
# A machine that reaches package registries only must not wait long to learn it.
ANSWER_TIMEOUT_S = 5.0
FETCH_TIMEOUT_S = 900.0
# Translations are half of the tree, and a demo system speaks English.
_LEFT_OUT = ("/*", "!*.po", "!*.pot")
# Every connection that stands still is given up, and nobody is asked for a password.
_SETTINGS = ("-c", "http.lowSpeedLimit=1000", "-c", "http.lowSpeedTime=60")


@dataclass(frozen=True)
class OfficialOdoo:
    """The checkout of one commit.

    :param folder: where it is kept.
    :param log: output of git.
    :param url: of the repository; empty to ask none.
    :param commit: 40 hex digits.
    """

    folder: Path
    log: Path
    url: str
    commit: str

    @classmethod
    def from_environment(cls, folder: Path, log: Path) -> OfficialOdoo:
        """The pinned one, or what ``TMS_ODOO_SOURCE_URL`` and ``..._COMMIT`` name.

        :raises DevtoolsError: when the commit is no full commit id.
        """
        pinned = tomllib.loads(PINNED.read_text(encoding="utf-8"))
        commit = os.environ.get(COMMIT_VARIABLE, pinned["commit"])
        if not re.fullmatch(r"[0-9a-f]{40}", commit):
            raise DevtoolsError(
                f"{COMMIT_VARIABLE}={commit} is no commit id", "give its 40 hex digits"
            )
        return cls(
            folder, log, os.environ.get(URL_VARIABLE, pinned["repository"]), commit
        )

    @property
    def _record(self) -> Path:
        return self.folder / "official.json"

    def find(self) -> OdooTree | None:
        """The tree that was got last, None before :meth:`ensure`."""
        commit = self._kept
        if commit is None:
            return None
        origin = f"official source, commit {commit[:12]}"
        return inspect_tree(self._place(commit), origin, identity=commit)

    def ensure(self, report: Callable[[str], None]) -> OdooTree | None:
        """The tree of the commit, fetched now if need be.

        :returns: the tree that was got before where this one cannot be had; None where
            there is none at all. What could not be had is reported in one line.
        """
        if self._kept != self.commit:
            try:
                self._get(report)
            except DevtoolsError as error:
                report(f"no official Odoo 18.0: {error}")
        return self.find()

    @property
    def _kept(self) -> str | None:
        try:
            commit = json.loads(self._record.read_text())["commit"]
        except FileNotFoundError:
            return None
        return str(commit)

    def _place(self, commit: str) -> Path:
        return self.folder / f"official-{commit[:12]}"

    def _get(self, report: Callable[[str], None]) -> None:
        if not self.url:
            raise DevtoolsError(f"{URL_VARIABLE} is empty")
        if shutil.which("git") is None:
            raise DevtoolsError("git is missing")
        self.folder.mkdir(parents=True, exist_ok=True)
        self._ask()
        report(f"fetching Odoo 18.0, commit {self.commit[:12]}, from {self.url}")
        target = self._place(self.commit)
        new = target.with_name(f".new-{target.name}")
        shutil.rmtree(new, ignore_errors=True)
        shutil.rmtree(target, ignore_errors=True)
        try:
            self._check_out(new)
            inspect_tree(new, self.url)
            new.rename(target)
        finally:
            shutil.rmtree(new, ignore_errors=True)
        write_private(self._record, json.dumps({"commit": self.commit}))

    def _ask(self) -> None:
        """Whether the repository answers at all."""
        words = ["ls-remote", "--quiet", self.url, "refs/heads/18.0"]
        try:
            self._git(words, self.folder, ANSWER_TIMEOUT_S)
        except DevtoolsError as error:
            raise DevtoolsError(f"{self.url} does not answer") from error

    def _check_out(self, new: Path) -> None:
        """Fetch the commit alone, without its history and what is left out of it."""
        fetch = ["fetch", "--quiet", "--depth=1", "--no-tags", "--filter=blob:none"]
        for words in (
            ["init", "--quiet", str(new)],
            ["remote", "add", "origin", self.url],
            ["sparse-checkout", "set", "--no-cone", *_LEFT_OUT],
            [*fetch, "origin", self.commit],
            ["checkout", "--quiet", "--detach", self.commit],
        ):
            cwd = self.folder if words[0] == "init" else new
            self._git(words, cwd, FETCH_TIMEOUT_S)
        shutil.rmtree(new / ".git")

    def _git(self, words: list[str], cwd: Path, timeout_s: float) -> None:
        run(
            ["git", *_SETTINGS, *words],
            log=self.log,
            what=f"git {words[0]}",
            cwd=cwd,
            env=clean_environment({"GIT_TERMINAL_PROMPT": "0"}),
            timeout_s=timeout_s,
        )
