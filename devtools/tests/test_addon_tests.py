"""The addon's tests run on a copy of the template, and what they show is judged."""

from __future__ import annotations

from dataclasses import replace

import pytest

from devtools.addon_tests import AddonTestResult, run_addon_tests
from devtools.cli import main
from devtools.errors import DevtoolsError
from devtools.layout import Layout
from devtools.odoo_source import locate_odoo

# Stands in for pytest-odoo, which needs a whole Odoo: its options, and Odoo's log.
PLUGIN = """
import configparser

def pytest_addoption(parser):
    parser.addoption("--odoo-config")
    parser.addoption("--odoo-database")
    parser.addoption("--odoo-log-level")
    parser.addoption("--odoo-http", action="store_true")

def pytest_configure(config):
    options = configparser.ConfigParser()
    options.read(config.getoption("--odoo-config"))
    assert config.getoption("--odoo-database") == options["options"]["db_name"]
    with open(options["options"]["logfile"], "a") as log:
        log.write(open("odoo.log").read())
"""
TESTS = """
import pytest
from models import trip

def test_states():
    assert trip.STATES == ("planned",)

@pytest.mark.skip(reason="no browser")
def test_tour():
    pass
"""
LOG = "2026-11-23 10:00:00,000 7 {level} tms odoo.addons.tms_management: late\n"


@pytest.fixture
def checkout(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """A checkout whose addon has tests of its own, and a skip that was agreed to."""
    agreed = frozenset({("addon tests", "tests.test_trip.test_tour")})
    monkeypatch.setattr("devtools.addon_tests.read_reviewed", lambda: agreed)
    addon = layout.addon
    (addon / "tests").mkdir()
    (addon / "tests" / "test_trip.py").write_text(TESTS)
    (addon / "conftest.py").write_text(PLUGIN)
    (addon / "odoo.log").write_text(LOG.format(level="INFO"))
    (addon / ".coveragerc").write_text(
        "[run]\nbranch = true\nomit =\n  tests/*\n  conftest.py\n  __manifest__.py\n"
    )
    (addon / "pytest.ini").write_text("[pytest]\ntestpaths = tests\npythonpath = .\n")
    return layout


def run(checkout: Layout, *arguments: str) -> AddonTestResult:
    return run_addon_tests(checkout, locate_odoo(checkout), arguments=arguments)


def test_a_good_run_counts_tests_skips_and_coverage(checkout: Layout) -> None:
    result = run(checkout)
    assert result.passed
    assert (result.series, result.tests, result.failures) == ("19.0", 2, 0)
    assert [skip.reason for skip in result.skipped] == ["no browser"]
    assert result.coverage == 100
    assert "addon tests passed on Odoo 19.0" in result.summary()
    assert result.junit == checkout.root / "reports" / "addon-19.0.xml"
    assert (checkout.addon / "coverage.xml").is_file()
    assert not list(checkout.run.iterdir())


def test_a_warning_in_odoos_log_fails_a_run_and_is_shown_once(checkout: Layout) -> None:
    (checkout.addon / "odoo.log").write_text(LOG.format(level="WARNING") * 3)
    result = run(checkout)
    assert (result.status, result.passed) == (0, False)
    assert result.summary().splitlines()[1:] == [
        "  problems in Odoo's log:",
        "    WARNING tms odoo.addons.tms_management: late",
    ]


def test_a_failing_test_fails_the_run(checkout: Layout) -> None:
    (checkout.addon / "models" / "trip.py").write_text("STATES = ()\n")
    result = run(checkout)
    assert (result.failures, result.passed) == (1, False)


def test_a_skip_without_review_fails_the_run(
    checkout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("devtools.addon_tests.read_reviewed", frozenset)
    result = run(checkout)
    assert (result.status, result.passed) == (0, False)
    assert result.summary().splitlines()[1:] == [
        "  skipped without review: tests.test_trip.test_tour (no browser)"
    ]


def test_too_little_coverage_fails_the_run(checkout: Layout) -> None:
    result = run(checkout)
    assert not replace(result, coverage=79.9).passed
    assert not replace(result, coverage=None).passed
    assert "coverage none" in replace(result, coverage=None).summary()


def test_a_pytest_that_cannot_begin_is_told(checkout: Layout) -> None:
    with pytest.raises(DevtoolsError, match="ended with status 4 before any test"):
        run(checkout, "--no-such-option")


def test_the_command_for_18_wants_an_18(
    checkout: Layout,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(Layout, "discover", lambda: checkout)
    assert main(["test-18"]) == 1
    assert "is Odoo 19.0, not 18.0" in capsys.readouterr().err
    monkeypatch.delenv("ODOO_HOME")
    assert main(["test-18"]) == 1
    assert "make test-18 ODOO_HOME=/path/to/odoo-18.0" in capsys.readouterr().err


def test_the_command_for_18_runs_them(
    checkout: Layout,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    tree = replace(locate_odoo(checkout), series="18.0")
    monkeypatch.setattr(Layout, "discover", lambda: checkout)
    monkeypatch.setattr("devtools.cli.inspect_tree", lambda path, origin: tree)
    assert main(["test-18"]) == 0
    assert "addon tests passed on Odoo 18.0" in capsys.readouterr().out
