"""Options of ``docker build`` beyond the command that the pipeline's document names."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

from delivery.pipeline.errors import StepError

MAIN = "refs/heads/main"
#: Beside the Dockerfile of a component that is built from Odoo's source.
ODOO_SOURCE = "odoo-source.toml"


def build_options(environment: Mapping[str, str], source_path: Path) -> str:
    """The options as one line for an unquoted variable.

    The commit becomes a label and a build argument. On GitHub the layer cache is a
    repository of its own; every release reads it and only main writes it, so that
    nothing that is not on main can plant a layer. ``EXTRA_BUILD_OPTIONS`` comes last:
    base image and Odoo source of a machine that reaches no public registry.

    :param source_path: folder of the Dockerfile.
    :raises StepError: Odoo's source is not pinned to a commit
    """
    commit = environment["GITHUB_SHA"]
    options = [
        "--build-arg",
        f"REVISION={commit}",
        "--label",
        f"org.opencontainers.image.revision={commit}",
    ]
    odoo_source = source_path / ODOO_SOURCE
    if odoo_source.is_file():
        options += ["--build-arg", f"ODOO_COMMIT={_pinned_commit(odoo_source)}"]
    builder = environment.get("BUILDER", "")
    if builder:
        cache = f"{environment['ECR_REGISTRY']}/{environment['IMAGE_NAME']}-cache:main"
        options += ["--builder", builder, "--load", "--provenance=false"]
        options += ["--cache-from", f"type=registry,ref={cache}"]
        if environment.get("GITHUB_REF") == MAIN:
            options += ["--cache-to", _cache_to(cache)]
    extra = environment.get("EXTRA_BUILD_OPTIONS", "").split()
    return " ".join([*options, *extra])


def _pinned_commit(path: Path) -> str:
    try:
        commit = tomllib.loads(path.read_text(encoding="utf-8"))["commit"]
    except (tomllib.TOMLDecodeError, KeyError) as error:
        raise StepError("odoo-source", f"{path} names no commit: {error}") from error
    # A branch or a short id would be whatever it is on the day of the build.
    if not isinstance(commit, str) or not re.fullmatch(r"[0-9a-f]{40}", commit):
        raise StepError(
            "odoo-source", f"{path}: commit is {commit!r}, give its 40 hex digits"
        )
    return commit


def _cache_to(reference: str) -> str:
    return (
        f"type=registry,ref={reference},mode=max,"
        "image-manifest=true,oci-mediatypes=true"
    )
