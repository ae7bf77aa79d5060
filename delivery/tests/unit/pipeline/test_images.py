"""Built once per commit, found again by tag, promoted by digest."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from delivery.pipeline.build import build_options
from delivery.pipeline.errors import StepError
from delivery.pipeline.images import add_tag, catalogue, find, keep_as_released

from .conftest import DIGEST, OTHER, Answers

NOT_FOUND = "An error occurred (ImageNotFoundException)"
COMMIT = "c" * 40


def details(*images: tuple[str, list[str]]) -> dict[str, object]:
    return {"imageDetails": [{"imageDigest": d, "imageTags": t} for d, t in images]}


def test_finds_the_image_of_a_commit(answers: Answers) -> None:
    answers.on("describe-images", output=details((DIGEST, [COMMIT])))
    assert find("tms-odoo", COMMIT, answers) == DIGEST


@pytest.mark.parametrize(
    ("code", "errors", "output"), [(254, NOT_FOUND, ""), (0, "", {"imageDetails": []})]
)
def test_a_commit_that_was_not_built_has_none(
    answers: Answers, code: int, errors: str, output: object
) -> None:
    answers.on("describe-images", code=code, errors=errors, output=output)
    assert find("tms-odoo", COMMIT, answers) is None


def test_a_registry_that_does_not_answer_is_not_an_empty_one(answers: Answers) -> None:
    answers.on("describe-images", code=255, errors="ExpiredTokenException")
    with pytest.raises(StepError, match="ExpiredTokenException"):
        find("tms-odoo", COMMIT, answers)


def test_lists_images_with_their_releases(answers: Answers) -> None:
    tags = [COMMIT, "released-20261123T100000Z", "released-20261001T100000Z"]
    answers.on("describe-images", output=details((DIGEST, tags), (OTHER, ["v1.0.0"])))
    first, second = catalogue("tms-odoo", answers)
    assert first.released == tuple(sorted(tags[1:]))
    assert second.released == ()


def test_what_is_kept_as_released_already_is_left(answers: Answers) -> None:
    kept = "released-20261001T100000Z"
    answers.on("describe-images", output=details((DIGEST, [COMMIT, kept])))
    tag = "released-20261101T100000Z"
    assert keep_as_released("tms-odoo", DIGEST, tag, answers) == kept
    assert answers.commands("put-image") == []
    assert answers.commands("imageTag") == []


def test_what_reached_production_is_kept_as_released(answers: Answers) -> None:
    tag = "released-20261101T100000Z"
    answers.on("tagStatus", output=details((DIGEST, [COMMIT]), (OTHER, [tag[:-2]])))
    tagging(answers)
    answers.on("describe-images", output=details((DIGEST, [COMMIT, tag])))
    assert keep_as_released("tms-odoo", DIGEST, tag, answers) == tag
    (put,) = answers.commands("put-image")
    assert put[put.index("--image-tag") + 1] == tag


def tagging(answers: Answers, media_type: str = "") -> None:
    image: dict[str, str] = {"imageManifest": "{}"}
    if media_type:
        image["imageManifestMediaType"] = media_type
    answers.on("describe-images", code=254, errors=NOT_FOUND)
    answers.on("batch-get-image", output={"images": [image]})
    answers.on("put-image", output={})


@pytest.mark.parametrize(
    "media_type", ["", "application/vnd.oci.image.manifest.v1+json"]
)
def test_a_tag_is_added_to_the_same_digest(answers: Answers, media_type: str) -> None:
    tagging(answers, media_type)
    answers.on("describe-images", output=details((DIGEST, ["v1.2.0"])))
    add_tag("tms-odoo", DIGEST, "v1.2.0", answers)
    (put,) = answers.commands("put-image")
    assert put[put.index("--image-tag") + 1] == "v1.2.0"
    assert (media_type in put) is bool(media_type)


def test_a_tag_that_is_there_already_is_left(answers: Answers) -> None:
    answers.on("describe-images", output=details((DIGEST, ["v1.2.0"])))
    add_tag("tms-odoo", DIGEST, "v1.2.0", answers)
    assert answers.commands("put-image") == []


def test_a_tag_never_moves(answers: Answers) -> None:
    answers.on("describe-images", output=details((OTHER, ["v1.2.0"])))
    with pytest.raises(StepError, match="tag-taken"):
        add_tag("tms-odoo", DIGEST, "v1.2.0", answers)


def test_an_image_that_is_not_there_gets_no_tag(answers: Answers) -> None:
    answers.on("describe-images", code=254, errors=NOT_FOUND)
    answers.on("batch-get-image", output={"images": []})
    with pytest.raises(StepError, match="no-image"):
        add_tag("tms-odoo", DIGEST, "v1.2.0", answers)


def test_a_registry_that_stores_another_digest_is_caught(answers: Answers) -> None:
    tagging(answers)
    answers.on("describe-images", output=details((OTHER, ["v1.2.0"])))
    with pytest.raises(StepError, match="digest-changed"):
        add_tag("tms-odoo", DIGEST, "v1.2.0", answers)


# Options of the build.

ENVIRONMENT = {"GITHUB_SHA": COMMIT, "GITHUB_REF": "refs/heads/main"}
HOSTED = {
    **ENVIRONMENT,
    "BUILDER": "tms",
    "ECR_REGISTRY": "1.dkr.ecr.example",
    "IMAGE_NAME": "tms-odoo",
}


def test_an_image_names_its_commit(tmp_path: Path) -> None:
    options = build_options(ENVIRONMENT, tmp_path)
    assert options == (
        f"--build-arg REVISION={COMMIT} "
        f"--label org.opencontainers.image.revision={COMMIT}"
    )


def test_main_reads_and_writes_the_layer_cache(tmp_path: Path) -> None:
    options = build_options(HOSTED, tmp_path)
    cache = "type=registry,ref=1.dkr.ecr.example/tms-odoo-cache:main"
    assert f"--cache-from {cache}" in options
    assert f"--cache-to {cache},mode=max" in options


def test_nothing_but_main_writes_the_layer_cache(tmp_path: Path) -> None:
    options = build_options({**HOSTED, "GITHUB_REF": "refs/tags/v1.0.0"}, tmp_path)
    assert "--cache-from" in options
    assert "--cache-to" not in options


def test_a_machine_without_public_registries_brings_its_own_base(
    tmp_path: Path,
) -> None:
    extra = {"EXTRA_BUILD_OPTIONS": " --build-arg BASE_IMAGE=local/base:1 "}
    options = build_options({**ENVIRONMENT, **extra}, tmp_path)
    assert options.endswith("--build-arg BASE_IMAGE=local/base:1")


def test_odoo_is_built_from_the_commit_that_is_pinned_beside_the_dockerfile(
    tmp_path: Path,
) -> None:
    (tmp_path / "odoo-source.toml").write_text(f'commit = "{"d" * 40}"\n')
    options = build_options(ENVIRONMENT, tmp_path)
    assert f"--build-arg ODOO_COMMIT={'d' * 40}" in options


@pytest.mark.parametrize(
    "text", ["", "commit = 1", 'commit = "18.0"', 'commit = "d1d1d1d"', "commit"]
)
def test_a_source_that_is_not_pinned_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "odoo-source.toml").write_text(text)
    with pytest.raises(StepError, match="odoo-source"):
        build_options(ENVIRONMENT, tmp_path)


def test_the_addon_pins_one_commit_of_the_repository_that_its_image_is_built_from(
    components: tuple[Path, ...],
) -> None:
    _, addon = components
    pinned = tomllib.loads((addon / "odoo-source.toml").read_text())
    assert f"ODOO_COMMIT={pinned['commit']}" in build_options(ENVIRONMENT, addon)
    dockerfile = (addon / "Dockerfile").read_text()
    assert f"ADD {pinned['repository']}#${{ODOO_COMMIT" in dockerfile
    assert f"ARG ODOO_SERIES={pinned['branch']}" in dockerfile
