"""Image digests: the only name under which an image is deployed."""

from __future__ import annotations

import re

from delivery.pipeline.errors import StepError

ZERO = "sha256:" + "0" * 64
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def parse_digest(text: str) -> str:
    """``text`` as the digest of an image that exists.

    :raises StepError: it is no digest, or the all-zero one that git holds
    """
    digest = text.strip()
    if not _DIGEST.fullmatch(digest):
        raise StepError(
            "not-a-digest",
            f"{digest!r} is not an image digest (sha256:, 64 hex digits)",
        )
    if digest == ZERO:
        raise StepError(
            "zero-digest", "the all-zero digest is no image: pin the overlay first"
        )
    return digest


def short(digest: str) -> str:
    """The first twelve digits: what a name in the cluster can hold."""
    return digest.removeprefix("sha256:")[:12]
