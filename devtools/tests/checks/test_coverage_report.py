"""Every product module has to be in the coverage report."""

from __future__ import annotations

from pathlib import Path

import pytest

from devtools.checks.check import Status
from devtools.checks.coverage_report import CoverageCompleteness
from devtools.tests.checks.conftest import MakeRepository

REPORT = """<coverage><sources><source>{source}</source></sources><packages><package>
<classes>{classes}</classes></package></packages></coverage>"""


def write_report(folder: Path, *names: str, source: str = ".") -> None:
    classes = "".join(f'<class filename="{name}"/>' for name in names)
    text = REPORT.format(source=source, classes=classes)
    (folder / "coverage.xml").write_text(text)


@pytest.fixture
def source_path(make_repository: MakeRepository) -> Path:
    files = {
        "src/app/__init__.py": "",
        "src/app/words/__init__.py": '# why\n"""Words."""\n',
        "src/app/core.py": "x = 1\n",
        "src/app/edge.py": "y = 1\n",
        "tests/test_core.py": "z = 1\n",
        "__manifest__.py": "{}\n",
    }
    return make_repository(files).root


def test_a_report_that_has_every_module_passes(
    source_path: Path, tmp_path: Path
) -> None:
    write_report(source_path, "src/app/core.py", "src/app/edge.py")

    outcome = CoverageCompleteness(source_path)(tmp_path / "check.log")

    assert outcome.status is Status.PASSED


def test_names_may_be_relative_to_a_source_folder(
    source_path: Path, tmp_path: Path
) -> None:
    write_report(source_path, "core.py", "edge.py", source=str(source_path / "src/app"))

    assert CoverageCompleteness(source_path)(tmp_path / "a.log").note == ""


def test_a_module_that_the_report_lacks_is_named(
    source_path: Path, tmp_path: Path
) -> None:
    write_report(source_path, "src/app/core.py")
    log = tmp_path / "check.log"

    outcome = CoverageCompleteness(source_path)(log)

    assert outcome.note == "1 modules are not in coverage.xml"
    assert log.read_text() == "not in coverage.xml: src/app/edge.py\n"


def test_no_report_fails(source_path: Path, tmp_path: Path) -> None:
    assert CoverageCompleteness(source_path)(tmp_path / "a.log").note == (
        "no coverage.xml"
    )
