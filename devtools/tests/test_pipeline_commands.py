"""The commands of the pipelines: what they prepare, and what they hand over to."""

from __future__ import annotations

import os
from argparse import Namespace
from pathlib import Path
from typing import NoReturn

import pytest

from devtools import pipeline_commands
from devtools.cli import main
from devtools.errors import DevtoolsError
from devtools.layout import Layout


class HandedOver(BaseException):
    """The process became another program."""

    def __init__(self, argv: list[str], environment: dict[str, str]) -> None:
        super().__init__()
        self.words = argv[1:]
        self.python = argv[0]
        self.environment = environment


@pytest.fixture
def root(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """A checkout of root's whose virtualenv is there."""

    def become(path: Path, argv: list[str], environment: dict[str, str]) -> NoReturn:
        raise HandedOver(argv, environment)

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "execve", become)
    monkeypatch.setattr(pipeline_commands, "check_machine", lambda *_: False)
    monkeypatch.setattr(
        pipeline_commands, "ensure_shared_venv", lambda *_: Path("/venvs/delivery")
    )
    monkeypatch.setattr(Layout, "discover", lambda: layout)
    return layout


def handed_over(*words: str) -> HandedOver:
    """What ``python3 -m devtools WORDS`` becomes."""
    with pytest.raises(HandedOver) as caught:
        main(words)
    return caught.value


def test_a_pipeline_becomes_the_runner_of_delivery(root: Layout) -> None:
    found = handed_over("pipeline", "gps", "--approve-as", "devops-lead")
    assert found.python == "/venvs/delivery/bin/python"
    words = ["-m", "delivery", "runner", "run", "gps", "--approve-as", "devops-lead"]
    assert found.words == words
    assert found.environment["PYTHONPATH"] == str(root.root / "delivery" / "src")
    assert found.environment["TMS_CACHE_DIR"] == str(root.cache)


def test_the_addon_s_image_is_made_of_the_odoo_that_is_here(root: Layout) -> None:
    odoo = str(Path(os.environ["ODOO_HOME"]).resolve())
    found = handed_over("pipeline", "gps", "odoo", "--actor", "ann")
    words = ["gps", "odoo", "--actor", "ann", "--odoo-home", odoo]
    assert found.words[4:] == words


def test_a_rollback_and_the_way_down_are_handed_over(root: Layout) -> None:
    words = ["-m", "delivery", "runner", "rollback", "tms-odoo", "--target", "previous"]
    assert handed_over("pipeline-rollback", *words[4:]).words == words
    assert handed_over("pipeline-down").words == ["-m", "delivery", "platform", "down"]


def test_the_planted_cases_are_a_suite_of_their_own(root: Layout) -> None:
    found = handed_over("pipeline-test", "--only", "lint or audited")
    folder = str(root.root / "delivery" / "tests" / "planted")
    words = ["-m", "pytest", "--verbose", "-c", f"{folder}/pytest.ini"]
    assert found.words == [*words, "-k", "lint or audited", folder]
    assert found.environment["ODOO_HOME"] == str(
        Path(os.environ["ODOO_HOME"]).resolve()
    )
    assert handed_over("pipeline-test").words == [*words, folder]


def test_the_platform_has_a_suite_of_its_own(root: Layout) -> None:
    folder = str(root.root / "delivery" / "tests" / "platform_real")
    words = ["-m", "pytest", "--verbose", "-c", f"{folder}/pytest.ini"]
    assert handed_over("platform-test").words == [*words, folder]
    found = handed_over("platform-test", "--only", "down")
    assert found.words == [*words, "-k", "down", folder]


def test_only_root_runs_pipelines(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(DevtoolsError, match="run this as root"):
        pipeline_commands.pipeline(layout, Namespace(words=["gps"]))
