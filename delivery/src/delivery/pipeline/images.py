"""Images in the registry: built once per commit, found again by their tags."""

from __future__ import annotations

import re
from dataclasses import dataclass

from delivery.pipeline.digest import parse_digest
from delivery.pipeline.errors import StepError
from delivery.pipeline.process import Runner, json_of, output_of
from delivery.pipeline.retry import patient

RELEASED = re.compile(r"released-\d{8}T\d{6}Z")


@dataclass(frozen=True)
class Image:
    """One image of a repository with every tag it carries."""

    digest: str
    tags: tuple[str, ...]

    @property
    def released(self) -> tuple[str, ...]:
        """When it went to production, oldest first."""
        return tuple(sorted(tag for tag in self.tags if RELEASED.fullmatch(tag)))


def find(repository: str, tag: str, runner: Runner) -> str | None:
    """The digest of the image that carries ``tag``, or None where there is none.

    :raises StepError: the registry cannot be asked
    """
    command = ["aws", "ecr", "describe-images", "--repository-name", repository]
    result = runner([*command, "--image-ids", f"imageTag={tag}", "--output", "json"])
    if result.code != 0 and "ImageNotFoundException" in result.text:
        return None
    if result.code != 0:
        raise StepError(
            "registry", f"{repository} cannot be asked for {tag}: {result.text.strip()}"
        )
    details = json_of(lambda *_: result, command)["imageDetails"]
    return parse_digest(details[0]["imageDigest"]) if details else None


def catalogue(repository: str, runner: Runner) -> list[Image]:
    """Every tagged image of ``repository``, on every page."""
    command = ["aws", "ecr", "describe-images", "--repository-name", repository]
    command += ["--filter", "tagStatus=TAGGED", "--output", "json"]
    return [
        Image(item["imageDigest"], tuple(item.get("imageTags", ())))
        for item in json_of(runner, command)["imageDetails"]
    ]


def keep_as_released(repository: str, digest: str, tag: str, runner: Runner) -> str:
    """Tag what reached production, once, and return the tag that it bears.

    :param tag: ``released-<UTC time>``, for an image that bears none of these yet.
    :raises StepError: there is no such image
    """
    digest = parse_digest(digest)
    for image in catalogue(repository, runner):
        if image.digest == digest and image.released:
            return image.released[-1]
    add_tag(repository, digest, tag, runner)
    return tag


def add_tag(repository: str, digest: str, tag: str, runner: Runner) -> None:
    """Give the image of ``digest`` one more tag; it keeps its digest.

    :raises StepError: there is no such image, or the tag names another one
    """
    digest = parse_digest(digest)
    read = patient(runner)
    present = find(repository, tag, read)
    if present == digest:
        return
    if present is not None:
        raise StepError(
            "tag-taken", f"{tag} names {present}; tags are immutable, choose another"
        )
    command = ["aws", "ecr", "batch-get-image", "--repository-name", repository]
    command += ["--image-ids", f"imageDigest={digest}", "--output", "json"]
    found = json_of(read, command)["images"]
    if not found:
        raise StepError("no-image", f"{repository} holds no image {digest}")
    put = ["aws", "ecr", "put-image", "--repository-name", repository]
    put += ["--image-tag", tag, "--image-manifest", found[0]["imageManifest"]]
    media_type = found[0].get("imageManifestMediaType")
    if media_type:
        put += ["--image-manifest-media-type", media_type]
    output_of(runner, [*put, "--output", "json"])
    if find(repository, tag, read) != digest:
        raise StepError(
            "digest-changed", f"{tag} does not name {digest} after it was put"
        )
