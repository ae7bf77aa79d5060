"""Base images made on this machine, where no image registry can be reached.

mmdebstrap makes a root file system from the machine's own Debian archive. Such an
image names that archive in its apt sources: it is for this machine only and must
never be published.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from delivery.platform.commands import run
from delivery.platform.engine import Engine
from delivery.platform.errors import PlatformError
from delivery.platform.layout import Layout, Network
from delivery.platform.packages import Packages, Source
from delivery.platform.registry import Registry

TOOLS = {"mmdebstrap": "mmdebstrap"}
#: User and group of PostgreSQL's files, the same inside and outside of pods.
DATABASE_UID = 10070


@dataclass(frozen=True)
class BaseImage:
    """What an image is made of: packages, and commands run inside it at the end."""

    repository: str
    packages: tuple[str, ...]
    commands: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()

    def key(self, sources: list[Source], state: str) -> str:
        """Return the tag: a hash of what it is made of and from.

        `state` stands for the content of the archive at the time.
        """
        parts = [self.repository, *self.packages, *self.commands, *self.changes]
        parts += [source.line() for source in sources] + [state]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


PYTHON = BaseImage(
    "platform/python",
    ("python3", "python3-venv", "ca-certificates"),
    (
        "ln -s /usr/bin/python3 /usr/local/bin/python",
        # Those of this machine, which mmdebstrap copies in.
        "rm -f /etc/resolv.conf /etc/hostname",
    ),
    ("ENV LANG=C.UTF-8", 'CMD ["python3"]'),
)
POSTGRESQL = BaseImage(
    "platform/postgresql",
    ("postgresql-15",),
    (
        f"groupadd --gid {DATABASE_UID} database",
        f"useradd --uid {DATABASE_UID} --gid {DATABASE_UID} --no-create-home database",
    ),
    (
        "ENV LANG=C.UTF-8 PATH=/usr/lib/postgresql/15/bin:/usr/bin:/bin",
        f"USER {DATABASE_UID}:{DATABASE_UID}",
    ),
)


def release_suite(sources: list[Source]) -> str:
    """Return the name of the release, `bookworm`, from its suites.

    Raises PlatformError when the sources hold no plain suite.
    """
    for source in sources:
        if "-" not in source.suite and "/" not in source.suite:
            return source.suite
    raise PlatformError("no suite of a Debian release is set up in /etc/apt")


class BaseImages:
    """Makes base images once, and puts them into the registry."""

    def __init__(
        self,
        layout: Layout,
        network: Network,
        packages: Packages,
        engine: Engine,
        registry: Registry,
    ) -> None:
        """Nothing is made yet."""
        self.layout = layout
        self.network = network
        self.packages = packages
        self.engine = engine
        self.registry = registry

    def provide(self, image: BaseImage) -> str:
        """Make sure the registry holds an image; return its whole name."""
        self.packages.refresh_once()
        sources = self.packages.sources()
        tag = image.key(sources, self.packages.archive_state())
        name = f"{self.network.registry}/{image.repository}:{tag}"
        if not self.registry.holds(image.repository, tag):
            archive = self.layout.images / f"{image.repository.rpartition('/')[2]}.tar"
            self._make(image, sources, archive)
            self.engine.import_archive(archive, name, image.changes)
            archive.unlink()
            self.engine.push(name)
        return name

    def provide_program(self, program: Path, image: str) -> None:
        """Make sure the registry holds an image of one static program."""
        repository, _, tag = image.partition(":")
        if not self.registry.holds(repository, tag):
            name = f"{self.network.registry}/{image}"
            self.engine.import_file(program, name)
            self.engine.push(name)

    def _make(self, image: BaseImage, sources: list[Source], archive: Path) -> None:
        self.packages.install(TOOLS)
        work = self.layout.images / "work"
        for folder in (self.layout.images, work):
            folder.mkdir(parents=True, exist_ok=True)
        argv = mmdebstrap_command(image, sources, archive)
        # dpkg flushes every file: in memory that costs nothing. The mount is seen
        # by this one process only, and goes with it.
        shell = 'mount -t tmpfs -o mode=755 tmpfs "$0" && TMPDIR="$0" exec "$@"'
        run(
            ["unshare", "--mount", "sh", "-c", shell, work, *argv],
            purpose=f"making the base image {image.repository}",
            log=self.layout.logs / "base-images.log",
            timeout_s=1800,
        )


def mmdebstrap_command(
    image: BaseImage, sources: list[Source], archive: Path
) -> list[str]:
    """Return the command line that writes the root file system as a tar archive."""
    hooks = [
        f"--customize-hook=chroot \"$1\" sh -c '{line}'" for line in image.commands
    ]
    return [
        *("mmdebstrap", "--mode=root", "--variant=minbase"),
        f"--include={','.join(image.packages)}",
        "--dpkgopt=path-exclude=/usr/share/doc/*",
        "--dpkgopt=path-exclude=/usr/share/man/*",
        "--dpkgopt=path-exclude=/usr/share/locale/*",
        *hooks,
        release_suite(sources),
        str(archive),
        *(source.line() for source in sources),
    ]
