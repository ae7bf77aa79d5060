"""What this machine gives to a run: the platform, caches, programs, registries."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from delivery.platform.layout import Layout
from delivery.runner.errors import RunnerError

#: PATH of a step, behind the platform's clients.
STANDARD_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#: Programs of the steps that may be somewhere else; their folders are put last.
PROGRAMS = ("bash", "git", "make", "npm", "node")
#: How the machine reaches package registries, and whom it trusts: handed on.
_HANDED_ON = re.compile(
    r"(pip_|npm_config_|ssl_cert_|git_ssl_).*"
    r"|(http|https|no|all)_proxy|requests_ca_bundle|curl_ca_bundle|node_extra_ca_certs"
    r"|home|odoo_home|tmpdir",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Machine:
    """Where runs find what they need.

    :param cache: virtualenvs, runs, release records; outlives every run.
    :param platform: variables that point tools at the running platform.
    :param environ: the environment of whoever starts the run.
    :param locks: folder of the platform, where runs that must not meet keep apart.
    """

    cache: Path
    platform: Mapping[str, str]
    environ: Mapping[str, str]
    locks: Path

    @classmethod
    def of_checkout(cls, checkout: Path, environ: Mapping[str, str]) -> Machine:
        """The machine as the checkout's caches and the running platform describe it.

        ``TMS_CACHE_DIR`` moves the caches, ``TMS_PLATFORM_DIR`` the platform.

        :raises RunnerError: no platform is up
        """
        cache = environ.get("TMS_CACHE_DIR") or str(checkout / ".cache")
        layout = Layout.of_checkout(checkout, environ)
        platform = platform_variables(layout)
        return cls(Path(cache).resolve(), platform, environ, layout.root)

    @property
    def runs(self) -> Path:
        """Folder that holds one folder per run."""
        return self.cache / "pipeline"

    @property
    def releases(self) -> Path:
        """Folder of the release records."""
        return self.cache / "releases"

    def environment(self) -> dict[str, str]:
        """A step's environment: nothing of the caller's shell but what it needs."""
        kept = {
            name: value
            for name, value in self.environ.items()
            if _HANDED_ON.fullmatch(name)
        }
        return {
            "HOME": "/root",
            **kept,
            **self.platform,
            "LANG": "C.UTF-8",
            # act gives steps a terminal; their logs are files.
            "BUILDKIT_PROGRESS": "plain",
            "NO_COLOR": "1",
            "PATH": self._path(),
            "RELEASES_DIR": str(self.releases),
            "TMS_CACHE_DIR": str(self.cache),
        }

    def _path(self) -> str:
        own = self.runs / "bin"
        _link_python(own)
        folders = [str(own), self.platform["PATH"], *STANDARD_PATH.split(os.pathsep)]
        for program in PROGRAMS:
            if shutil.which(program, path=os.pathsep.join(folders)) is None:
                found = shutil.which(program, path=self.environ.get("PATH"))
                if found is None:
                    raise RunnerError(f"{program} is missing: install it")
                folders.append(str(Path(found).parent))
        return os.pathsep.join(folders)


def platform_variables(layout: Layout) -> dict[str, str]:
    """The variables of the running platform; PATH is the folder of its clients.

    :raises RunnerError: no platform is up
    """
    if not layout.environment.exists():
        raise RunnerError("no platform is up: run `python -m delivery platform up`")
    words = shlex.split(layout.environment.read_text(encoding="utf-8"))
    pairs = (word.partition("=") for word in words if word != "export")
    values = {name: value for name, _, value in pairs}
    return {**values, "PATH": str(layout.programs)}


def _link_python(folder: Path) -> None:
    """Offer the Python that this virtualenv was made of, and nothing beside it.

    Virtualenvs are kept per Python: with another one first on PATH, each would be made
    twice.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    link, python = folder / name, Path(sys.base_prefix) / "bin" / name
    if not link.is_symlink() or link.readlink() != python:
        draft = folder / f".{name}.{os.getpid()}"
        draft.symlink_to(python)
        draft.replace(link)


def own_program(name: str) -> Path:
    """A program of the virtualenv that this Python runs in.

    :raises RunnerError: it is not there
    """
    program = Path(sys.prefix) / "bin" / name
    if not program.exists():
        raise RunnerError(
            f"{name} is not in {sys.prefix}: install delivery/requirements-platform.txt"
        )
    return program
