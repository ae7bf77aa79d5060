"""Which checks there are, and which of them words choose."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from devtools.checks.audit import AuditCheck
from devtools.checks.catalogue import LINTERS, Catalogue
from devtools.checks.check import Check, Kind
from devtools.checks.commands import TESTED, select
from devtools.checks.components import COMPONENTS
from devtools.checks.lock import ordered
from devtools.checks.machine import versions
from devtools.checks.repository import Repository
from devtools.checks.suite import SuiteCheck
from devtools.errors import DevtoolsError
from devtools.layout import Layout

ROOT = Path(__file__).parents[3]


@pytest.fixture
def checks(tmp_path: Path) -> list[Check]:
    return Catalogue(Layout.discover(), tmp_path).checks()


ALL = tuple(Kind)


def names(checks: list[Check], only: str, kinds: tuple[Kind, ...] = ALL) -> set[str]:
    return {check.name for check in select(checks, kinds, only)}


def test_every_need_is_a_check_and_every_name_unique(checks: list[Check]) -> None:
    known = [check.name for check in checks]

    assert len(known) == len(set(known))
    needed = {need for check in checks for need in check.needs}
    assert needed <= set(known)


def test_every_component_has_every_linter(checks: list[Check]) -> None:
    lints = {check.name for check in checks if check.kind is Kind.LINT}

    for component in COMPONENTS:
        assert {f"{component.name} {name}" for name in LINTERS} <= lints


def test_every_folder_of_a_component_is_there() -> None:
    layout = Layout(ROOT, ROOT / ".cache", ROOT / ".run")

    for component in COMPONENTS:
        assert component.source_path(layout).is_dir()
        assert (component.source_path(layout) / ".flake8").is_file()


def test_every_lock_is_audited_once(checks: list[Check]) -> None:
    audits = [check.action for check in checks if check.kind is Kind.AUDIT]
    audited = [audit.folder / audit.lock for audit in cast(list[AuditCheck], audits)]

    sources = [path for path in Repository(ROOT).files if path.suffix == ".in"]
    assert sorted(audited) == sorted(
        ROOT / path.with_suffix(".txt") for path in sources
    )


def test_no_words_choose_everything(checks: list[Check]) -> None:
    assert select(checks, ALL, " , ") == checks


def test_a_component_is_chosen_with_what_its_checks_need(checks: list[Check]) -> None:
    chosen = names(checks, "gps")

    assert {"gps mypy", "gps unit tests", "gps pip-audit"} <= chosen
    assert "integration system" in chosen
    assert "addon tests" not in chosen


def test_a_word_of_a_name_chooses_over_components(checks: list[Check]) -> None:
    assert {"gps mypy", "devtools mypy"} <= names(checks, "MyPy")
    assert names(checks, "gps mypy,shellcheck") == {"tools", "gps mypy", "shellcheck"}


def test_static_checks_need_no_odoo(checks: list[Check]) -> None:
    chosen = names(checks, "", (Kind.LINT,))

    assert "addon pylint-odoo" in chosen
    assert "setup" not in chosen


def test_a_soak_is_the_long_form_of_the_faults_and_no_part_of_a_test(
    checks: list[Check],
) -> None:
    soaks = [check for check in checks if check.kind is Kind.SOAK]

    assert {check.name for check in soaks} == {"gps soak", "e2e soak"}
    for check in soaks:
        suite = cast(SuiteCheck, check.action)
        assert suite.command.variables == {"FAULTS": "soak"}
        assert (suite.command.cwd / suite.command.argv[1]).exists()
    assert not names(checks, "", TESTED) & {check.name for check in soaks}


def test_words_that_mean_nothing_are_refused(checks: list[Check]) -> None:
    with pytest.raises(DevtoolsError, match="no check is called nonsense: try addon"):
        select(checks, ALL, "nonsense")


def test_locks_are_compiled_after_those_they_name(tmp_path: Path) -> None:
    texts = {
        "b/integration.in": "-r ../a/requirements-dev.in\n",
        "a/requirements-dev.in": "-c requirements.txt\n-r requirements.txt\n",
        "a/requirements.in": "flask\n",
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)

    order = ordered(tmp_path, [Path(name) for name in texts])

    assert [str(path) for path in order] == list(reversed(texts))


def test_versions_name_everything_a_result_depends_on(tmp_path: Path) -> None:
    layout = Layout(ROOT, tmp_path / "cache", tmp_path / "run")

    lines = list(versions(layout))

    assert [line.split()[0] for line in lines] == [
        "machine",
        "Python",
        "Odoo",
        "PostgreSQL",
        "Chromium",
        "Node",
        "commit",
    ]
    assert lines[3].endswith("not there")
