"""Options of ``docker build`` beyond the command that the pipeline's document names."""

from __future__ import annotations

from collections.abc import Mapping

MAIN = "refs/heads/main"


def build_options(environment: Mapping[str, str]) -> str:
    """The options as one line for an unquoted variable.

    The commit becomes a label and a build argument. On GitHub the layer cache is a
    repository of its own; every release reads it and only main writes it, so that
    nothing that is not on main can plant a layer. ``EXTRA_BUILD_OPTIONS`` comes last:
    base image and Odoo source of a machine that reaches no public registry.
    """
    commit = environment["GITHUB_SHA"]
    options = [
        "--build-arg",
        f"REVISION={commit}",
        "--label",
        f"org.opencontainers.image.revision={commit}",
    ]
    for name in ("ODOO_COMMIT", "ODOO_SHA256"):
        if environment.get(name):
            options += ["--build-arg", f"{name}={environment[name]}"]
    builder = environment.get("BUILDER", "")
    if builder:
        cache = f"{environment['ECR_REGISTRY']}/{environment['IMAGE_NAME']}-cache:main"
        options += ["--builder", builder, "--load", "--provenance=false"]
        options += ["--cache-from", f"type=registry,ref={cache}"]
        if environment.get("GITHUB_REF") == MAIN:
            options += ["--cache-to", _cache_to(cache)]
    extra = environment.get("EXTRA_BUILD_OPTIONS", "").split()
    return " ".join([*options, *extra])


def _cache_to(reference: str) -> str:
    return (
        f"type=registry,ref={reference},mode=max,"
        "image-manifest=true,oci-mediatypes=true"
    )
