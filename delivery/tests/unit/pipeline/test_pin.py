"""What is deployed is a digest, proven in the render."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from delivery.pipeline.digest import ZERO, parse_digest, short
from delivery.pipeline.errors import StepError
from delivery.pipeline.pin import check, component, pin
from delivery.pipeline.process import run
from delivery.pipeline.render import images, migration_job, name_of, render

from .conftest import DIGEST, OTHER, REPOSITORY, Answers, job, rendered

pytestmark = pytest.mark.usefixtures("real_kubectl")


@pytest.fixture(params=[0, 1], ids=["gps", "odoo"])
def kube(
    request: pytest.FixtureRequest, components: tuple[Path, ...], tmp_path: Path
) -> Path:
    """A copy of a component's manifests."""
    return Path(shutil.copytree(components[request.param] / "kube", tmp_path / "kube"))


@pytest.fixture
def image(kube: Path) -> str:
    return name_of(migration_job(render(kube / "staging", run))).rpartition("-migrate")[
        0
    ]


@pytest.mark.parametrize("text", ["latest", "sha256:abc", "sha256:" + "A" * 64, ""])
def test_only_a_digest_names_an_image(text: str) -> None:
    with pytest.raises(StepError, match="not-a-digest"):
        parse_digest(text)


def test_the_digest_that_git_holds_is_refused() -> None:
    with pytest.raises(StepError, match="zero-digest"):
        parse_digest(ZERO)


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_git_holds_no_image(kube: Path, environment: str) -> None:
    held = images(render(kube / environment, run))
    assert [image.rpartition("@")[2] for image in held] == [ZERO]


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_pins_every_container_and_names_the_job(
    kube: Path, image: str, environment: str
) -> None:
    objects = pin(kube / environment, image, REPOSITORY, DIGEST, run)
    assert images(objects) == {f"{REPOSITORY}@{DIGEST}"}
    assert name_of(migration_job(objects)) == f"{image}-migrate-{short(DIGEST)}"


def test_pins_again_over_an_earlier_pin(kube: Path, image: str) -> None:
    pin(kube / "staging", image, REPOSITORY, OTHER, run)
    objects = pin(kube / "staging", image, REPOSITORY, DIGEST, run)
    assert images(objects) == {f"{REPOSITORY}@{DIGEST}"}


def test_keeps_the_scale_of_the_cluster(kube: Path, image: str) -> None:
    objects = pin(kube / "staging", image, REPOSITORY, DIGEST, run, {image: 5})
    replicas = {
        name_of(item): item["spec"]["replicas"]
        for item in objects
        if item["kind"] == "Deployment"
    }
    assert replicas[image] == 5


def test_an_overlay_without_the_component_is_refused(
    tmp_path: Path, answers: Answers
) -> None:
    with pytest.raises(StepError, match="no-image-component"):
        pin(tmp_path / "staging", "x", REPOSITORY, DIGEST, answers)


def test_a_render_with_another_image_is_refused() -> None:
    objects = [*rendered(), job("stray", "busybox")]
    with pytest.raises(StepError, match="not-pinned") as caught:
        check(objects, REPOSITORY, DIGEST)
    assert "busybox" in caught.value.message


def test_a_job_that_kept_its_name_is_refused() -> None:
    objects = [*rendered()[:-1], job("migrate", f"{REPOSITORY}@{DIGEST}")]
    with pytest.raises(StepError, match="job-not-renamed"):
        check(objects, REPOSITORY, DIGEST)


def test_without_scaling_the_overlay_decides() -> None:
    assert "replicas" not in component("x", REPOSITORY, DIGEST, {})
