"""Odoo 19.0 from Debian's package, unpacked without being installed.

The package is in Debian's unstable suite only. It is fetched with a state of apt's
that is private to this checkout: the machine's own package lists stay as they are, no
root is needed, and the metadata's signature is checked as always.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from devtools.apt_sources import Source, debian_mirrors, read_sources
from devtools.assets import install_packages
from devtools.commands import run
from devtools.environment import clean_environment
from devtools.errors import DevtoolsError
from devtools.odoo_server import write_private
from devtools.odoo_tree import OdooTree, inspect_tree

PACKAGE = "odoo-19"
SUITE = "sid"
ARCHIVE_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
REPAIR = Path(__file__).parent / "data" / "odoo_repair"
_PACKAGES = "./usr/lib/python3/dist-packages"
_NO_NEED = f"{_PACKAGES}/addons", "*/i18n", "*/addons/l10n_*"


@dataclass(frozen=True)
class Deb:
    """A package file as the signed metadata describes it."""

    version: str
    file: str
    sha256: str


@dataclass(frozen=True)
class DebianOdoo:
    """The package's download and its unpacked tree.

    :param folder: where both are kept.
    :param log: output of apt and npm.
    """

    folder: Path
    log: Path

    @property
    def _record(self) -> Path:
        return self.folder / "unpacked.json"

    def find(self) -> OdooTree | None:
        """The unpacked tree, None before :meth:`ensure`."""
        try:
            record = json.loads(self._record.read_text())
        except FileNotFoundError:
            return None
        origin = f"Debian package {PACKAGE} {record['version']}"
        tree = self.folder / record["tree"]
        return inspect_tree(tree, origin, identity=record["sha256"])

    def ensure(self, report: Callable[[str], None]) -> OdooTree:
        """Download, verify, unpack and repair the package, unless that was done.

        :raises DevtoolsError: when no mirror is known or none answers.
        """
        tree = self.find()
        if tree is not None:
            return tree
        self.folder.mkdir(parents=True, exist_ok=True)
        deb = self._download(report)
        report(f"unpacking {PACKAGE} {deb.version}, sha256 {deb.sha256}")
        self._unpack(deb)
        tree = self.find()
        assert tree is not None
        return tree

    # -- download ------------------------------------------------------------------

    def _download(self, report: Callable[[str], None]) -> Deb:
        mirrors = debian_mirrors(read_sources(), _codename())
        if not mirrors:
            raise DevtoolsError(
                "apt's sources name no Debian mirror to get Odoo from",
                "add one, or set ODOO_HOME to an Odoo 18.0 or 19.0 tree",
            )
        failure: DevtoolsError | None = None
        for mirror in mirrors:
            try:
                return self._download_from(mirror, report)
            except DevtoolsError as error:
                failure = error
        cached = self._cached()
        if cached is not None:
            report(f"no mirror answers: using {cached.file} from the cache")
            return cached
        raise DevtoolsError(
            f"{PACKAGE} could not be had from this machine's Debian mirror",
            "check the network, or set ODOO_HOME to an Odoo 18.0 or 19.0 tree",
            failure.details if failure else (),
        )

    def _download_from(self, mirror: Source, report: Callable[[str], None]) -> Deb:
        options = self._apt_options(mirror)
        report(f"asking the mirror for {PACKAGE}")
        self._apt([*options, "update"])
        printed = self._apt([*options, "--print-uris", "download", PACKAGE])
        deb = parse_print_uris(printed)
        target = self.folder / deb.file
        if not target.is_file() or _sha256(target) != deb.sha256:
            report(f"downloading {PACKAGE} {deb.version}")
            self._apt([*options, "download", PACKAGE])
            if _sha256(target) != deb.sha256:
                target.unlink()
                raise DevtoolsError(f"{deb.file} is not what its metadata says")
        record = {"version": deb.version, "file": deb.file, "sha256": deb.sha256}
        write_private(self.folder / "downloaded.json", json.dumps(record))
        return deb

    def _cached(self) -> Deb | None:
        try:
            record = json.loads((self.folder / "downloaded.json").read_text())
        except FileNotFoundError:
            return None
        deb = Deb(**record)
        target = self.folder / deb.file
        return deb if target.is_file() and _sha256(target) == deb.sha256 else None

    def _apt_options(self, mirror: Source) -> list[str]:
        state, cache = self.folder / "apt" / "state", self.folder / "apt" / "cache"
        (state / "lists" / "partial").mkdir(parents=True, exist_ok=True)
        (cache / "archives" / "partial").mkdir(parents=True, exist_ok=True)
        keyring = self._keyring(mirror)
        signed_by = f"[signed-by={keyring}] " if keyring else ""
        source_list = self.folder / "apt" / "sources.list"
        source_list.write_text(f"deb {signed_by}{mirror.uri} {SUITE} main\n")
        settings = {
            "Dir::Etc::SourceList": source_list,
            "Dir::Etc::SourceParts": "/dev/null",
            "Dir::State": state,
            "Dir::State::Status": "/var/lib/dpkg/status",
            "Dir::Cache": cache,
            "Acquire::Languages": "none",
            "Acquire::Retries": "3",
            "Acquire::http::Timeout": "30",
            "Acquire::https::Timeout": "30",
            "Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled": "false",
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled": "false",
            # The lists are in a folder that only this user may enter.
            "APT::Sandbox::User": "root",
            "APT::Update::Error-Mode": "any",
        }
        return [
            "-qq",
            *(word for kv in settings.items() for word in ("-o", f"{kv[0]}={kv[1]}")),
        ]

    def _keyring(self, mirror: Source) -> Path | None:
        if "BEGIN PGP" in mirror.signed_by:
            key = self.folder / "apt" / "mirror.asc"
            key.write_text(mirror.signed_by.strip() + "\n")
            return key
        if mirror.signed_by.startswith("/"):
            return Path(mirror.signed_by)
        return ARCHIVE_KEYRING if ARCHIVE_KEYRING.is_file() else None

    def _apt(self, arguments: list[str]) -> str:
        return run(
            ["apt-get", *arguments],
            log=self.log,
            what="apt-get",
            cwd=self.folder,
            env=clean_environment({"DEBIAN_FRONTEND": "noninteractive"}),
            timeout_s=600,
        )

    # -- unpacking and repair ------------------------------------------------------

    def _unpack(self, deb: Deb) -> None:
        """Unpack beside the place, repair, and move into place when complete."""
        name = re.sub(r"[^A-Za-z0-9.]", "_", deb.version)
        target, new = self.folder / name, self.folder / f".new-{name}"
        shutil.rmtree(new, ignore_errors=True)
        shutil.rmtree(target, ignore_errors=True)
        new.mkdir()
        try:
            self._extract(self.folder / deb.file, new)
            packages = new / _PACKAGES
            self._repair(packages / "odoo" / "addons")
            inspect_tree(packages, PACKAGE)
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            raise
        new.rename(target)
        record = {
            "version": deb.version,
            "sha256": deb.sha256,
            "tree": str(Path(name) / _PACKAGES),
        }
        write_private(self._record, json.dumps(record))

    def _extract(self, archive: Path, target: Path) -> None:
        excluded = [f"--exclude={pattern}" for pattern in _NO_NEED]
        with subprocess.Popen(
            ["dpkg-deb", "--fsys-tarfile", str(archive)], stdout=subprocess.PIPE
        ) as unpacking:
            done = subprocess.run(
                ["tar", "-x", "-C", str(target), *excluded, _PACKAGES],
                stdin=unpacking.stdout,
                capture_output=True,
                text=True,
                check=False,
            )
        if done.returncode != 0 or unpacking.returncode != 0:
            lines = tuple(done.stderr.strip().splitlines()[-3:])
            raise DevtoolsError(
                "Odoo could not be unpacked", "is the disk full?", lines
            )

    def _repair(self, addons: Path) -> None:
        """Put in what the package only links to, in other packages not installed.

        Without jQuery the login page fails; without the (optional) selfie segmentation
        the web client's bundle does, for which an empty file is enough.
        """
        work = self.folder / "repair"
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(REPAIR, work)
        install_packages(work, self.log)
        jquery = addons / "web" / "static" / "lib" / "jquery" / "jquery.js"
        _replace(jquery, (work / "node_modules/jquery/dist/jquery.js").read_bytes())
        selfie = addons / "mail/static/lib/selfie_segmentation/selfie_segmentation.js"
        _replace(selfie, b"")
        shutil.rmtree(work)


def parse_print_uris(text: str) -> Deb:
    """The package that ``apt-get --print-uris download`` announces.

    :raises DevtoolsError: when there is none, or it has no SHA-256.
    """
    found = re.search(r"^'[^']*' (\S+)_(\S+)_\S+\.deb \d+ SHA256:([0-9a-f]{64})", text)
    if found is None:
        raise DevtoolsError(f"the mirror's metadata describes no {PACKAGE}")
    file = text.split()[1]
    return Deb(version=found[2].replace("%3a", ":"), file=file, sha256=found[3])


def _codename() -> str:
    release = Path("/etc/os-release").read_text()
    found = re.search(r"^VERSION_CODENAME=\"?(\w+)", release, re.MULTILINE)
    return found[1] if found else ""


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _replace(link: Path, content: bytes) -> None:
    """Replace a (broken) link by a file."""
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.write_bytes(content)
