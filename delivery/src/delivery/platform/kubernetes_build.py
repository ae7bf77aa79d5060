"""Kubernetes from Debian's source package, built with Debian's Go.

Debian 12 ships the source of Kubernetes with everything vendored but packages only
the client. The build needs no network beyond the Debian archive.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from delivery.platform.commands import run
from delivery.platform.errors import PlatformError
from delivery.platform.layout import Layout
from delivery.platform.packages import Packages
from delivery.platform.steps import Steps

SOURCE_PACKAGE = "kubernetes"
GO_PACKAGES = ("golang-1.19-go", "golang-1.19-src")
COMMANDS = (
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
)
#: Without the cloud providers and dockershim, which nothing here uses.
TAGS = "providerless dockerless"
IMPORT = "k8s.io/kubernetes"
PAUSE_SOURCE = Path(__file__).parent / "files" / "pause.go"
#: File beside the binaries with the versions of the source and of Go.
INPUTS = "INPUTS"
OPENAPI_MARK = re.compile(rb"^// \+k8s:openapi-gen=", re.MULTILINE)
#: Staging modules that mark packages for tools and samples, not for the server.
NOT_SERVED = ("code-generator", "sample-apiserver")


@dataclass(frozen=True)
class Version:
    """A Kubernetes version as the binaries report it."""

    major: str
    minor: str
    git: str

    @classmethod
    def of_package(cls, version: str) -> Version:
        """Read it from a Debian version, `1.20.5+really1.20.2-1.1+deb12u1`.

        What follows `really` is what the package holds.
        """
        text = version.partition("+really")[2] or version
        match = re.match(r"(\d+)\.(\d+)\.(\d+)", text)
        if not match:
            raise PlatformError(f"the version of Kubernetes {version!r} is not known")
        return cls(match[1], match[2], f"v{match[0]}")

    def linker_flags(self) -> str:
        """Return the flags that write the version into a binary."""
        words = ["-s", "-w"]
        for module in ("client-go/pkg", "component-base"):
            package = f"{IMPORT}/vendor/k8s.io/{module}/version"
            for name, value in (
                ("gitVersion", self.git),
                ("gitMajor", self.major),
                ("gitMinor", self.minor),
                ("gitTreeState", "clean"),
            ):
                words += ["-X", f"{package}.{name}={value}"]
        return " ".join(words)


def cache_key(package_version: str, go_version: str, pause_source: str) -> str:
    """Return the name of the folder for binaries of these inputs and our flags."""
    flags = Version.of_package(package_version).linker_flags()
    inputs = "\n".join((go_version, TAGS, flags, *COMMANDS, pause_source))
    digest = hashlib.sha256(inputs.encode()).hexdigest()[:12]
    return f"{re.sub(r'[^0-9A-Za-z.]', '_', package_version)}-{digest}"


def openapi_packages(marked: Iterable[Path]) -> list[str]:
    """Turn folders of marked source files into the packages openapi-gen reads.

    Paths are relative to the source tree. Staging modules are imported through
    the vendor folder, as the server does.
    """
    names = set()
    for folder in marked:
        parts = folder.parts
        if parts[:2] == ("staging", "src"):
            if parts[3] in NOT_SERVED:
                continue
            parts = ("vendor", *parts[2:])
        names.add("/".join((IMPORT, *parts)))
    return sorted(names)


def marked_folders(source: Path) -> set[Path]:
    """Return the folders with a file that asks for OpenAPI definitions."""
    found = set()
    for top in ("cmd", "pkg", "plugin", "staging"):
        for path in (source / top).rglob("*.go"):
            if not path.name.endswith("_test.go") and OPENAPI_MARK.search(
                path.read_bytes()
            ):
                found.add(path.parent.relative_to(source))
    return found


class KubernetesBuild:
    """Builds the binaries once per version and flags."""

    def __init__(self, layout: Layout, packages: Packages, steps: Steps) -> None:
        """Use the layout's `kubernetes` folder as the cache."""
        self.layout = layout
        self.packages = packages
        self.steps = steps

    def binaries(self) -> Path:
        """Return the folder with the five commands and `pause`, built if needed."""
        newest = self._cached()
        if newest:
            return newest
        self.packages.refresh_once()
        version = self.packages.source_version(SOURCE_PACKAGE)
        go_version = self.packages.version(GO_PACKAGES[0])
        pause = PAUSE_SOURCE.read_text(encoding="utf-8")
        target = self.layout.kubernetes / cache_key(version, go_version, pause)
        with self.steps.step(f"Kubernetes {version}: source and Go"):
            go_root = self.packages.unpack("go", GO_PACKAGES) / "usr/lib/go-1.19"
            work = self.layout.kubernetes / "work"
            self.layout.remove(work)
            unpacked = self.packages.download_source(SOURCE_PACKAGE, work / "download")
            source = work / "gopath/src" / IMPORT
            source.parent.mkdir(parents=True)
            unpacked.rename(source)
        with self.steps.step("Kubernetes: OpenAPI definitions"):
            self._generate(work, source, go_root)
        with self.steps.step("Kubernetes: compiling, four minutes or more"):
            self._compile(work, go_root, Version.of_package(version))
        inputs = work / "bin" / INPUTS
        inputs.write_text(f"{version} {go_version}\n", encoding="utf-8")
        (work / "bin").rename(target)
        # The compiler and its cache are 2 GB and of no further use.
        self.layout.remove(work)
        self.layout.remove(self.layout.packages / "go")
        return target

    def _cached(self) -> Path | None:
        pause = PAUSE_SOURCE.read_text(encoding="utf-8")
        for folder in sorted(self.layout.kubernetes.glob("*/"), reverse=True):
            inputs = folder / INPUTS
            if inputs.exists():
                version, go_version = inputs.read_text(encoding="utf-8").split()
                if folder.name == cache_key(version, go_version, pause):
                    return folder
        return None

    def _generate(self, work: Path, source: Path, go_root: Path) -> None:
        """Make the one generated file that the source package lacks."""
        names = openapi_packages(marked_folders(source))
        self._go(
            work,
            go_root,
            ["run", f"{IMPORT}/vendor/k8s.io/kube-openapi/cmd/openapi-gen"]
            + ["-O", "zz_generated.openapi", "-r", "/dev/null"]
            + ["--go-header-file", "hack/boilerplate/boilerplate.generatego.txt"]
            + ["--output-base", str(work / "gopath/src")]
            + ["-p", f"{IMPORT}/pkg/generated/openapi", "-i", ",".join(names)],
            purpose="generating the OpenAPI definitions of Kubernetes",
        )

    def _compile(self, work: Path, go_root: Path, version: Version) -> None:
        binaries = work / "bin"
        binaries.mkdir()
        commands = [f"{IMPORT}/cmd/{command}" for command in COMMANDS]
        self._go(
            work,
            go_root,
            ["build", "-trimpath", "-ldflags", version.linker_flags(), "-tags", TAGS]
            + ["-o", f"{binaries}/", *commands],
            purpose="compiling Kubernetes",
        )
        self._go(
            work,
            go_root,
            ["build", "-trimpath", "-ldflags", "-s -w"]
            + ["-o", str(binaries / "pause"), str(PAUSE_SOURCE)],
            purpose="compiling the pause program",
        )

    def _go(self, work: Path, go_root: Path, words: list[str], purpose: str) -> None:
        run(
            [go_root / "bin/go", *words],
            purpose=purpose,
            env=self._go_environment(work, go_root),
            cwd=work / "gopath/src" / IMPORT,
            log=self.layout.logs / "kubernetes-build.log",
            timeout_s=3600,
        )

    def _go_environment(self, work: Path, go_root: Path) -> dict[str, str]:
        return {
            "GOROOT": str(go_root),
            "GOPATH": str(work / "gopath"),
            "GOCACHE": str(work / "gocache"),
            "GO111MODULE": "off",
            "GOPROXY": "off",
            "GOTOOLCHAIN": "local",
            "GOFLAGS": "",
            "CGO_ENABLED": "0",
            "PATH": f"{go_root / 'bin'}:{os.environ.get('PATH', '')}",
        }
