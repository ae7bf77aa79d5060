"""Debian packages: a few installed, the others unpacked into a folder of our own.

Daemons are unpacked and not installed: their maintainer scripts add users and
start services on every interface. Small tools that other programs look for on the
usual paths (iptables, conntrack, docker) are installed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from delivery.platform.commands import run
from delivery.platform.errors import PlatformError
from delivery.platform.layout import Layout

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
POLICY = Path("/usr/sbin/policy-rc.d")
TARGET_FORMAT = "$(ORIGIN)\t$(SITE)\t$(REPO_URI)\t$(RELEASE)\t$(COMPONENT)"


@dataclass(frozen=True, order=True)
class Source:
    """One suite of a Debian archive, as a line of sources.list(5)."""

    uri: str
    suite: str
    component: str

    def line(self, kind: str = "deb") -> str:
        """Return the line for binary (`deb`) or source (`deb-src`) packages."""
        return f"{kind} [signed-by={KEYRING}] {self.uri} {self.suite} {self.component}"


def parse_targets(text: str) -> list[Source]:
    """Pick Debian's own suites out of `apt-get indextargets` output.

    One line per target, the fields of TARGET_FORMAT between tabs. Archives of
    others (the origin is not Debian) are left out: what they serve is not needed,
    and an image must not depend on them.
    """
    found = set()
    for line in text.splitlines():
        origin, _site, uri, suite, component = line.split("\t")
        if origin == "Debian":
            found.add(Source(uri.rstrip("/"), suite, component))
    return sorted(found)


class Packages:
    """apt with private lists and source lists, made from the machine's own."""

    def __init__(self, layout: Layout) -> None:
        """Keep everything below the layout's `apt` and `packages`."""
        self.layout = layout
        self.configuration = layout.apt / "apt.conf"

    def sources(self) -> list[Source]:
        """Return the machine's Debian suites; the system's lists are read first.

        Raises PlatformError when the machine has none.
        """
        text = self._indextargets()
        found = parse_targets(text)
        if not found:
            # A machine whose lists were never fetched does not know the origins.
            run(["apt-get", "-q", "update"], purpose="reading the package lists")
            found = parse_targets(self._indextargets())
        if not found:
            raise PlatformError(
                "no Debian archive is set up: add one to /etc/apt and run again"
            )
        return found

    def refresh(self) -> None:
        """Write the private configuration and read the package lists."""
        sources = self.sources()
        self.layout.apt.mkdir(parents=True, exist_ok=True)
        for folder in ("state/lists/partial", "cache/archives/partial"):
            (self.layout.apt / folder).mkdir(parents=True, exist_ok=True)
        lines = [source.line(kind) for kind in ("deb", "deb-src") for source in sources]
        listing = self.layout.apt / "sources.list"
        listing.write_text("\n".join(lines) + "\n", encoding="utf-8")
        self.configuration.write_text(self._configuration(listing), encoding="utf-8")
        self._apt("update", purpose="reading the package lists")

    def version(self, package: str) -> str:
        """Return the version that would be downloaded."""
        shown = self._apt(
            "show", "--no-all-versions", package, purpose=f"looking up {package}"
        )
        for line in shown.splitlines():
            if line.startswith("Version: "):
                return line.removeprefix("Version: ")
        raise PlatformError(f"the Debian archive of this machine has no {package}")

    def source_version(self, package: str) -> str:
        """Return the newest version of a source package."""
        shown = self._apt("showsrc", package, purpose=f"looking up {package}")
        for line in shown.splitlines():
            if line.startswith("Version: "):
                return line.removeprefix("Version: ")
        raise PlatformError(f"the Debian archive of this machine has no {package}")

    def download_source(self, package: str, target: Path) -> Path:
        """Unpack a source package below `target`; return its folder."""
        target.mkdir(parents=True, exist_ok=True)
        purpose = f"downloading the source of {package}"
        self._apt("source", "--download-only", package, purpose=purpose, cwd=target)
        (description,) = target.glob(f"{package}_*.dsc")
        unpacked = target / "source"
        # apt has checked the hashes against the signed lists already.
        run(
            ["dpkg-source", "--no-check", "-x", description, unpacked],
            purpose=f"unpacking the source of {package}",
        )
        return unpacked

    def unpack(self, name: str, packages: Sequence[str]) -> Path:
        """Unpack packages, without what they depend on, into one cached folder."""
        done = self.layout.packages / name
        if done.exists():
            return done
        self.refresh_once()
        work = self.layout.packages / f"{name}.part"
        self.layout.remove(work)
        root = work / "root"
        root.mkdir(parents=True)
        self._apt("download", *packages, purpose=f"downloading {name}", cwd=work)
        for archive in sorted(work.glob("*.deb")):
            run(["dpkg-deb", "-x", archive, root], purpose=f"unpacking {archive.name}")
        root.rename(done)
        self.layout.remove(work)
        return done

    def refresh_once(self) -> None:
        """Read the package lists unless this checkout has them."""
        if not self.configuration.exists():
            self.refresh()

    def install(self, packages: dict[str, str]) -> list[str]:
        """Install the packages whose program (the value) is missing; name them."""
        missing = sorted(name for name, tool in packages.items() if not _there(tool))
        if missing:
            if not any(Path("/var/lib/apt/lists").glob("*_Packages*")):
                run(["apt-get", "-q", "update"], purpose="reading the package lists")
            with _services_stay_off():
                run(
                    ["apt-get", "-qy", "install", "--no-install-recommends", *missing],
                    purpose=f"installing {' '.join(missing)}",
                    env={"DEBIAN_FRONTEND": "noninteractive"},
                    log=self.layout.logs / "apt.log",
                )
        return missing

    def archive_state(self) -> str:
        """Return a short hash of the signed lists that were last read."""
        digest = hashlib.sha256()
        for path in sorted((self.layout.apt / "state/lists").glob("*InRelease")):
            digest.update(path.read_bytes())
        return digest.hexdigest()[:12]

    def _indextargets(self) -> str:
        argv = ["apt-get", "indextargets", "--format", TARGET_FORMAT]
        return run([*argv, "Created-By: Packages"], purpose="listing package archives")

    def _configuration(self, listing: Path) -> str:
        return (
            f'Dir::Etc::SourceList "{listing}";\n'
            'Dir::Etc::SourceParts "/dev/null";\n'
            f'Dir::State "{self.layout.apt}/state";\n'
            'Dir::State::Status "/var/lib/dpkg/status";\n'
            f'Dir::Cache "{self.layout.apt}/cache";\n'
            'Acquire::Languages "none";\n'
            'APT::Sandbox::User "root";\n'
        )

    def _apt(self, *words: str, purpose: str, cwd: Path | None = None) -> str:
        program = "apt-cache" if words[0].startswith("show") else "apt-get"
        return run(
            [program, "-q", *words],
            purpose=purpose,
            env={"APT_CONFIG": str(self.configuration)},
            cwd=cwd,
        )


def _there(tool: str) -> bool:
    if tool.startswith("/"):
        return os.access(tool, os.X_OK)
    return shutil.which(tool) is not None


@contextmanager
def _services_stay_off() -> Iterator[None]:
    """Keep maintainer scripts from starting daemons (policy-rc.d(8))."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n", encoding="utf-8")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink()
