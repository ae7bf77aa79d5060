"""What an image's build needs on a machine that reaches no public registry.

The base image comes from the platform. The CA bundle and pip's settings are handed to
the build as secrets, so that no layer holds them.
"""

from __future__ import annotations

import configparser
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from delivery.runner.errors import RunnerError

#: pip's options that say where packages come from.
_PIP_OPTIONS = ("index-url", "extra-index-url", "trusted-host", "find-links", "proxy")
_CA_VARIABLES = ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
_CA_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


def build_options(
    environment: Mapping[str, str], folder: Path, odoo_image: str = ""
) -> str:
    """Options of ``docker build``, for ``EXTRA_BUILD_OPTIONS``.

    :param environment: of the steps.
    :param folder: gets pip's settings, readable by its owner only.
    :param odoo_image: name of an image that holds ``/odoo``, its tag led by the series.
    :raises RunnerError: a path has a space, at which the steps would split it
    """
    words = ["--build-arg", f"BASE_IMAGE={environment['BASE_IMAGE']}"]
    bundle = ca_bundle(environment)
    if bundle is not None:
        words += ["--secret", f"id=ca,src={bundle}"]
    settings = pip_settings(pip_configuration(environment))
    if settings:
        path = folder / "pip.conf"
        path.touch(mode=0o600)
        path.write_text(settings, encoding="utf-8")
        words += ["--secret", f"id=pip,src={path}"]
    if odoo_image:
        series = odoo_image.rpartition(":")[2].partition("-")[0]
        # The commit that the repository pins is not what this image holds.
        own = ("ORIGIN=image", f"IMAGE={odoo_image}", f"SERIES={series}", "COMMIT=")
        for pair in own:
            words += ["--build-arg", f"ODOO_{pair}"]
    split = next((word for word in words if len(word.split()) != 1), None)
    if split is not None:
        raise RunnerError(f"a build option cannot hold a space: {split!r}")
    return " ".join(words)


def ca_bundle(environment: Mapping[str, str]) -> Path | None:
    """The certificates that this machine trusts, where they are in one file."""
    named = (environment.get(name, "") for name in _CA_VARIABLES)
    for path in (*named, _CA_BUNDLE):
        if path and Path(path).is_file():
            return Path(path)
    return None


def pip_configuration(environment: Mapping[str, str]) -> str:
    """What ``pip config list`` says: files and variables together."""
    done = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"],
        env=dict(environment),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RunnerError(f"pip config list: {done.stderr.strip()}")
    return done.stdout


def pip_settings(listed: str) -> str:
    """A pip.conf of the lines of ``pip config list`` that hold inside a container."""
    parser = configparser.RawConfigParser()
    parser.add_section("global")
    # Variables weigh more than files; pip lists them as ":env:.name".
    lines = sorted(listed.splitlines(), key=lambda line: line.startswith(":env:"))
    for line in lines:
        name, _, value = line.partition("=")
        option = name.rpartition(".")[2]
        value = value.strip("'\"")
        outside = option != "find-links" or value.startswith(("http:", "https:"))
        if option in _PIP_OPTIONS and value and outside:
            parser.set("global", option, value.replace("\\n", "\n"))
    if not parser.options("global"):
        return ""
    return "\n".join(
        ["[global]", *(f"{key} = {value}" for key, value in parser.items("global")), ""]
    )
